"""The OpenAPI documents: they name every route and parameter, and the running services do as they say."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

import producer.app
import storage.app
from logmill.broker import Message, broker_of
from logmill.openapi.document import every_route, path_of
from logmill.record import Lane
from logmill.settings import Settings, load
from tests.support.broker_client import Client
from tests.support.pipeline import Pipeline
from tests.support.service_process import ROOT
from tests.support.waiting import wait_until

KEY = "a-key"
HEADERS = {"Authorization": f"Bearer {KEY}"}
CONFIG = ROOT / "tests" / "support" / "schemathesis.toml"
# Of each operation; by hand it can be more.
EXAMPLES = 12
DEADLINE_S = 100
# It empties the store, so it is looked at when the others were.
LAST = "/logs/clear"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("openapi")
    url = f"sqlite:///{folder}/broker.sqlite3"
    return load({}, broker_url=url, data_dir=str(folder / "data"), producer_pin_cores=False)


@pytest.fixture(scope="module", params=[producer.app, storage.app], ids=["producer", "storage"])
def app(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Flask]:
    made = request.param.create_app(settings)
    yield made
    made.extensions["logmill_close"]()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline that asks for a key, with logs of each level, an anomaly, and dead letters."""
    with Pipeline(tmp_path_factory.mktemp("pipeline"), "embedded", api_key=KEY) as pipeline:
        sent = [
            {"level": level, "service": service, "message": f"request {n} failed", "metadata": {"status_code": 500 + n}}
            for n in range(5)
            for level in ("DEBUG", "INFO", "ERROR", "CRITICAL")
            for service in ("auth", "api gateway")
        ]
        accepted = requests.post(f"{pipeline.producer_url}/logs/batch", json=sent, headers=HEADERS, timeout=60)
        assert accepted.status_code == 201, accepted.text
        with Client(broker_of(pipeline.settings)) as client:
            publisher = client.publisher()
            for number in range(3):
                body = b"no JSON at all"
                publisher.publish(Message(body, Lane.NORMAL, f"m{number}", content_type="application/json")).result(10)
        wait_until(lambda: _get(pipeline.storage_url, "/logs/stats")["total_logs"] == len(sent), 60, "logs stored")
        wait_until(lambda: _get(pipeline.producer_url, "/dead")["count"] == 3, 60, "letters put aside")
        yield pipeline


def _get(url: str, path: str, **params: str) -> Any:
    return requests.get(url + path, params=params, headers=HEADERS, timeout=60).json()


def document_of(app: Flask) -> dict[str, Any]:
    answered = app.test_client().get("/openapi.json")
    assert answered.status_code == 200
    found: dict[str, Any] = answered.json
    return found


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method, path): one for path, methods in document["paths"].items() for method, one in methods.items()}


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    described = set(operations(document_of(app)))
    there = {(method.lower(), path_of(rule)) for rule, method in every_route(app)}
    assert described == there


def test_every_part_of_a_path_is_a_parameter_and_every_operation_has_a_name_of_its_own(app: Flask) -> None:
    found = operations(document_of(app))
    for (_, path), one in found.items():
        named = {parameter["name"] for parameter in one.get("parameters", []) if parameter["in"] == "path"}
        assert named == {piece.partition("}")[0] for piece in path.split("{")[1:]}, path
    names = [one["operationId"] for one in found.values()]
    assert len(names) == len(set(names))


def test_the_parameters_in_the_document_are_those_that_are_read(app: Flask) -> None:
    """A request with a parameter that nobody knows is told which there are."""
    client = app.test_client()
    checked = 0
    for (method, path), one in operations(document_of(app)).items():
        body = {"data": "a line", "content_type": "text/plain"} if method == "post" else {}
        with client.open(path, method=method, query_string={"no_such": "1"}, **body) as answered:
            if answered.status_code != 400 or answered.json["code"] != "unknown":
                continue
            message = answered.json["message"]
        known = message.partition("known are ")[2] or message.rpartition(" is ")[2]
        described = {parameter["name"] for parameter in one.get("parameters", []) if parameter["in"] == "query"}
        refused = {"since", "until"} if path == "/logs/tail" else set()
        assert described == set(known.split(", ")) - refused, path
        checked += 1
    assert checked >= 2


def test_each_read_says_what_its_own_time_limit_is(running: Pipeline) -> None:
    paths = _get(running.storage_url, "/openapi.json")["paths"]
    for path, limit in (
        ("/logs", "LOGMILL_QUERY_TIMEOUT_S"), ("/logs/export", "LOGMILL_EXPORT_TIMEOUT_S"), ("/logs/tail", "backlog")
    ):  # fmt: skip
        (timeout,) = [one for one in paths[path]["get"]["parameters"] if one["name"] == "timeout"]
        assert limit in timeout["description"]


def test_a_tail_is_the_stream_that_the_document_says(running: Pipeline) -> None:
    document = _get(running.storage_url, "/openapi.json")
    (media,) = document["paths"]["/logs/tail"]["get"]["responses"]["200"]["content"]
    url = f"{running.storage_url}/logs/tail?backlog=1"
    with requests.get(url, headers=HEADERS, stream=True, timeout=10) as tail:
        assert (tail.status_code, tail.headers["Content-Type"].partition(";")[0]) == (200, media)
        assert any(line == b"event: log" for line in tail.iter_lines())


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /logs?q=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "uri_too_long"),
        (b"GET /logs?q=" + b"a" * 8100 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 401, "unauthorized"),
        (b"no request\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX y: 1\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "request_header_fields_too_large"),
    ],
    ids=["long path", "less long path", "no HTTP", "bad header", "long header"],
)
def test_what_is_no_request_for_the_service_is_answered_in_the_one_shape(
    running: Pipeline, request_: bytes, status: int, code: str
) -> None:
    for port in (running.settings.producer_port, running.settings.storage_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request_)
            answered = HTTPResponse(connection)
            answered.begin()
            body = json.loads(answered.read())
        assert (answered.status, body["status"], body["code"]) == (status, "error", code)
        assert answered.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("service", ["producer", "storage"])
@pytest.mark.timeout(2 * DEADLINE_S)
def test_the_service_does_as_its_document_says(running: Pipeline, service: str, tmp_path: Path) -> None:
    url = running.producer_url if service == "producer" else running.storage_url
    _look(url, tmp_path, f"--exclude-path={LAST}", f"--max-examples={EXAMPLES}")


def test_clearing_is_as_the_document_says(running: Pipeline, tmp_path: Path) -> None:
    _look(running.storage_url, tmp_path, f"--include-path={LAST}", "--max-examples=3")
    assert _get(running.storage_url, "/logs/stats")["total_logs"] == 0


def _look(url: str, folder: Path, *options: str) -> None:
    command = [str(Path(sys.executable).parent / "st"), "--no-color", f"--config-file={CONFIG}", "run"]
    command += [f"{url}/openapi.json", f"--header=Authorization:Bearer {KEY}", "--generation-deterministic", *options]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
