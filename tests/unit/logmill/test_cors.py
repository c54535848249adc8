"""CORS: the origins that are named get the headers, on every answer, and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from logmill.cors import allowed_origins
from logmill.errors import BrokerFull, ConfigError
from logmill.request_bodies import read_body
from logmill.settings import load
from logmill.web import answer, make_app

APP = "https://app.example"
OTHER = "http://[::1]:3000"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, content-encoding, idempotency-key",
}


def client(**overrides: Any) -> FlaskClient:
    app = make_app("test", load({}, **overrides), readiness=lambda: "waiting", registry=CollectorRegistry())

    @app.post("/logs")
    def logs() -> Any:
        return answer({"bytes": len(read_body(100))}, 201)

    @app.get("/full")
    def full() -> Any:
        raise BrokerFull("full", 3)

    @app.get("/bug")
    def bug() -> Any:
        raise ZeroDivisionError

    return app.test_client()


@pytest.mark.parametrize("key", ["", "secret"])
@pytest.mark.parametrize("origin", [APP, OTHER])
def test_a_preflight_of_a_named_origin_is_told_what_it_may_send_without_a_key(key: str, origin: str) -> None:
    asked = client(cors_origins=f"{APP}, {OTHER}", api_key=key).options(
        "/logs", headers={"Origin": origin, **PREFLIGHT}
    )
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert set(asked.headers["Access-Control-Allow-Methods"].split(", ")) == {"POST", "OPTIONS"}
    allowed = {name.lower() for name in asked.headers["Access-Control-Allow-Headers"].split(", ")}
    assert allowed >= set(PREFLIGHT["Access-Control-Request-Headers"].split(", "))
    assert "Origin" in asked.headers["Vary"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200), ("POST", "/logs", 201), ("GET", "/nowhere", 404), ("GET", "/logs", 405),
        ("GET", "/full", 503), ("GET", "/bug", 500),
    ],
)  # fmt: skip
def test_every_answer_to_a_named_origin_has_the_headers(method: str, path: str, status: int) -> None:
    answered = client(cors_origins=APP).open(path, method=method, headers={"Origin": APP})
    assert answered.status_code == status
    assert answered.headers["Access-Control-Allow-Origin"] == APP
    assert {"Retry-After", "Idempotency-Replayed"} <= set(answered.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answered.headers
    assert "Origin" in answered.headers["Vary"]


def test_answers_that_the_body_or_the_key_brings_about_have_the_headers() -> None:
    asked = client(cors_origins=APP, api_key="secret", max_body_bytes=1024)
    for headers, status in (({}, 401), ({"X-Api-Key": "secret"}, 413)):
        answered = asked.post("/logs", data=b"x" * 2000, headers={"Origin": APP, **headers})
        assert (answered.status_code, answered.headers["Access-Control-Allow-Origin"]) == (status, APP)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", f"{APP}.evil.example", "null", "", None]
)
@pytest.mark.parametrize("named", [APP, f"{APP},{OTHER}"])
def test_another_origin_gets_no_header_but_vary(named: str, origin: str | None) -> None:
    for method in ("GET", "OPTIONS"):
        headers = {} if origin is None else {"Origin": origin}
        answered = client(cors_origins=named).open("/health", method=method, headers={**headers, **PREFLIGHT})
        assert not [name for name, _ in answered.headers if name.startswith("Access-Control")]
        assert "Origin" in answered.headers["Vary"]


def test_without_the_setting_no_origin_gets_a_header() -> None:
    answered = client().get("/health", headers={"Origin": APP})
    assert not {"Access-Control-Allow-Origin", "Vary"} & set(answered.headers.keys())


def test_any_origin_may_ask_only_where_a_key_is_asked_for() -> None:
    answered = client(cors_origins="*", api_key="secret").get("/health", headers={"Origin": APP})
    assert answered.headers["Access-Control-Allow-Origin"] == APP
    with pytest.raises(ConfigError, match="needs an API key"):
        allowed_origins(load({}, cors_origins="*"))


@pytest.mark.parametrize(
    "name",
    ["app.example", "https://app.example/", "https://APP.example", "https://app.example:443", "http://a:80", "null",
     "https://user@app.example", "https://", "http://a:x", "https://*.example?"],
)  # fmt: skip
def test_what_no_browser_sends_is_refused_when_the_service_starts(name: str) -> None:
    with pytest.raises(ConfigError, match="LOGMILL_CORS_ORIGINS"):
        client(cors_origins=f"{APP},{name}", api_key="secret")


def test_an_untrusted_host_is_refused_before_a_preflight_is_answered() -> None:
    asked = client(cors_origins=APP).options("/logs", headers={"Origin": APP, "Host": "evil.example", **PREFLIGHT})
    assert asked.status_code == 421
