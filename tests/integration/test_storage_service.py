"""The storage service as it runs: gunicorn and chDB in a process of their own, asked over HTTP."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import zstandard

from logmill.ids import log_id, new_batch_id
from tests.support.storage_blocks import batch, realistic, row, stream
from tests.support.storage_service import StorageService, outcome, total

NASTY = "a\\b\tc\nd'e\"f\x00g{x:String}é—\U0001f600%s \r ` \b\f\v\x1b \\N; DROP TABLE logs --"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    with StorageService(tmp_path_factory.mktemp("storage") / "data", max_body_bytes=1_000_000) as service:
        yield service


@pytest.fixture
def storage(running: StorageService) -> StorageService:
    assert running.http.delete(running.url + "/logs/clear", timeout=60).status_code == 200
    return running


def test_a_block_is_stored_and_found(storage: StorageService) -> None:
    rows = batch(
        3, service="auth", level="ERROR", metadata='{"a": {"b": [1, null]}}', tags=["auth", "api"], status_code=503
    )
    assert outcome(storage.ingest(stream(rows))) == (201, 3, 0)
    body = storage.get("/logs", level="err", service="auth").json()
    assert (body["status"], body["count"]) == ("success", 3)
    log = body["logs"][0]
    assert log["message"] == "message 2"
    assert log["timestamp"] == "2023-11-14T22:13:20.000002Z"
    assert log["metadata"] == {"a": {"b": [1, None]}}
    assert (log["tags"], log["status_code"], log["priority"]) == (["auth", "api"], 503, "high")
    assert log["source"] == {"host": "", "file": "", "protocol": ""}
    assert log["fingerprint"] == "0" * 16
    assert "response_time_ms" not in log
    assert storage.get("/logs/" + log["id"]).json()["log"] == log
    assert storage.get(f"/logs/{log['id']}/status").json() == {"status": "success", "state": "stored", "log": log}


@pytest.mark.parametrize("encode", [zstandard.compress, gzip.compress])
def test_a_compressed_block_is_taken(storage: StorageService, encode: Any) -> None:
    name = "zstd" if encode is zstandard.compress else "gzip"
    assert outcome(storage.ingest(encode(stream(batch(10))), **{"Content-Encoding": name})) == (201, 10, 0)


def test_compression_inside_the_arrow_stream_is_taken(storage: StorageService) -> None:
    for compression in ("zstd", "lz4"):
        assert outcome(storage.ingest(stream(batch(100), compression=compression))) == (201, 100, 0)
    assert total(storage) == 200


def test_the_same_block_again_is_not_stored_again(storage: StorageService) -> None:
    body = stream(batch(100) + batch(50))
    assert outcome(storage.ingest(body)) == (201, 150, 0)
    assert outcome(storage.ingest(body)) == (201, 0, 150)
    assert outcome(storage.ingest(body, check=True)) == (201, 0, 150)
    assert total(storage) == 150


def test_the_same_block_at_once_is_stored_once(storage: StorageService) -> None:
    body = stream(realistic(20_000))
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: outcome(storage.ingest(body)), range(6)))
    assert sorted(found) == [(201, 0, 20_000)] * 5 + [(201, 20_000, 0)]
    assert total(storage) == 20_000


def test_of_a_mixed_block_only_the_new_batch_is_stored(storage: StorageService) -> None:
    old, new = batch(10), batch(20)
    storage.ingest(stream(old))
    assert outcome(storage.ingest(stream(old + new))) == (201, 20, 10)
    assert outcome(storage.ingest(stream(new + old), check=True)) == (201, 0, 30)
    assert total(storage) == 30


def test_a_batch_twice_in_one_block_is_stored_once(storage: StorageService) -> None:
    twice = batch(10)
    assert outcome(storage.ingest(stream(twice + batch(5) + twice))) == (201, 15, 10)


def test_text_comes_back_as_it_was_sent(storage: StorageService) -> None:
    metadata = json.dumps({"k": NASTY, NASTY: 1}, ensure_ascii=False)
    rows = batch(2, service=NASTY, metadata=metadata, tags=[NASTY], trace_id=NASTY, path=NASTY)
    for item in rows:
        item["message"] = NASTY
    storage.ingest(stream(rows))
    storage.ingest(stream(batch(1, service="other")))
    for params in ({"service": NASTY}, {"tag": NASTY}, {"trace_id": NASTY}):
        body = storage.get("/logs", **params).json()
        assert body["count"] == 2
        log = body["logs"][0]
        assert (log["message"], log["service"], log["tags"], log["path"]) == (NASTY, NASTY, [NASTY], NASTY)
        assert log["metadata"] == {"k": NASTY, NASTY: 1}


def test_equal_timestamps_do_not_overwrite_each_other(storage: StorageService) -> None:
    log = {"message": "same", "timestamp": "2026-01-01T00:00:00Z"}
    for _ in range(2):
        assert storage.http.post(storage.url + "/logs", json=log, timeout=60).status_code == 201
    assert storage.get("/logs").json()["count"] == 2


def test_json_logs_as_in_reference_a(storage: StorageService) -> None:
    def post(body: Any) -> Any:
        return storage.http.post(storage.url + "/logs", json=body, timeout=60)

    response = post({"level": "ERROR", "message": "m", "service": "s", "metadata": {"a": 1}, "processor_id": "p"})
    assert response.status_code == 201
    log = storage.get("/logs/" + response.json()["id"]).json()["log"]
    assert (log["level"], log["priority"], log["processor_id"], log["metadata"]) == ("ERROR", "high", "p", {"a": 1})
    batch_id = new_batch_id()
    mine = [{"message": "a", "id": log_id(batch_id, 0)}, {"message": "b", "id": log_id(batch_id, 1)}]
    assert post(mine[0]).json() == {"status": "success", "id": mine[0]["id"]}
    assert outcome(post(mine)) == (201, 1, 1)
    assert outcome(post([log, log])) == (201, 0, 2)
    assert storage.get("/logs").json()["count"] == 3
    assert storage.get("/logs", service="s").json()["logs"] == [log]


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [("application/json", ""), ("application/x-ndjson", "gzip"), ("application/jsonl", "zstd")],
)
def test_ingest_takes_json_as_in_reference_b(storage: StorageService, kind: str, encoding: str) -> None:
    logs = [{"level": "warn", "message": f"m{n}", "service": "s", "tags": ["auth"]} for n in range(3)]
    lines = json.dumps(logs) if kind == "application/json" else "\n".join(map(json.dumps, logs))
    encode = {"": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[encoding]
    headers = {"Content-Type": kind, **({"Content-Encoding": encoding} if encoding else {})}
    response = storage.http.post(storage.url + "/ingest", data=encode(lines.encode()), headers=headers, timeout=60)
    assert outcome(response) == (201, 3, 0)
    found = storage.get("/logs", tag="auth").json()["logs"]
    assert [(log["id"], log["level"], log["message"]) for log in found[::-1]] == [
        (log_id, "WARNING", f"m{n}") for n, log_id in enumerate(response.json()["ids"])
    ]
    one = storage.http.post(storage.url + "/ingest", json={"message": "alone"}, timeout=60).json()
    assert (one["count"], one["stored"], one["duplicates"]) == (1, 1, 0)
    assert storage.get("/logs/" + one["ids"][0]).json()["log"]["message"] == "alone"


def test_what_was_given_out_is_taken_back_as_it_was(storage: StorageService) -> None:
    """As from an archive: every field but `received_at`, under the id it had, once however often it is sent."""
    metadata = json.dumps({"k": NASTY, "big": 12345678901234567890, "n": 1.10, "source": "x"}, ensure_ascii=False)
    odd = dict.fromkeys(
        ("service", "message", "trace_id", "span_id", "path", "user_id", "request_id", "method", "file"), NASTY
    )
    odd |= {"host": "web 1", "client_id": "order 1", "protocol": "syslog", "original_level": "loud", "error_code": "E1"}
    odd |= {"tags": [NASTY, "auth"], "anomaly": True, "anomaly_reasons": ["error_level"], "severity": 99}
    odd |= {"severity_class": "odd", "fingerprint": (1 << 64) - 1, "status_code": 599, "response_time_ms": 0.1}
    odd |= {"processor_id": "worker 7", "priority": "urgent", "metadata": metadata, "level": "CRITICAL"}
    storage.ingest(stream([*batch(3), row(new_batch_id(), 999_999_999, **odd)]))
    body = storage.get("/logs/export").content
    storage.http.delete(storage.url + "/logs/clear", timeout=60)

    def ingest() -> Any:
        headers = {"Content-Type": "application/x-ndjson"}
        return storage.http.post(storage.url + "/ingest", data=body, headers=headers, timeout=60)

    assert outcome(ingest()) == (201, 4, 0)
    assert outcome(ingest()) == (201, 0, 4)

    def without_time(lines: bytes) -> list[str]:
        return [re.sub(r'"received_at":"[^"]*"', "", line) for line in lines.decode().splitlines()]

    again = storage.get("/logs/export").content
    assert b"syslog" in again
    assert without_time(again) == without_time(body)


def test_statistics(storage: StorageService) -> None:
    storage.ingest(
        stream(batch(3, level="ERROR", service="a") + batch(2, service="b") + batch(1, level="WARNING", service="b"))
    )
    assert (
        storage.get("/logs/stats").json().items()
        >= {
            "status": "success",
            "total_logs": 6,
            "by_level": {"ERROR": 3, "INFO": 2, "WARNING": 1},
            "by_service": {"a": 3, "b": 3},
            "by_priority": {"high": 3, "low": 2, "medium": 1},
        }.items()
    )


def test_anomalies(storage: StorageService) -> None:
    storage.ingest(
        stream(
            batch(2, anomaly=True, anomaly_reasons=["slow", "error"])
            + batch(1, anomaly=True, anomaly_reasons=["slow"])
            + batch(5)
        )
    )
    body = storage.get("/logs/anomalies").json()
    assert (body["count"], body["by_reason"]) == (3, {"slow": 3, "error": 2})


def test_rejections_are_kept_once_and_told(storage: StorageService) -> None:
    whole, part = new_batch_id(), new_batch_id()
    first = {"batch_id": str(whole), "ordinal": None, "code": "undecodable", "reason": NASTY, "lane": "bulk"}
    first["at"] = "2026-01-01T00:00:00Z"
    second = {"batch_id": str(part), "ordinal": 3, "code": "bad", "reason": "r", "lane": "urgent", "at": 1767225600}
    sent = [first, second]
    for _ in range(2):
        assert storage.http.post(storage.url + "/rejections", json=sent, timeout=60).status_code == 201
    body = storage.get("/rejections", limit=10).json()
    assert body["count"] == 2
    found = {item["batch_id"]: item for item in body["rejections"]}
    assert found[str(whole)] == {**first, "at": "2026-01-01T00:00:00.000000Z"}
    assert found[str(part)]["ordinal"] == 3
    told = storage.get(f"/logs/{whole}-7/status").json()
    assert told == {"status": "success", "state": "rejected", "reason": NASTY, "code": "undecodable"}
    assert storage.get(f"/logs/{part}-3/status").json()["state"] == "rejected"
    assert storage.get(f"/logs/{part}-4/status").json() == {"status": "success", "state": "unknown"}


def test_clear_empties_memory_disk_and_rejections(storage: StorageService) -> None:
    body = stream(batch(5))
    storage.ingest(body)
    storage.http.post(
        storage.url + "/rejections", json=[{"batch_id": str(new_batch_id()), "code": "c", "reason": "r"}], timeout=60
    )
    assert storage.http.delete(storage.url + "/logs/clear", timeout=60).json()["status"] == "success"
    assert [storage.get(path).json()["count"] for path in ("/logs", "/rejections")] == [0, 0]
    assert total(storage) == 0
    assert outcome(storage.ingest(body)) == (201, 5, 0)


@pytest.mark.parametrize("overrides", [{"allow_clear": "false"}, {"storage_host": "0.0.0.0"}])
def test_clear_can_be_forbidden(tmp_path: Path, overrides: dict[str, str]) -> None:
    with StorageService(tmp_path / "data", **overrides) as service:
        service.ingest(stream(batch(1)))
        response = service.http.delete(service.url + "/logs/clear", timeout=60)
        assert response.status_code == 403
        assert "LOGMILL_ALLOW_CLEAR" in response.json()["message"]
        assert total(service) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status", "field"),
    [
        ("GET", "/logs?limit=abc", None, None, 400, "limit"),
        ("GET", "/logs?limit=-1", None, None, 400, "limit"),
        ("GET", "/logs?limit=0", None, None, 400, "limit"),
        ("GET", "/logs?limit=10001", None, None, 400, "limit"),
        ("GET", "/logs?colour=red", None, None, 400, "colour"),
        ("GET", "/logs?since=../x", None, None, 400, "since"),
        ("GET", "/logs?level=%ff", None, None, 400, "level"),
        ("GET", "/rejections?limit=x", None, None, 400, "limit"),
        ("GET", "/logs/nonsense", None, None, 400, "id"),
        ("GET", "/logs/nonsense/status", None, None, 400, "id"),
        ("GET", f"/logs/{new_batch_id()}-0", None, None, 404, None),
        ("GET", "/nowhere", None, None, 404, None),
        ("PUT", "/logs", None, None, 405, None),
        ("POST", "/ingest", b"x", "application/json", 400, None),
        ("POST", "/ingest", b"[]", "application/json", 400, None),
        ("POST", "/ingest", b"[3]", "application/x-ndjson", 400, None),
        ("POST", "/ingest", b'{"message":"m","timestamp":"../x"}', "application/json", 400, "timestamp"),
        ("POST", "/ingest", b'{"message":"m"}', "text/plain", 415, None),
        ("POST", "/ingest", b'{"message":"m"}', "application/x-www-form-urlencoded", 415, None),
        ("POST", "/ingest", b"x" * 1_000_001, "application/json", 413, None),
        ("POST", "/ingest", b"", "application/vnd.apache.arrow.stream", 400, None),
        ("POST", "/ingest", b"x" * 1000, "application/vnd.apache.arrow.stream", 400, None),
        ("POST", "/logs", b"", "application/json", 400, None),
        ("POST", "/logs", b"{", "application/json", 400, None),
        ("POST", "/logs", b'{"message":null}', "application/json", 400, "message"),
        ("POST", "/logs", b'{"message":"m","timestamp":"../x"}', "application/json", 400, "timestamp"),
        ("POST", "/logs", b"x" * 1_000_001, "application/json", 413, None),
        ("POST", "/rejections", b'[{"batch_id":"x"}]', "application/json", 400, None),
        ("POST", "/rejections", b"{}", "application/json", 400, None),
    ],
)  # fmt: skip
def test_bad_requests(
    running: StorageService,
    method: str,
    path: str,
    body: bytes | None,
    kind: str | None,
    status: int,
    field: str | None,
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    # A connection each: after 413 the service closes it without reading the rest.
    response = requests.request(method, running.url + path, data=body, headers=headers, timeout=60)
    assert response.status_code == status, response.text
    error = response.json()
    assert error["status"] == "error"
    assert error["code"]
    assert error["message"]
    if field:
        assert error["field"] == field
    assert not list(running.data_dir.parent.glob("x*"))


def test_days_are_kept_apart_and_ordered_together(storage: StorageService) -> None:
    yesterday = 1_700_000_000_000_000 - 86_400_000_000
    storage.ingest(stream([row(new_batch_id(), 0, timestamp=yesterday, received_at=yesterday, message="old")]))
    storage.ingest(stream(batch(1)))
    assert [log["message"] for log in storage.get("/logs").json()["logs"]] == ["message 0", "old"]
    both = batch(1) + batch(1, received_at=yesterday)
    response = storage.ingest(stream(both))
    assert (response.status_code, response.json()["code"]) == (400, "several_days")


def test_metadata_that_is_no_json_does_not_break_the_answer(storage: StorageService) -> None:
    storage.ingest(stream(batch(1, metadata="{oops")))
    assert storage.get("/logs").json()["logs"][0]["metadata"] == {"text": "{oops"}


def test_metrics_and_health(storage: StorageService) -> None:
    storage.ingest(stream(batch(7)))
    storage.get("/logs")
    text = storage.get("/metrics").text
    for name in ("logs_total", "duplicates_total", "ingest_seconds_bucket", "recent_logs 7.0", "disk_bytes", "parts"):
        assert f"logmill_storage_{name}" in text
    assert 'logmill_storage_query_seconds_count{answered_by="memory"}' in text
    assert storage.get("/health").json() == {"status": "healthy", "service": "storage"}
    assert storage.get("/ready").json()["status"] == "ready"
    now = datetime.now(UTC).isoformat()
    assert storage.get("/logs", since=now).json()["count"] == 0
