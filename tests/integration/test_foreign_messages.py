"""Messages of other AMQP clients: plain JSON is stored as if it had come over HTTP, what cannot be read is reported."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import requests

from logmill.broker import Message, open_broker
from logmill.record import Lane
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

TIMEOUT_S = 30


@pytest.fixture
def broker(pipeline: Pipeline):
    return open_broker(pipeline.settings.broker_url)


@pytest.fixture
def publish(broker):
    publisher = broker.publisher()

    def send(body: bytes, message_id: str = "", content_type: str = "", **headers: int) -> None:
        message = Message(body, Lane.NORMAL, message_id, content_type=content_type, headers=dict(headers))
        publisher.publish(message).result(TIMEOUT_S)

    yield send
    publisher.close(TIMEOUT_S)


def logs_of(pipeline: Pipeline, service: str, count: int) -> list[dict]:
    def look():
        answer = requests.get(f"{pipeline.storage_url}/logs", {"service": service}, timeout=TIMEOUT_S).json()
        return answer["logs"] if answer["count"] >= count else None

    found = wait_until(look, what=f"{count} logs of {service}")
    assert len(found) == count
    return found


def test_plain_json_as_object_array_and_lines_is_stored(pipeline: Pipeline, publish):
    service = f"amqp-{uuid4().hex[:8]}"
    one = {"message": "one", "service": service, "level": "warn"}
    publish(json.dumps(one).encode())
    publish(
        json.dumps([{**one, "message": "two"}, {**one, "message": "three"}]).encode(), content_type="application/json"
    )
    lines = b"\n".join(json.dumps({**one, "message": text}).encode() for text in ("four", "five"))
    publish(lines, content_type="application/x-ndjson")
    found = logs_of(pipeline, service, 5)
    assert {log["message"] for log in found} == {"one", "two", "three", "four", "five"}
    assert {(log["level"], log["source"]["protocol"]) for log in found} == {("WARNING", "amqp")}


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"no json", "JSON"), (b'{"message": null}', "message"), (b"\xff", "UTF-8"), (b"{}", "empty"), (b"", "JSON")],
)
def test_a_message_that_cannot_be_read_is_dead_lettered_and_its_task_says_why(
    pipeline: Pipeline, broker, publish, body: bytes, reason: str
):
    dead_before = broker.depths()["dead"].ready
    batch_id = str(uuid4())
    publish(body, message_id=batch_id)
    task = f"{pipeline.producer_url}/task/{batch_id}-0"
    failed = wait_until(lambda: (t := requests.get(task, timeout=TIMEOUT_S).json())["status"] != "PENDING" and t)
    assert failed["status"] == "FAILURE"
    assert reason in failed["reason"]
    wait_until(lambda: broker.depths()["dead"].ready == dead_before + 1, what="the dead letter")
    marker = requests.post(f"{pipeline.producer_url}/logs", json={"message": "after"}, timeout=TIMEOUT_S).json()[
        "log_id"
    ]
    wait_until(lambda: requests.get(f"{pipeline.storage_url}/logs/{marker}", timeout=TIMEOUT_S).status_code == 200)


def test_bad_items_of_a_foreign_array_are_reported_and_the_good_ones_stored(pipeline: Pipeline, publish):
    service, batch_id = f"amqp-{uuid4().hex[:8]}", str(uuid4())
    publish(json.dumps([{"message": "good", "service": service}, "bad", {"message": 5}]).encode(), message_id=batch_id)
    assert [log["message"] for log in logs_of(pipeline, service, 1)] == ["good"]
    rejections = wait_until(
        lambda: [
            item
            for item in requests.get(f"{pipeline.storage_url}/rejections", timeout=TIMEOUT_S).json()["rejections"]
            if item["batch_id"] == batch_id
        ]
    )
    # The good one is ordinal 0; those refused come after the good ones, and say which item they were.
    assert sorted((item["ordinal"], item["reason"].split(":")[0]) for item in rejections) == [
        (1, "item 1"),
        (2, "item 2"),
    ]


def test_a_batch_of_another_wire_version_is_put_aside_and_not_lost(pipeline: Pipeline, broker, publish):
    dead_before = broker.depths()["dead"].ready
    batch_id = str(uuid4())
    publish(b"whatever", message_id=batch_id, **{"logmill-version": 99})
    wait_until(lambda: broker.depths()["dead"].ready == dead_before + 1, what="the dead letter")
    task = requests.get(f"{pipeline.producer_url}/task/{batch_id}-3", timeout=TIMEOUT_S).json()
    assert (task["status"], "version 99" in task["reason"]) == ("FAILURE", True)
