"""Sending over HTTP: what is sent again has its key, what is refused is counted, what is hopeless ends it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from generator.formats import format_of
from generator.outputs.batched import BatchedOutput, Batching
from generator.outputs.http import http_output
from logmill.errors import ConfigError, LogmillError
from tests.support.generating import made, records
from tests.support.odd_producer import Handler, Server
from tests.support.waiting import wait_until

ACCEPTED = {"status": "success", "message": "queued", "accepted": 1, "rejected": 0}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.respond = lambda handler: handler.send(201, ACCEPTED)
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


def output_to(server: Server, **more) -> BatchedOutput:
    batching = Batching(more.pop("connections", 2), more.pop("logs", 100), more.pop("interval_s", 0.05))
    return http_output(format_of(more.pop("form", "json")), server.url, api_key=more.pop("key", ""), batching=batching)


def write(output: BatchedOutput, count: int) -> None:
    assert output.wait_for_room(10)
    output.write(made(count))


def keys(server: Server) -> list[str]:
    return [headers["Idempotency-Key"] for _, _, headers, _ in server.seen]


def test_full_batches_leave_at_once_and_others_when_they_have_waited(server: Server):
    output = output_to(server, logs=100, interval_s=0.2)
    write(output, 100)
    wait_until(lambda: output.counts.done == 100, 10)
    write(output, 3)
    assert len(server.seen) == 1
    wait_until(lambda: output.push() or output.counts.done == 103, 10)
    assert [len(records(body)) for *_, body in server.seen] == [100, 3]
    assert {(method, path) for method, path, _, _ in server.seen} == {("POST", "/logs/batch")}
    assert len(set(keys(server))) == 2
    output.close()


def test_what_was_not_taken_is_sent_again_as_it_was_and_under_its_key(server: Server):
    failures: Counter[str] = Counter()

    def respond(handler: Handler) -> None:
        key = handler.headers["Idempotency-Key"]
        failures[key] += 1
        if failures[key] == 1:
            handler.send(503, {"status": "error", "message": "the broker is away"}, Retry_After="1")
        elif failures[key] == 2:
            # The answer is lost.
            handler.close_connection = True
        else:
            handler.send(201, ACCEPTED)

    server.respond = respond
    output = output_to(server)
    for _ in range(4):
        write(output, 100)
    assert output.flush(20)
    assert output.counts.done == 400
    assert output.counts.retries == 8
    assert set(failures.values()) == {3}
    bodies = {
        key: {body for _, _, headers, body in server.seen if headers["Idempotency-Key"] == key} for key in failures
    }
    assert all(len(of_key) == 1 for of_key in bodies.values())
    output.close()


def test_a_producer_that_hangs_holds_a_bounded_number_of_logs(server: Server):
    go_on = threading.Event()

    def respond(handler: Handler) -> None:
        go_on.wait(20)
        handler.send(201, ACCEPTED)

    server.respond = respond
    output = output_to(server, connections=2, logs=100)
    written = 0
    while output.wait_for_room(0.2):
        output.write(made(100))
        written += 100
    # Two on their way, two that wait for them, one that is being filled.
    assert written == 500
    assert output.counts.done == 0
    assert not output.flush(0.1)
    go_on.set()
    assert output.flush(20)
    assert output.counts.done == 500
    output.close()


def test_what_a_producer_refuses_is_counted_and_the_rest_goes_on(server: Server):
    def respond(handler: Handler) -> None:
        if len(server.seen) == 1:
            handler.send(422, {"status": "error", "message": "this key was used"})
        else:
            handler.send(201, {**ACCEPTED, "accepted": 97, "rejected": 3})

    server.respond = respond
    output = output_to(server, connections=1)
    for _ in range(2):
        write(output, 100)
    assert output.flush(10)
    assert (output.counts.done, output.counts.refused, output.counts.retries) == (97, 103, 0)
    assert "422: this key was used" in output.counts.trouble
    output.close()


@pytest.mark.parametrize("status", [401, 404, 302])
def test_where_nothing_will_be_taken_it_ends(server: Server, status: int):
    server.respond = lambda handler: handler.send(status, {"status": "error", "message": "no"})
    output = output_to(server)
    write(output, 100)
    with pytest.raises(LogmillError, match=f"answers {status}: no"):
        wait_until(lambda: not output.wait_for_room(0.05), 10)
    output.close()


@pytest.mark.parametrize("status", [401, 404])
def test_what_is_found_out_of_the_last_batch_is_an_error_too(server: Server, status: int):
    server.respond = lambda handler: handler.send(status, {"status": "error", "message": "no"})
    output = output_to(server)
    write(output, 3)
    with pytest.raises(LogmillError, match=f"answers {status}: no"):
        output.flush(10.0)
    output.close()


def test_what_nobody_thought_of_is_an_error_and_no_success():
    output = http_output(format_of("json"), "http://a..b", api_key="", batching=Batching(1, 1, 0.0))
    write(output, 1)
    with pytest.raises(LogmillError, match="a failure of the generator itself: LocationParseError"):
        output.flush(10.0)
    output.close()


def test_an_answer_that_is_none_of_a_producer_is_no_acceptance(server: Server):
    server.respond = lambda handler: handler.send(200, b"<html>")
    output = output_to(server)
    write(output, 100)
    assert output.flush(10)
    assert (output.counts.done, output.counts.refused) == (0, 100)
    output.close()


def test_the_key_is_sent_and_lines_say_what_they_are(server: Server):
    for form, content_type, path in (
        ("json", "application/x-ndjson", "/logs/batch"),
        ("logfmt", "text/plain", "/logs/batch"),
        ("access", "text/plain", "/logs/batch?service=api-gateway"),
    ):
        output = output_to(server, form=form, key="sesame")
        write(output, 10)
        assert output.flush(10)
        output.close()
        _, seen_path, headers, _ = server.seen[-1]
        assert (seen_path, headers["Content-Type"], headers["Authorization"]) == (path, content_type, "Bearer sesame")


def test_a_producer_that_asks_for_time_gets_it(server: Server):
    times: list[float] = []

    def respond(handler: Handler) -> None:
        times.append(time.monotonic())
        handler.send(503 if len(times) == 1 else 201, ACCEPTED, Retry_After="1")

    server.respond = respond
    output = output_to(server)
    write(output, 100)
    assert output.flush(10)
    assert times[1] - times[0] >= 1.0
    output.close()


def test_close_does_not_wait_for_a_producer_that_is_away(server: Server):
    server.respond = lambda handler: handler.send(503, {"message": "away"}, Retry_After="0")
    output = output_to(server)
    write(output, 100)
    wait_until(lambda: output.counts.retries > 1, 10)
    began_s = time.monotonic()
    output.close()
    assert time.monotonic() - began_s < 5
    assert output.counts.done == 0


@pytest.mark.parametrize(
    "url", ["localhost:5000", "ftp://a", "http://", "http://[::1", "http://h:99999", "http://h:0", "http://h/?x=1"]
)
def test_an_address_that_is_none_is_refused(url: str):
    with pytest.raises(ConfigError, match="--producer"):
        http_output(format_of("json"), url, api_key="", batching=Batching(1, 1, 1.0))


def test_a_producer_reads_no_csv():
    with pytest.raises(ConfigError, match="reads json, text, access and logfmt"):
        http_output(format_of("csv"), "http://localhost", api_key="", batching=Batching(1, 1, 1.0))


def test_a_producer_whose_answer_drips_does_not_hold_a_batch_up_for_ever(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("generator.outputs.http._ANSWER_TIMEOUT_S", 0.5)

    def drip(handler: Handler) -> None:
        server.respond = lambda other: other.send(201, {"rejected": 0})
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.1)

    server.respond = drip
    output = output_to(server, connections=1)
    write(output, 10)
    assert output.flush(10.0)
    assert (output.counts.done, output.counts.retries) == (10, 1)
    assert len(set(keys(server))) == 1
    output.close()
