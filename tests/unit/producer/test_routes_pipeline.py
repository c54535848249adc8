"""GET /pipeline of the producer: depths and counters by lane, and that looking costs the broker little."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

import producer.app
from logmill.broker import QueueDepth, broker_of
from logmill.errors import BrokerUnavailable
from logmill.record import Lane
from logmill.settings import Settings, load
from producer.metrics import Metrics
from producer.routes_pipeline import MAX_AGE_S, add_pipeline_route
from tests.support.broker_client import Client, collect
from tests.support.waiting import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = f"sqlite:///{tmp_path}/broker.sqlite3"
    return load({}, broker_url=url, data_dir=str(tmp_path / "data"), producer_pin_cores=False)


@pytest.fixture
def client(settings: Settings):
    # As the producer does it on a thread of its own, which takes its time.
    broker_of(settings).declare(10)
    app = producer.app.create_app(settings)
    yield app.test_client()
    app.extensions["logmill_close"]()


def lanes(answer) -> dict[str, dict]:
    return {lane.pop("lane"): lane for lane in answer["lanes"]}


def test_each_lane_has_what_waits_what_is_worked_on_and_what_was_accepted(client, settings):
    for level, count in (("CRITICAL", 3), ("INFO", 2), ("DEBUG", 1)):
        batch = [{"level": level, "message": "m"}] * count
        assert client.post("/logs/batch", json=batch).status_code == 201
    assert client.post("/logs", json={"level": "DEBUG", "message": "m", "lane": "urgent"}).status_code == 201
    bad = [{"message": 5}, {"message": "good", "level": "INFO"}]
    assert client.post("/logs/batch", json=bad).json["accepted"] == 1
    with Client(broker_of(settings)) as user:
        letter, *_ = collect(consumer := user.consumer(), 5)
        assert consumer.dead_letter([(letter, "why")]) == []
        body = client.get("/pipeline").json
    assert (body["status"], body["ready"], body["reason"]) == ("success", True, "")
    assert body["broker"] == {"kind": "embedded", "reachable": True, "reason": ""}
    found = lanes(body)
    assert {name: lane["accepted"] for name, lane in found.items()} == {"urgent": 4, "normal": 3, "bulk": 1}
    assert sum(lane["messages"] + lane["unacknowledged"] for lane in found.values()) == 4
    assert sum(lane["unacknowledged"] for lane in found.values()) == 4
    assert all(lane["bytes"] > 0 for name, lane in found.items() if lane["unacknowledged"])
    assert body["dead"] == {"count": 1}
    assert str(settings.data_dir) not in str(body)


def test_what_is_answered_again_for_its_key_is_not_accepted_twice(client):
    for _ in range(2):
        answer = client.post("/logs", json={"level": "INFO", "message": "m"}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 201
    assert lanes(client.get("/pipeline").json)["normal"]["accepted"] == 1


def test_the_counters_are_among_the_metrics(client):
    client.post("/logs", json={"level": "ERROR", "message": "m"})
    text = client.get("/metrics").text
    assert 'logmill_producer_accepted_total{lane="urgent"} 1.0' in text
    assert 'logmill_producer_accepted_total{lane="bulk"} 0.0' in text


class LookedAt:
    """A broker that counts how often it is looked at; `error` is what comes of it."""

    kind = "rabbitmq"

    def __init__(self) -> None:
        self.looks = 0
        self.at_once = 0
        self.most_at_once = 0
        self.error: Exception | None = None

    def depths(self, timeout_s: float) -> dict[str, QueueDepth]:
        assert timeout_s <= 1.0
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.02)
        self.at_once -= 1
        if self.error:
            raise self.error
        return {name: QueueDepth(self.looks) for name in ("dead", *Lane)}


@pytest.fixture
def looked_at() -> LookedAt:
    return LookedAt()


@pytest.fixture
def alone(looked_at: LookedAt):
    app = Flask("alone")
    add_pipeline_route(app, looked_at, Metrics(), lambda: "broker: away" if looked_at.error else "ready")  # type: ignore[arg-type]
    return app


def test_the_broker_is_looked_at_once_a_second_however_many_ask(looked_at: LookedAt, alone: Flask):
    started_s = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        while time.monotonic() < started_s + 1.5 * MAX_AGE_S:
            asked = [pool.submit(alone.test_client().get, "/pipeline") for _ in range(20)]
            assert {one.result(30).status_code for one in asked} == {200}
    lasted_s = time.monotonic() - started_s
    assert 2 <= looked_at.looks <= 1 + lasted_s / MAX_AGE_S
    assert looked_at.most_at_once == 1


def test_a_broker_that_does_not_tell_is_null_and_one_that_is_away_is_said(looked_at: LookedAt, alone: Flask):
    urgent = alone.test_client().get("/pipeline").json["lanes"][0]
    assert urgent == {"lane": "urgent", "messages": 1, "unacknowledged": None, "bytes": None, "accepted": 0}
    looked_at.error = BrokerUnavailable("cannot connect to it")
    body = wait_until(lambda: _away(alone), what="the next look")
    assert (body["ready"], body["reason"]) == (False, "broker: away")
    assert body["broker"] == {"kind": "rabbitmq", "reachable": False, "reason": "cannot connect to it"}
    assert body["lanes"][0] == {
        "lane": "urgent", "messages": None, "unacknowledged": None, "bytes": None, "accepted": 0
    }  # fmt: skip
    assert body["dead"] == {"count": None}
    looks = looked_at.looks
    for _ in range(5):
        alone.test_client().get("/pipeline")
    assert looked_at.looks == looks, "that it is away is kept for a while too"


def _away(app: Flask) -> dict | None:
    body = app.test_client().get("/pipeline").json
    return None if body["broker"]["reachable"] else body
