"""The OpenAPI document of an app and the page that shows it."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from gunicorn.http import errors
from msgspec import UNSET, UnsetType
from prometheus_client import CollectorRegistry

from logmill.gunicorn_answers import answer_to
from logmill.openapi import Answer, Body, Parameter, Success, describe
from logmill.openapi.document import every_route, path_of
from logmill.settings import load
from logmill.web import answer, make_app


class Shown(Success):
    """What is shown.

    Attributes:
        count: how many there are,
            all in all.
        rest: what is left.
    """

    count: int
    rest: str | UnsetType = UNSET


class Thing:
    @staticmethod
    def json_schema() -> dict[str, Any]:
        return {"type": "object", "properties": {"a": {"type": "string"}}}


def client(**overrides: Any) -> FlaskClient:
    app = make_app("test", load({}, **overrides), readiness=lambda: "ready", registry=CollectorRegistry())

    @app.post("/things/<path:thing_id>")
    @describe(
        "Change a thing",
        tag="Things",
        parameters=[Parameter("thing_id", "Which.", {"type": "string"}, "path")],
        body=Body("The thing.", {"application/json": Thing}),
        answers={200: Answer("changed", (Shown, list[Thing]))},
        errors={404: "there is none"},
    )
    def change(thing_id: str) -> Any:
        return answer({"thing": thing_id})

    @app.get("/silent")
    def silent() -> Any:
        return answer({})

    return app.test_client()


def test_an_operation_says_its_parameters_its_body_and_all_its_answers() -> None:
    document = client().get("/openapi.json").json
    operation = document["paths"]["/things/{thing_id}"]["post"]
    assert [(one["name"], one["in"], one["required"]) for one in operation["parameters"]] == [
        ("thing_id", "path", True)
    ]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Thing"}
    assert set(operation["responses"]) == {"200", "400", "404", "408", "413", "415", "421"}
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert shown[0] == {"$ref": "#/components/schemas/Shown"}
    for status in ("400", "404", "421"):
        found = operation["responses"][status]["content"]["application/json"]["schema"]
        assert found == {"$ref": "#/components/schemas/Error"}
    assert document["components"]["schemas"]["Thing"] == Thing.json_schema()


def test_a_struct_is_shown_with_the_words_of_its_docstring_and_no_other_fields() -> None:
    shown = client().get("/openapi.json").json["components"]["schemas"]["Shown"]
    assert shown["description"] == "What is shown."
    assert shown["properties"]["count"] == {"type": "integer", "description": "how many there are, all in all."}
    assert shown["properties"]["rest"]["description"] == "what is left."
    assert set(shown["required"]) == {"status", "count"}
    assert shown["additionalProperties"] is False


def test_a_route_that_nothing_is_said_of_is_left_out_and_can_be_told() -> None:
    asked = client()
    assert "/silent" not in asked.get("/openapi.json").json["paths"]
    assert "/silent" in {path_of(rule) for rule, _ in every_route(asked.application)}


def test_where_a_key_is_asked_for_the_document_says_so_and_needs_none() -> None:
    document = client(api_key="secret").get("/openapi.json").json
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert {"bearer": []} in document["security"]
    closed, opened = document["paths"]["/metrics"]["get"], document["paths"]["/health"]["get"]
    assert "401" in closed["responses"]
    assert "security" not in closed
    assert "401" not in opened["responses"]
    assert opened["security"] == []
    assert "security" not in client().get("/openapi.json").json


def test_the_page_needs_no_key_has_no_script_in_it_and_all_its_files_are_served() -> None:
    asked = client(api_key="secret")
    with asked.get("/docs") as page:
        text = page.text
        policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|style=|https?://", text)
    names = re.findall(r'(?:src|href)="(docs/[^"]+)"', text)
    assert len(names) >= 4
    for name in names:
        with asked.get(f"/{name}") as file:
            assert file.status_code == 200, name
            assert len(file.data) > 100
    for name in ("LICENSE", "index.html", "..%2Fpages.py", "%2e%2e/pages.py"):
        assert asked.get(f"/docs/{name}").status_code in {401, 404}


def test_options_is_answered_without_a_body_and_a_wrong_method_with_those_that_are_there() -> None:
    options, wrong = client().options("/silent"), client().delete("/silent")
    assert (options.status_code, options.data, "Content-Type" in options.headers) == (204, b"", False)
    assert set(options.headers["Allow"].split(", ")) == set(wrong.headers["Allow"].split(", "))
    assert (wrong.status_code, wrong.json["code"]) == (405, "method_not_allowed")


def test_what_is_no_http_request_is_answered_in_the_one_shape_unless_the_fault_is_ours() -> None:
    answered = answer_to(errors.LimitRequestLine(9000, 8190))
    assert answered is not None
    head, _, body = answered.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 414 ")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"status":"error","code":"uri_too_long"' in body
    for ours in (errors.InvalidResponseHeader("X"), errors.ConfigurationProblem("x"), ZeroDivisionError()):
        assert answer_to(ours) is None
