"""How storage asks the producer: a small HTTP server stands in for one that misbehaves in every way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from logmill.errors import Retry
from logmill.settings import Settings, load
from logmill.web import make_app
from storage.pipeline import producer
from storage.pipeline.producer import BadAnswer, ProducerClient
from storage.routes import pipeline
from tests.support.odd_producer import GOOD, Handler, Respond, Server
from tests.support.ports import free_port
from tests.support.waiting import wait_until

KEY = "the-key-of-both"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.fixture
def settings(server: Server) -> Settings:
    return load({}, producer_url=server.url + "/", api_key=KEY)


@pytest.fixture
def client(settings: Settings) -> ProducerClient:
    return ProducerClient(settings)


@pytest.fixture
def http(settings: Settings) -> FlaskClient:
    """Storage's routes for dead letters, without a store."""
    app: Flask = make_app("storage", settings, readiness=lambda: "ready", registry=CollectorRegistry())
    app.register_blueprint(pipeline.blueprint(None, ProducerClient(settings)))  # type: ignore[arg-type]
    return app.test_client()


def ask(http: FlaskClient, path: str, body: object = None, **more: object):
    headers = {"Authorization": f"Bearer {KEY}"}
    if body is None:
        return http.get(path, headers=headers, **more)
    return http.post(path, **{"json": body, "headers": headers, **more})


def test_a_look_says_what_the_producer_says_and_sends_the_key(server: Server, client: ProducerClient) -> None:
    look = client.look()
    assert (look.is_reachable, look.is_ready, look.reason, look.dead, look.accepted) == (True, True, "", 4, 300)
    assert (look.lanes[0].messages, look.lanes[0].unacknowledged, look.lanes[0].bytes) == (1, None, 20)
    method, path, headers, _ = server.seen[0]
    assert (method, path, headers["Authorization"]) == ("GET", "/pipeline", f"Bearer {KEY}")
    assert headers["Connection"] == "close", "the producer would wait for a kept one when it stops"


def test_a_producer_without_its_broker_is_reachable_and_says_why_it_is_not_ready(
    server: Server, client: ProducerClient
) -> None:
    lanes = [{"lane": "urgent", "messages": None, "unacknowledged": None, "bytes": None, "accepted": 7}]
    broker = {"kind": "rabbitmq", "reachable": False, "reason": "cannot connect to it"}
    body = {**GOOD, "ready": False, "reason": "broker: away", "broker": broker, "lanes": lanes, "dead": {"count": None}}
    server.respond = lambda handler: handler.send(200, body)
    look = client.look()
    assert (look.is_reachable, look.is_ready, look.reason, look.dead) == (True, False, "broker: away", None)
    assert look.accepted == 7


def _hang(handler: Handler) -> None:
    time.sleep(3.5)


def _drip(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" " * 100_000)
        time.sleep(0.1)


def _drip_bytes(handler: Handler) -> None:
    """Each byte comes long before the next is given up."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(50):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def _drip_headers(handler: Handler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 50:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (lambda handler: handler.send(401, {"message": "send the API key"}), "it answered 401: send the API key"),
        (lambda handler: handler.send(404, b"<html>"), "it answered 404: without a reason"),
        (lambda handler: handler.send(200, {"status": "success"}), "no producer of this version"),
        (lambda handler: handler.send(200, b"\xff{"), "no producer of this version"),
        (lambda handler: handler.send(200, b"[" * 100_000), "no producer of this version"),
        (lambda handler: handler.send(200, b" " * (producer.MAX_ANSWER_BYTES + 1)), "too long"),
        (lambda handler: handler.connection.close(), "cannot be reached"),
        (_hang, "does not answer"),
        (_drip, "takes too long"),
        (_drip_bytes, "takes too long"),
        (_drip_headers, "takes too long"),
    ],
)
def test_whatever_else_answers_is_unreachable_within_its_bound(
    server: Server, client: ProducerClient, respond: Respond, words: str
) -> None:
    server.respond = respond
    started_s = time.monotonic()
    look = client.look()
    assert time.monotonic() - started_s < 3.4
    assert (look.is_reachable, look.is_ready, look.lanes, look.dead, look.accepted) == (False, False, [], None, None)
    assert words in look.reason


def test_nobody_there_is_unreachable_at_once() -> None:
    look = ProducerClient(load({}, producer_url=f"http://127.0.0.1:{free_port()}")).look()
    assert (look.is_reachable, look.reason) == (False, "it cannot be reached")


def test_no_redirect_is_followed(server: Server, client: ProducerClient, http: FlaskClient) -> None:
    def elsewhere(handler: Handler) -> None:
        handler.send(307, GOOD, Location=f"{server.url}/secret")

    server.respond = elsewhere
    assert client.look().reason == "it answered 307: without a reason"
    assert ask(http, "/pipeline/dead").status_code == 502
    assert ask(http, "/pipeline/dead/replay", {"all": True}).status_code == 502
    assert [path for _, path, _, _ in server.seen] == ["/pipeline", "/dead", "/dead/replay"]


def test_the_address_is_shown_without_credentials() -> None:
    assert ProducerClient(load({}, producer_url="http://u:s3cret@h:5000/")).url == "http://h:5000"


def test_requests_for_dead_letters_are_passed_on_with_the_key_and_answers_back(server: Server, http: FlaskClient):
    server.respond = lambda handler: handler.send(200, {"path": handler.path})
    assert ask(http, "/pipeline/dead").json == {"path": "/dead"}
    assert ask(http, "/pipeline/dead?limit=7&other=x").json == {"path": "/dead?limit=7"}
    assert ask(http, "/pipeline/dead?limit=1%26a=b").json == {"path": "/dead?limit=1%26a%3Db"}
    letter = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
    assert ask(http, f"/pipeline/dead/{letter}").json == {"path": f"/dead/{letter}"}
    for what in ("replay", "purge"):
        assert ask(http, f"/pipeline/dead/{what}", {"ids": [letter]}).json == {"path": f"/dead/{what}"}
        method, path, headers, body = server.seen[-1]
        assert (method, path, json.loads(body)) == ("POST", f"/dead/{what}", {"ids": [letter]})
        assert headers["Content-Type"] == "application/json"
    assert {headers["Authorization"] for _, _, headers, _ in server.seen} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("status", [400, 404, 503])
def test_what_the_producer_refuses_is_told_as_it_said_it(server: Server, http: FlaskClient, status: int) -> None:
    body = {"status": "error", "code": "c", "message": "m", "field": "ids"}
    server.respond = lambda handler: handler.send(status, body, Retry_After="7")
    found = ask(http, "/pipeline/dead/purge", {"ids": []})
    assert (found.status_code, found.json, found.headers["Retry-After"]) == (status, body, "7")
    assert found.mimetype == "application/json"


@pytest.mark.parametrize("status", [302, 401, 403, 421, 500])
def test_what_is_between_storage_and_producer_is_a_502(server: Server, http: FlaskClient, status: int) -> None:
    server.respond = lambda handler: handler.send(status, {"message": "another key"}, Location="/x")
    found = ask(http, "/pipeline/dead")
    assert (found.status_code, found.json["code"]) == (502, "bad_gateway")
    assert f"{status}: another key" in found.json["message"]
    server.respond = lambda handler: handler.send(200, b"<html>")
    assert ask(http, "/pipeline/dead").status_code == 502


@pytest.mark.parametrize("letter", ["..", "%2e%2e", "a%20b", "..%3fx", "a%3fb", "a%23b", "a%00b", "%C3%A9", "x" * 101])
def test_what_is_no_id_never_gets_to_the_producer(server: Server, http: FlaskClient, letter: str) -> None:
    found = ask(http, f"/pipeline/dead/{letter}")
    assert (found.status_code, found.json["status"]) == (404, "error")
    assert server.seen == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_site_does_nothing(server: Server, http: FlaskClient, kind: str) -> None:
    for what in ("replay", "purge"):
        found = ask(http, f"/pipeline/dead/{what}", {}, json=None, data=b'{"all": true}', content_type=kind)
        assert found.status_code == 415
    assert server.seen == []


def test_a_body_that_is_too_long_and_a_missing_key_are_refused_by_storage_itself(
    server: Server, http: FlaskClient
) -> None:
    ids = ["x" * 1000] * (pipeline.MAX_BODY_BYTES // 1000)
    assert ask(http, "/pipeline/dead/purge", {"ids": ids}).status_code == 413
    for path in ("/pipeline", "/pipeline/dead", "/pipeline/dead/x"):
        assert http.get(path).status_code == 401
    assert http.post("/pipeline/dead/purge", json={"all": True}).status_code == 401
    assert server.seen == []


def test_a_producer_that_is_away_is_a_503_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load({}, producer_url=f"http://127.0.0.1:{free_port()}", api_key=KEY)
    app = make_app("storage", settings, readiness=lambda: "ready", registry=CollectorRegistry())
    app.register_blueprint(pipeline.blueprint(None, ProducerClient(settings)))  # type: ignore[arg-type]
    found = ask(app.test_client(), "/pipeline/dead/replay", {"all": True})
    assert (found.status_code, found.json["code"]) == (503, "unavailable")
    assert found.json["message"] == "the producer is away: it cannot be reached"
    assert found.headers["Retry-After"] == "1"


def test_one_that_does_not_answer_in_time_may_have_done_it(server: Server, client: ProducerClient) -> None:
    server.respond = _hang
    started_s = time.monotonic()
    with pytest.raises(Retry, match=r"within 0\.3 s; what was asked may be done"):
        client.post("/dead/replay", b"{}", 0.3)
    server.respond = _drip
    with pytest.raises(BadAnswer, match=r"too long$"):
        client.get("/dead", {}, 0.3)
    assert time.monotonic() - started_s < 5


@pytest.mark.parametrize(
    ("respond", "may_be_done"),
    [
        (lambda handler: handler.connection.close(), True),
        (_drip_bytes, True),
        (_drip_headers, True),
        (lambda handler: handler.send(200, b"<html>"), True),
        (lambda handler: handler.send(200, b" " * (producer.MAX_ANSWER_BYTES + 1)), True),
        (lambda handler: handler.send(502, b"<html>"), True),
        (lambda handler: handler.send(500, {"message": "a fault"}), True),
        (lambda handler: handler.send(401, {"message": "another key"}), False),
        (lambda handler: handler.send(302, b"", Location="/x"), False),
    ],
)
def test_an_act_that_was_sent_and_not_refused_may_be_done_whatever_came_back(
    server: Server, client: ProducerClient, monkeypatch: pytest.MonkeyPatch, respond: Respond, may_be_done: bool
) -> None:
    monkeypatch.setattr(producer, "CONNECT_TIMEOUT_S", 0.5)
    server.respond = respond
    started_s = time.monotonic()
    with pytest.raises((Retry, BadAnswer)) as caught:
        client.post("/dead/replay", b"{}", 1.0)
    assert time.monotonic() - started_s < 2.5
    assert str(caught.value).endswith("; what was asked may be done all the same") is may_be_done


def test_few_requests_for_letters_wait_for_the_producer_at_a_time(server: Server, http: FlaskClient) -> None:
    release = threading.Event()

    def wait(handler: Handler) -> None:
        release.wait(30)
        handler.send(200, {})

    server.respond = wait
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(ask(http.application.test_client(), "/pipeline/dead").status_code)
        )
        for _ in range(pipeline.MAX_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(server.seen) == pipeline.MAX_AT_ONCE)
    assert ask(http, "/pipeline/dead").status_code == 503
    release.set()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * pipeline.MAX_AT_ONCE
    assert ask(http, "/pipeline/dead").status_code == 200
