"""The whole way on real servers: what is posted to the producer is found in storage, or its sender is told why not."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from uuid import uuid4

import pytest
import requests
import zstandard

from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

TIMEOUT_S = 30


def post(pipeline: Pipeline, path: str, body: object, **headers: str) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(
        pipeline.producer_url + path, data, headers={"Content-Type": "application/json", **headers}, timeout=TIMEOUT_S
    )


def find(pipeline: Pipeline, log_id: str) -> dict:
    def look():
        answer = requests.get(f"{pipeline.storage_url}/logs/{log_id}", timeout=TIMEOUT_S)
        return answer.json()["log"] if answer.status_code == 200 else None

    return wait_until(look, what=f"finding {log_id}")


def of_service(pipeline: Pipeline, service: str, count: int, limit: int = 1000) -> list[dict]:
    """The logs of a service, once there are `count` of them."""

    def look():
        answer = requests.get(
            f"{pipeline.storage_url}/logs", {"service": service, "limit": limit}, timeout=TIMEOUT_S
        ).json()
        return answer["logs"] if answer["count"] >= count else None

    found = wait_until(look, what=f"{count} logs of {service}")
    assert len(found) == count
    return found


def new_service() -> str:
    return f"svc-{uuid4().hex[:12]}"


def test_the_curl_lines_of_reference_a(pipeline: Pipeline):
    answer = post(
        pipeline, "/logs", {"level": "ERROR", "message": "db down", "service": "api", "metadata": {"user_id": 7}}
    )
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["message"]) == ("success", "Log queued for processing")
    log = find(pipeline, body["log_id"])
    assert (log["level"], log["message"], log["service"], log["metadata"]) == (
        "ERROR",
        "db down",
        "api",
        {"user_id": 7},
    )
    assert log["priority"] == "high"
    assert log["processed_at"]
    assert log["processor_id"]

    service = new_service()
    batch = [{"level": level, "message": level, "service": service} for level in ("INFO", "WARNING", "CRITICAL")]
    answer = post(pipeline, "/logs/batch", batch)
    assert answer.status_code == 201
    assert answer.json()["message"] == "3 logs queued for processing"
    found = {log["level"]: log["priority"] for log in of_service(pipeline, service, 3)}
    assert found == {"INFO": "low", "WARNING": "medium", "CRITICAL": "high"}
    for level in ("critical", "CRITICAL"):
        answer = requests.get(f"{pipeline.storage_url}/logs?level={level}&service={service}", timeout=TIMEOUT_S).json()
        assert (answer["status"], answer["count"]) == ("success", 1)

    stats = requests.get(f"{pipeline.storage_url}/logs/stats", timeout=TIMEOUT_S).json()
    assert stats["status"] == "success"
    assert stats["total_logs"] == sum(stats["by_level"].values()) == sum(stats["by_priority"].values())
    assert stats["by_service"][service] == 3
    for url, name in ((pipeline.producer_url, "producer"), (pipeline.storage_url, "storage")):
        answer = requests.get(f"{url}/health", timeout=TIMEOUT_S)
        assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "service": name})
        assert requests.get(f"{url}/ready", timeout=TIMEOUT_S).status_code == 200
        assert "logmill_" in requests.get(f"{url}/metrics", timeout=TIMEOUT_S).text
    assert post(pipeline, "/logs", {}).status_code == 400
    assert post(pipeline, "/logs/batch", {"message": "no array"}).status_code == 400


BAD_BODIES = {
    "malformed JSON": (b'{"message": ', {}, None),
    "wrong content type": (b"<a/>", {"Content-Type": "application/xml"}, None),
    "curl's default content type": (b'{"message":"m"}', {"Content-Type": "application/x-www-form-urlencoded"}, None),
    "empty body": (b"", {}, None),
    "null message": (b'{"message": null}', {}, "message"),
    "a message of 2 MB": (json.dumps({"message": "x" * 2_000_000}).encode(), {}, "message"),
    "NaN": (b'{"message": "m", "metadata": {"a": NaN}}', {}, None),
    "10,000 nested brackets": (
        b'{"message": "m", "metadata": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
        {},
        None,
    ),
    "a gzip bomb": (gzip.compress(b"\0" * 200_000_000), {"Content-Encoding": "gzip"}, None),
    "a zstd bomb": (zstandard.compress(b"\0" * 200_000_000), {"Content-Encoding": "zstd"}, None),
    "no gzip at all": (b"plain", {"Content-Encoding": "gzip"}, None),
    "a timestamp ../x": (b'{"message": "m", "timestamp": "../x"}', {}, "timestamp"),
    "a level that is a list": (b'{"message": "m", "level": ["ERROR"]}', {}, "level"),
    "bytes that are not UTF-8": (b'{"message": "\xff\xfe"}', {}, None),
    "17 MiB of body": (b" " * (17 * 1024 * 1024), {}, None),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_bad_input_is_a_clear_4xx_and_stalls_nothing(pipeline: Pipeline, name: str):
    body, headers, field = BAD_BODIES[name]
    for path in ("/logs", "/logs/batch"):
        sent = body if path == "/logs" or not body.startswith(b"{") else b"[" + body + b"]"
        answer = post(pipeline, path, sent, **headers)
        assert 400 <= answer.status_code < 500, answer.text
        error = answer.json()
        assert error["status"] == "error"
        assert error["code"]
        assert len(error["message"]) > 10
        assert error.get("field") == field
    marker = post(pipeline, "/logs", {"message": f"still alive after {name}"}).json()["log_id"]
    assert find(pipeline, marker)["message"] == f"still alive after {name}"


def test_a_batch_with_a_string_in_it_keeps_its_good_records(pipeline: Pipeline):
    service = new_service()
    answer = post(pipeline, "/logs/batch", [{"message": "a", "service": service}, "text", {"message": None}])
    assert answer.status_code == 201
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (1, 2)
    assert [(e["index"], e.get("field")) for e in body["errors"]] == [(1, None), (2, "message")]
    assert [log["message"] for log in of_service(pipeline, service, 1)] == ["a"]
    answer = post(pipeline, "/logs/batch", ["text"])
    assert (answer.status_code, answer.json()["errors"][0]["index"]) == (400, 0)


@pytest.mark.parametrize("query", ["limit=abc", "limit=-1", "limit=0", "limit=1000000", "level=loud&nonsense=1"])
def test_bad_queries_are_a_clear_400(pipeline: Pipeline, query: str):
    answer = requests.get(f"{pipeline.storage_url}/logs?{query}", timeout=TIMEOUT_S)
    assert answer.status_code == 400
    assert answer.json()["field"] in {"limit", "level", "nonsense"}


def test_ndjson_text_gzip_and_zstd_are_understood(pipeline: Pipeline):
    service = new_service()
    lines = b"\n".join(json.dumps({"message": f"n{k}", "service": service}).encode() for k in range(3))
    for encoding, body in (("gzip", gzip.compress(lines)), ("zstd", zstandard.compress(lines)), ("", lines)):
        headers = {"Content-Type": "application/x-ndjson", **({"Content-Encoding": encoding} if encoding else {})}
        assert post(pipeline, "/logs/batch", body, **headers).json()["accepted"] == 3
    text = {"Content-Type": "text/plain; charset=utf-8"}
    assert post(pipeline, f"/logs/batch?service={service}", b"ERROR one\ntwo\n", **text).json()["accepted"] == 2
    whole = "Traceback:\n  süß 'quoted' \\ tab\t"
    assert post(pipeline, f"/logs?service={service}&level=error", whole.encode(), **text).status_code == 201
    found = Counter((log["level"], log["message"]) for log in of_service(pipeline, service, 12))
    assert found[("ERROR", "ERROR one")] == 1
    assert found[("INFO", "two")] == 1
    assert found[("ERROR", whole)] == 1
    assert [found[("INFO", f"n{k}")] for k in range(3)] == [3, 3, 3]


def test_client_timestamps_are_kept_and_equal_ones_overwrite_nothing(pipeline: Pipeline):
    service, moment = new_service(), "2026-01-31T12:00:00.123456Z"
    for message in ("a", "b"):
        post(pipeline, "/logs", {"message": message, "service": service, "timestamp": moment})
    found = of_service(pipeline, service, 2)
    assert {log["message"] for log in found} == {"a", "b"}
    assert {log["timestamp"] for log in found} == {moment}


def test_task_status_goes_from_pending_to_success(pipeline: Pipeline):
    answer = post(pipeline, "/logs", {"log_data": {"level": "warn", "message": "from reference C"}}).json()
    task = f"{pipeline.producer_url}/task/{answer['task_id']}"
    first = requests.get(task, timeout=TIMEOUT_S).json()
    assert first["status"] in {"PENDING", "SUCCESS"}
    done = wait_until(lambda: (t := requests.get(task, timeout=TIMEOUT_S).json())["status"] == "SUCCESS" and t)
    assert done["result"]["level"] == "WARNING"
    assert done["result"]["message"] == "from reference C"
    unknown = f"{pipeline.producer_url}/task/00000000-0000-7000-8000-000000000000-0"
    assert requests.get(unknown, timeout=TIMEOUT_S).json()["status"] == "PENDING"
    answer = requests.get(f"{pipeline.producer_url}/task/nonsense", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["field"]) == (404, "task_id")


def test_a_lone_log_is_searchable_within_a_second(pipeline: Pipeline):
    find(pipeline, post(pipeline, "/logs", {"message": "first calls are slow"}).json()["log_id"])
    waits = []
    for number in range(5):
        log_id = post(pipeline, "/logs", {"message": f"lone {number}"}).json()["log_id"]
        answered = time.monotonic()
        find(pipeline, log_id)
        waits.append(time.monotonic() - answered)
    assert sorted(waits)[2] < 1.0, waits


def test_concurrent_clients_share_messages_and_every_record_arrives_once(pipeline: Pipeline):
    service = new_service()

    def client(number: int) -> None:
        with requests.Session() as session:
            for k in range(50):
                body = {"message": f"{number}-{k}", "service": service}
                assert session.post(f"{pipeline.producer_url}/logs", json=body, timeout=TIMEOUT_S).status_code == 201

    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = of_service(pipeline, service, 400)
    assert sorted(log["message"] for log in found) == sorted(f"{n}-{k}" for n in range(8) for k in range(50))
    assert len({log["processor_id"] for log in found}) <= 2


def test_anomalies_say_why(pipeline: Pipeline):
    service = new_service()
    post(pipeline, "/logs", {"message": "slow", "service": service, "metadata": {"response_time_ms": 5000}})
    of_service(pipeline, service, 1)
    answer = requests.get(f"{pipeline.storage_url}/logs/anomalies?service={service}", timeout=TIMEOUT_S).json()
    assert [log["anomaly_reasons"] for log in answer["logs"]] == [["slow_response"]]
