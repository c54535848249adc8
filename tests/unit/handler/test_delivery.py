"""What an answer of the producer, or of what stands in its place, means for a batch."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from logmill.handler.batches import Batch, Lane
from logmill.handler.delivery import MAX_RETRY_AFTER_S, Delivery, Verdict, judge
from tests.support.odd_taker import Taker, running
from tests.support.ports import free_port

BATCH = Batch("01890a5d-ac96-774b-bcce-b302099a8057", Lane.NORMAL, 3, gzip.compress(b'{"message": "x"}\n' * 3), 0.0)
ADVICE = "set url to the address of Logmill's producer, such as http://localhost:5000, without /logs/batch"


def no_producer(status: int) -> str:
    return f"what answers ({status}) is no producer of Logmill; {ADVICE}"


@pytest.fixture
def taker() -> Iterator[Taker]:
    with running() as server:
        yield server


def error(code: str, message: str = "so it is", **more: Any) -> bytes:
    return json.dumps({"status": "error", "code": code, "message": message, **more}).encode()


@pytest.mark.parametrize(
    ("status", "body", "verdict", "counts", "reason"),
    [
        (201, b'{"accepted": 3, "rejected": 0}', Verdict.SETTLED, (3, 0), ""),
        (
            201,
            b'{"accepted": 2, "rejected": 1, "errors": [{"message": "too old"}]}',
            Verdict.SETTLED,
            (2, 1),
            "too old",
        ),
        (400, error("all_rejected", errors=[{"message": "no"}]), Verdict.SETTLED, (0, 3), "no"),
        (400, error("malformed"), Verdict.SETTLED, (0, 3), "so it is (400)"),
        (422, error("idempotency_key_reused"), Verdict.SETTLED, (0, 3), "so it is (422)"),
        (400, error("truncated"), Verdict.LATER, (0, 0), "it answers 400: so it is"),
        (408, error("timeout"), Verdict.LATER, (0, 0), "it answers 408: so it is"),
        (429, b"", Verdict.LATER, (0, 0), "it answers 429"),
        (500, error("internal"), Verdict.LATER, (0, 0), "it answers 500: so it is"),
        (503, error("unavailable"), Verdict.LATER, (0, 0), "it answers 503: so it is"),
        (502, b"<html>", Verdict.LATER, (0, 0), "it answers 502"),
        (413, b"<html>", Verdict.TOO_LARGE, (0, 0), "a request is too large for it (413)"),
        (
            413,
            error("too_many", "2000 logs in one request, 100 at most"),
            Verdict.TOO_LARGE,
            (0, 0),
            "2000 logs in one request, 100 at most",
        ),
        (401, error("unauthorized"), Verdict.BLOCKED, (0, 0), "it refuses the API key (401): check api_key"),
        (403, b"<html>", Verdict.BLOCKED, (0, 0), "it refuses the API key (403): check api_key"),
        (404, error("not_found"), Verdict.BLOCKED, (0, 0), f"it answers 404: so it is; {ADVICE}"),
        (404, b"<h1>Not Found</h1>", Verdict.BLOCKED, (0, 0), no_producer(404)),
        (405, b"", Verdict.BLOCKED, (0, 0), no_producer(405)),
        (501, b"<html>Unsupported method ('POST')", Verdict.BLOCKED, (0, 0), no_producer(501)),
        (421, error("untrusted_host"), Verdict.BLOCKED, (0, 0), "it answers 421: so it is"),
        (400, b"<html>The plain HTTP request was sent to HTTPS port", Verdict.BLOCKED, (0, 0), no_producer(400)),
        (
            302,
            b"",
            Verdict.BLOCKED,
            (0, 0),
            f"it redirects elsewhere (302), which is not followed; {ADVICE}",
        ),
        (
            200,
            b"<html>Welcome to the network of this hotel",
            Verdict.BLOCKED,
            (0, 0),
            no_producer(200),
        ),
        (200, b"[]", Verdict.BLOCKED, (0, 0), no_producer(200)),
    ],
)
def test_answers(status: int, body: bytes, verdict: Verdict, counts: tuple[int, int], reason: str):
    found = judge(BATCH, status, body, None)
    assert (found.verdict, (found.accepted, found.rejected), found.reason) == (verdict, counts, reason)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("7", 7.0),
        ("0", 0.0),
        ("99999999", MAX_RETRY_AFTER_S),
        ("soon", None),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True), 0.0),
        ("Mon, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, wait_s: float | None):
    assert judge(BATCH, 503, b"", header).retry_after_s == wait_s


def test_retry_after_may_be_a_date():
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    wait_s = judge(BATCH, 503, b"", header).retry_after_s
    assert wait_s is not None
    assert 25 < wait_s <= 30


def test_a_batch_is_sent_with_its_key_and_the_handlers_key(taker: Taker):
    delivery = Delivery(f"{taker.url}/base/", "the-key", 5.0)
    assert delivery.post(BATCH).accepted == 3
    ((method, path, headers, body),) = taker.seen
    assert (method, path) == ("POST", "/base/logs/batch")
    assert headers["Idempotency-Key"] == BATCH.key
    assert headers["Authorization"] == "Bearer the-key"
    assert (headers["Content-Type"], headers["Content-Encoding"]) == ("application/x-ndjson", "gzip")
    assert body == BATCH.body


def test_the_connection_is_kept(taker: Taker, monkeypatch: pytest.MonkeyPatch):
    connections = []
    accept = taker.process_request
    monkeypatch.setattr(taker, "process_request", lambda *args: (connections.append(args), accept(*args)))
    taker.RequestHandlerClass.protocol_version = "HTTP/1.1"
    try:
        delivery = Delivery(taker.url, "", 5.0)
        for status in (None, 503, 400, None):
            taker.answer = None if status is None else (status, {"status": "error", "code": "x"}, {})
            delivery.post(BATCH)
    finally:
        taker.RequestHandlerClass.protocol_version = "HTTP/1.0"
    assert len(taker.seen) == 4
    assert len(connections) == 1


def test_nobody_there_is_said_in_few_words():
    found = Delivery(f"http://127.0.0.1:{free_port()}", "", 5.0).post(BATCH)
    assert (found.verdict, found.reason) == (Verdict.LATER, "it cannot be reached: Connection refused")


def test_a_server_that_does_not_answer_is_left(taker: Taker):
    taker.respond = lambda _handler: time.sleep(3)
    started_s = time.monotonic()
    found = Delivery(taker.url, "", 0.2).post(BATCH)
    assert time.monotonic() - started_s < 2
    assert (found.verdict, found.reason) == (Verdict.LATER, "it does not answer in time")


@pytest.mark.parametrize(
    "beginning", ["Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3e8\r\n", "X-Endless: "]
)
def test_a_server_that_drips_is_left(taker: Taker, beginning: str):
    def drip(handler: Any) -> None:
        handler.close_connection = True
        handler.wfile.write(f"HTTP/1.1 201 Created\r\n{beginning}".encode())
        for _ in range(500):
            handler.wfile.write(b" ")
            time.sleep(0.05)

    taker.respond = drip
    delivery = Delivery(taker.url, "", 0.2)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            delivery.cut_if_late()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started_s = time.monotonic()
    found = delivery.post(BATCH)
    assert time.monotonic() - started_s < 3
    assert (found.verdict, found.reason) == (Verdict.LATER, "it does not answer in time")
    taker.respond = taker._take
    assert delivery.post(BATCH).accepted == 3, "the next is sent as ever"
    over.set()
    watcher.join(5)


def test_an_answer_that_breaks_off_settles_nothing(taker: Taker):
    taker.answer = (201, b'{"accepted": 3, "rejected": 0}', {"Content-Length": "1000"})
    assert Delivery(taker.url, "", 1.0).post(BATCH).verdict is Verdict.LATER


def test_an_answer_without_end_is_cut(taker: Taker):
    def flood(handler: Any) -> None:
        handler.send_response(201)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 100_000)

    taker.respond = flood
    started_s = time.monotonic()
    found = Delivery(taker.url, "", 5.0).post(BATCH)
    assert found.verdict is Verdict.BLOCKED
    assert time.monotonic() - started_s < 4


def test_a_server_that_speaks_no_http_is_told_with_what_to_set():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20.0)

        def greet() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b"AMQP\x00\x00\x09\x01")

        greeter = threading.Thread(target=greet)
        greeter.start()
        found = Delivery(f"http://127.0.0.1:{server.getsockname()[1]}", "", 5.0).post(BATCH)
        greeter.join(20.0)
    assert (found.verdict, found.reason) == (Verdict.LATER, f"what answers speaks no HTTP; {ADVICE}")


def test_https_where_there_is_none_is_told(taker: Taker):
    found = Delivery(taker.url.replace("http:", "https:"), "", 5.0).post(BATCH)
    assert found.verdict is Verdict.LATER
    assert found.reason.startswith("what answers speaks no TLS, or has no good certificate (")


def test_redirects_are_not_followed(taker: Taker):
    taker.answer = (307, b"", {"Location": f"{taker.url}/elsewhere"})
    assert Delivery(taker.url, "", 5.0).post(BATCH).verdict is Verdict.BLOCKED
    assert len(taker.seen) == 1


def test_the_environment_sends_logs_nowhere_else(taker: Taker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert Delivery(taker.url, "", 5.0).post(BATCH).accepted == 3
