"""Tests of answers that drip: what sends logs is not held up by them for longer than it may be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Thread

import pytest
import urllib3

from logmill.bench.connection import TIMEOUT, Connection, Request
from logmill.http_deadline import within
from tests.support.odd_producer import Handler, Server

TIMEOUT_S, DRIPS_S = 0.5, 0.1


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        found.daemon_threads = True
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield found
        found.shutdown()


def _drip(handler: Handler, beginning: bytes, drop: bytes) -> None:
    handler.close_connection = True
    handler.wfile.write(beginning)
    for _ in range(40):
        handler.wfile.write(drop)
        time.sleep(DRIPS_S)


def _headers(handler: Handler) -> None:
    _drip(handler, b"HTTP/1.1 201 Created\r\nServer: ", b"x")


def _body(handler: Handler) -> None:
    _drip(handler, b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n", b" ")


def _chunks(handler: Handler) -> None:
    _drip(handler, b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")


@pytest.mark.parametrize("respond", [_headers, _body, _chunks])
def test_an_answer_that_drips_is_given_up_in_time(server: Server, respond: Callable[[Handler], None]):
    server.respond = respond
    began_s = time.monotonic()
    with Connection(server.url, "", TIMEOUT_S) as connection:
        assert connection.ask(Request("x", "GET", "/")).trouble == TIMEOUT
    assert time.monotonic() - began_s < 40 * DRIPS_S


def test_each_request_on_a_kept_connection_has_all_of_the_time(server: Server):
    kept = []

    def respond(handler: Handler) -> None:
        handler.protocol_version, handler.close_connection = "HTTP/1.1", False
        kept.append(handler.client_address)
        time.sleep(0.8 * TIMEOUT_S)
        handler.send(200, {})

    server.respond = respond
    pool = urllib3.connection_from_url(server.url, maxsize=1, retries=False)
    pool.ConnectionCls = within(pool.ConnectionCls, TIMEOUT_S)  # type: ignore[assignment]
    large = b"x" * 8_000_000  # more than buffers take: sending needs its own time
    answers = [pool.urlopen("POST", "/", body=large, timeout=TIMEOUT_S).json() for _ in range(3)]
    pool.close()
    assert answers == [{}, {}, {}]
    assert len(set(kept)) == 1
