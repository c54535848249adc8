"""A client that sends a request again with its Idempotency-Key doubles nothing, whatever was restarted in between."""

from __future__ import annotations

import json
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from logmill.broker import broker_of
from logmill.ids import new_batch_id
from tests.support.pipeline import Pipeline
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

TIMEOUT_S = 30


def post(pipeline: Pipeline, path: str, body: object, key: str) -> requests.Response:
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return requests.post(pipeline.producer_url + path, json.dumps(body).encode(), headers=headers, timeout=TIMEOUT_S)


def records(count: int = 30) -> tuple[str, list[dict]]:
    """Records of all lanes, and their service."""
    service = f"idem-{uuid4().hex[:12]}"
    levels = ("DEBUG", "INFO", "ERROR")
    return service, [{"message": f"m{n}", "service": service, "level": levels[n % 3]} for n in range(count)]


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=5).ok
    except requests.RequestException:
        return False


def wait_ready(pipeline: Pipeline) -> None:
    for url in (pipeline.producer_url, pipeline.storage_url):
        wait_until(lambda url=url: is_ready(url), 60, f"{url} ready")


def kill(pipeline: Pipeline, service: str) -> None:
    """Kill -9, and wait until it is there again."""
    before = pipeline.pids()[service]
    pipeline.signal(service, signal.SIGKILL)
    wait_until(lambda: pipeline.pids().get(service, before) != before, 60, f"another {service}")
    wait_ready(pipeline)


def forget_keys(pipeline: Pipeline) -> None:
    """As on another machine: the keys are not known there, only the ids are the same."""
    for file in Path(pipeline.settings.data_dir).glob("idempotency.sqlite3*"):
        file.unlink()


def seen_by_storage(pipeline: Pipeline) -> int:
    """Logs that storage was sent since its start, copies of what it had included."""
    lines = requests.get(f"{pipeline.storage_url}/metrics", timeout=TIMEOUT_S).text.splitlines()
    names = {"logmill_storage_logs_total", "logmill_storage_duplicates_total"}
    return sum(int(float(line.split()[1])) for line in lines if line.split()[0] in names)


def stored(pipeline: Pipeline, service: str, *, once_seen: int) -> list[str]:
    """The messages that are stored of a service, once storage was sent so many logs, or copies, since its start."""
    wait_until(lambda: seen_by_storage(pipeline) >= once_seen, 60, f"{once_seen} logs at storage")
    query = {"service": service, "limit": 10_000}
    answer = requests.get(f"{pipeline.storage_url}/logs", query, timeout=TIMEOUT_S).json()
    return sorted(log["message"] for log in answer["logs"])


def accepted(pipeline: Pipeline) -> int:
    """Records that the producer has published since its start."""
    lines = requests.get(f"{pipeline.producer_url}/metrics", timeout=TIMEOUT_S).text.splitlines()
    name = 'logmill_producer_records_total{result="accepted"}'
    return sum(int(float(line.split()[1])) for line in lines if line.startswith(name))


def texts(items: list[dict]) -> list[str]:
    return sorted(item["message"] for item in items)


@pytest.mark.parametrize("key", ["uuidv7", "opaque"])
def test_a_retry_after_a_crash_of_producer_and_storage_is_stored_once(pipeline: Pipeline, key: str):
    service, items = records()
    key = str(new_batch_id()) if key == "uuidv7" else uuid4().hex
    before = seen_by_storage(pipeline)
    first = post(pipeline, "/logs/batch?ids=1", items, key)
    assert first.status_code == 201
    kill(pipeline, "producer")
    again = post(pipeline, "/logs/batch?ids=1", items, key)
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert stored(pipeline, service, once_seen=before + len(items)) == texts(items)

    kill(pipeline, "storage")
    forget_keys(pipeline)
    published_again = post(pipeline, "/logs/batch?ids=1", items, key)
    assert (published_again.status_code, published_again.json()) == (201, first.json())
    assert "Idempotency-Replayed" not in published_again.headers
    assert stored(pipeline, service, once_seen=len(items)) == texts(items)
    for log_id, item in zip(first.json()["log_ids"], items, strict=True):
        found = requests.get(f"{pipeline.storage_url}/logs/{log_id}", timeout=TIMEOUT_S).json()["log"]
        assert found["message"] == item["message"]


def test_requests_in_flight_when_the_producer_is_killed_are_retried_and_stored_once(pipeline: Pipeline):
    service, items = records(120)
    keys = [uuid4().hex for _ in items]
    answered = threading.Semaphore(0)

    def send(number: int) -> None:
        for item, key in list(zip(items, keys, strict=True))[number::4]:
            wait_until(lambda item=item, key=key: taken(item, key), 90, "201")
            answered.release()

    def taken(item: dict, key: str) -> bool:
        try:
            return post(pipeline, "/logs", item, key).status_code == 201
        except requests.RequestException:
            return False

    with ThreadPoolExecutor(4) as pool:
        senders = [pool.submit(send, number) for number in range(4)]
        for _ in range(2):
            for _ in range(20):
                assert answered.acquire(timeout=60)
            kill(pipeline, "producer")
        for sender in senders:
            sender.result(120)
    wait_until(lambda: stored(pipeline, service, once_seen=0) == texts(items), what="all of them")
    before = seen_by_storage(pipeline)
    forget_keys(pipeline)
    assert all(taken(item, key) for item, key in zip(items, keys, strict=True))
    assert stored(pipeline, service, once_seen=before + len(items)) == texts(items)


def test_the_same_request_many_times_at_once_is_stored_once(pipeline: Pipeline):
    service, items = records()
    key = str(new_batch_id())
    before, published_before = seen_by_storage(pipeline), accepted(pipeline)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(pipeline, "/logs/batch?ids=1", items, key), range(16)))
    assert [answer.status_code for answer in answers] == [201] * 16
    assert len({tuple(answer.json()["log_ids"]) for answer in answers}) == 1
    published = accepted(pipeline) - published_before
    assert published >= len(items)
    assert stored(pipeline, service, once_seen=before + published) == texts(items)


def test_copies_that_were_all_published_at_once_are_stored_once(pipeline: Pipeline):
    """Without the file every copy is published; storage alone tells them apart."""
    service, items = records()
    key, before = uuid4().hex, seen_by_storage(pipeline)
    for _ in range(5):
        forget_keys(pipeline)
        assert post(pipeline, "/logs/batch", items, key).status_code == 201
    assert stored(pipeline, service, once_seen=before + 5 * len(items)) == texts(items)


def test_another_body_under_the_same_key_is_422_and_not_stored(pipeline: Pipeline):
    service, items = records(3)
    key, before = uuid4().hex, seen_by_storage(pipeline)
    assert post(pipeline, "/logs", items[0], key).status_code == 201
    kill(pipeline, "producer")
    answer = post(pipeline, "/logs", items[1], key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["field"] == "Idempotency-Key"
    assert stored(pipeline, service, once_seen=before + 1) == ["m0"]


def test_equal_bodies_under_different_keys_are_different_logs(pipeline: Pipeline):
    service, items = records(1)
    before = seen_by_storage(pipeline)
    for _ in range(2):
        assert post(pipeline, "/logs", items[0], uuid4().hex).status_code == 201
    assert stored(pipeline, service, once_seen=before + 2) == ["m0", "m0"]


def test_a_lane_that_the_client_names_is_the_one_it_travels_in_and_is_not_stored(pipeline: Pipeline):
    service, before = f"lane-{uuid4().hex[:12]}", seen_by_storage(pipeline)
    items = [{"message": "a", "service": service, "level": "DEBUG", "lane": "urgent"}]
    assert post(pipeline, "/logs/batch", items, uuid4().hex).status_code == 201
    assert stored(pipeline, service, once_seen=before + 1) == ["a"]
    query = {"service": service}
    (log,) = requests.get(f"{pipeline.storage_url}/logs", query, timeout=TIMEOUT_S).json()["logs"]
    assert (log["level"], log["metadata"], "lane" in log) == ("DEBUG", {}, False)


# bodies that do not come whole


@pytest.fixture
def alone(tmp_path: Path):
    """A producer on a broker that nobody reads."""
    with ServiceProcess("producer", tmp_path) as producer:
        yield producer.wait_ready()


def sent_raw(producer: ServiceProcess, head: str, body: bytes, key: str | None) -> bytes:
    """What is answered to these bytes once the sending side is closed."""
    lines = ["POST /logs/batch HTTP/1.1", "Host: localhost", head, *([f"Idempotency-Key: {key}"] if key else [])]
    with socket.create_connection(("127.0.0.1", producer.port), TIMEOUT_S) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


TEXT, LINES = b"one\ntwo\n", b'{"message": "one"}\n{"message": "two"}\n'
CHUNKED = "\r\nTransfer-Encoding: chunked"


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(("content_type", "body"), [("text/plain", TEXT), ("application/x-ndjson", LINES)])
def test_a_body_that_was_cut_is_not_taken_and_the_whole_one_is_under_the_same_key(
    alone: ServiceProcess, content_type: str, body: bytes, key: str | None
):
    head = f"Content-Type: {content_type}"
    half = body[: body.index(b"\n") + 1]
    chunk = b"%x\r\n%s\r\n" % (len(half), half)
    cuts = {
        "within its length": (f"\r\nContent-Length: {len(body)}", half),
        "before its first byte": (f"\r\nContent-Length: {len(body)}", b""),
        "within a chunk": (CHUNKED, chunk + b"%x\r\n" % len(body) + half),
        "between chunks": (CHUNKED, chunk),
        "before the end of a chunk": (CHUNKED, chunk[:-2]),
        "within the last chunk": (CHUNKED, chunk + b"0\r\n"),
        "within a size": (CHUNKED, chunk + b"1"),
    }
    for where, (length, cut) in cuts.items():
        said = sent_raw(alone, head + length, cut, key)
        assert said.startswith(b"HTTP/1.1 400 "), where
        assert b'"code":"truncated"' in said, where
    broker = broker_of(alone.settings)
    assert {depth.ready for depth in broker.depths().values()} == {0}
    whole = sent_raw(alone, head + CHUNKED, chunk + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), key)
    assert whole.startswith(b"HTTP/1.1 201 ")
    assert b'"accepted":3' in whole
    assert broker.depths()["normal"].ready == 1
    assert "request failed" not in alone.said
