"""What GET /pipeline shows on real services and both brokers: depths, lag, dead letters, a producer that is away."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from logmill.broker import Message, broker_of
from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.record import Entry, Lane
from logmill.settings_table import table
from logmill.timestamps import now_us
from logmill.wire import pack
from tests.support.broker_client import Client
from tests.support.broker_places import Place
from tests.support.pipeline import Pipeline
from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

TIMEOUT_S = 30
KEY = "s3cret-key"
# Two seconds for a producer that stands still, and what a busy machine takes.
BOUND_S = 5.0


class Parts:
    """Producer and storage on one broker, and processors as the test starts them."""

    def __init__(self, folder: Path, place: Place) -> None:
        place.broker()
        self.folder = folder
        self.shared = {
            "broker_url": place.url,
            "data_dir": str(folder / "data"),
            "producer_port": free_port(),
            "storage_port": (storage_port := free_port()),
            "storage_url": f"http://127.0.0.1:{storage_port}",
            "api_key": KEY,
        }
        self.producer = self.start("producer")
        self.storage = self.start("storage")

    def start(self, name: str, **more: object) -> ServiceProcess:
        return ServiceProcess(name, self.folder, **{**self.shared, **more})

    def __enter__(self) -> Parts:
        self.producer.wait_ready()
        self.storage.wait_ready()
        return self

    def __exit__(self, *error: Any) -> None:
        self.producer.__exit__(None, None, None)
        self.storage.__exit__(None, None, None)

    def send(self, level: str, count: int, messages: int = 1) -> None:
        """So many messages of so many logs."""
        for _ in range(messages):
            answer = self.post(self.producer.url + "/logs/batch", [{"level": level, "message": "m"}] * count)
            assert answer.status_code == 201, answer.text

    def post(self, url: str, body: object) -> requests.Response:
        return requests.post(url, json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=TIMEOUT_S)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.storage.url + path, headers={"Authorization": f"Bearer {KEY}"}, timeout=TIMEOUT_S)

    def look(self) -> dict[str, Any]:
        """The page's data, which always is there in time."""
        started_s = time.monotonic()
        answer = self.get("/pipeline")
        assert time.monotonic() - started_s < BOUND_S
        assert answer.status_code == 200, answer.text
        assert KEY not in answer.text
        assert "guest:guest" not in answer.text
        return answer.json()

    def waiting(self) -> dict[str, int | None]:
        return {lane["lane"]: lane["messages"] for lane in self.look()["lanes"]}


@pytest.fixture
def parts(tmp_path: Path, place: Place) -> Iterator[Parts]:
    with Parts(tmp_path, place) as running:
        yield running


# One test, since each step of the history takes five seconds to wait for.
def test_depths_history_and_rates_follow_what_is_accepted_and_stored_and_services_stop_as_fast_as_ever(
    parts: Parts,
) -> None:
    found = parts.look()
    assert (found["producer"]["reachable"], found["producer"]["ready"]) == (True, True)
    assert found["producer"]["url"] == parts.producer.url
    assert found["lag"] == {"p50_s": None, "p99_s": None, "max_s": None}
    assert found["processors"] == []
    assert (found["storage"]["logs"], found["storage"]["oldest"], found["storage"]["bytes_per_log"]) == (0, None, None)
    wait_until(
        lambda: parts.look()["history"]["waiting"]["bulk"][-1] == 0, what="a step that the producer was asked at"
    )
    parts.send("ERROR", 10, messages=3)
    parts.send("INFO", 20, messages=2)
    parts.send("DEBUG", 5)
    sent_s = time.monotonic()
    wait_until(lambda: parts.waiting() == {"urgent": 3, "normal": 2, "bulk": 1}, what="the depths")
    found = parts.look()
    assert {lane["lane"]: lane["accepted"] for lane in found["lanes"]} == {"urgent": 30, "normal": 40, "bulk": 5}
    kind = found["producer"]["broker"]["kind"]
    for lane in found["lanes"]:
        assert (lane["bytes"] is None) == (kind == "rabbitmq")
    wait_until(lambda: parts.look()["history"]["waiting"]["urgent"][-1] == 3, what="a step of the history")
    assert sum(filter(None, parts.look()["history"]["accepted"])) == 75
    parts.send("INFO", 500)
    sent_later_s = time.monotonic()
    assert wait_until(lambda: parts.look()["rates"]["accepted_per_s"], what="the rate") > 0
    assert parts.look()["rates"]["stored_per_s"] == 0
    held_s = time.monotonic() - sent_later_s
    with parts.start("processor", processor_id="the-one") as processor:
        wait_until(lambda: parts.waiting() == {"urgent": 0, "normal": 0, "bulk": 0}, 60, "nothing waits")
        wait_until(lambda: parts.look()["storage"]["memory_logs"] == 575, 60, "all are stored")
        most_s = time.monotonic() - sent_s
        wait_until(lambda: sum(filter(None, parts.look()["history"]["stored"])) == 575, what="they are in the history")
        wait_until(lambda: parts.look()["history"]["waiting"]["urgent"][-1] == 0, what="so is that nothing waits")
        found = parts.look()
        (one,) = found["processors"]
        assert (one["processor_id"], one["logs"]) == ("the-one", 575)
        assert one["logs_per_s"] > 0
        lag = found["lag"]
        assert 0.9 * held_s < lag["p50_s"] <= lag["p99_s"] <= lag["max_s"] < most_s + 5
        # What takes queries is up to five seconds old.
        wait_until(lambda: parts.look()["storage"]["logs"] == 575, what="the store's own count")
        kept = parts.look()["storage"]
        assert kept["bytes"] > 0
        assert kept["bytes_per_log"] == round(kept["bytes"] / 575, 1)
        assert kept["free_bytes"] > 0
        assert kept["oldest"] <= kept["newest"] <= "3000"
        assert (kept["retention"], kept["parts"] >= 1) == (None, True)
        processor.send(signal.SIGTERM)
        assert processor.end() == 0
    # With the sampler at work, both stop in order and as fast as ever.
    for service in (parts.producer, parts.storage):
        started_s = time.monotonic()
        service.send(signal.SIGTERM)
        assert service.end() == 0
        assert time.monotonic() - started_s < 6


def put_aside(parts: Parts, place: Place, service: str) -> None:
    """A good batch among the dead letters, as a processor that erred does it; no other consumer runs."""
    with Client(place.broker()) as user:
        publisher, consumer = user.publisher(), user.consumer(prefetch=1)
        entry = Entry(timestamp=now_us(), message="kept", service=service)
        publisher.publish(
            pack(Columns.of([entry]), batch_id=new_batch_id(), lane=Lane.URGENT, received_at=now_us())
        ).result(TIMEOUT_S)
        delivery = consumer.receive(TIMEOUT_S)
        assert delivery is not None
        assert consumer.dead_letter([(delivery, "by mistake")]) == []


def test_a_dead_letter_is_counted_shown_replayed_and_then_stored_all_through_storage(
    parts: Parts, place: Place
) -> None:
    assert parts.look()["dead"] == {"count": 0}
    service = f"dead-{uuid4().hex[:12]}"
    put_aside(parts, place, service)
    wait_until(lambda: parts.look()["dead"] == {"count": 1}, what="the letter is counted")
    listed = parts.get("/pipeline/dead?limit=5").json()
    assert (listed["status"], listed["count"], len(listed["letters"])) == ("success", 1, 1)
    letter = listed["letters"][0]
    assert (letter["reason"], letter["records"]) == ("by mistake", 1)
    shown = parts.get(f"/pipeline/dead/{letter['id']}").json()["letter"]
    assert shown["content"][0]["service"] == service
    assert parts.get("/pipeline/dead?limit=x").json()["field"] == "limit"
    assert parts.get(f"/pipeline/dead/{'0' * 36}").status_code == 404
    replayed = parts.post(parts.storage.url + "/pipeline/dead/replay", {"ids": [letter["id"]]})
    assert (replayed.status_code, replayed.json()) == (200, {"status": "success", "replayed": 1, "missing": 0})
    with parts.start("processor"):
        wait_until(lambda: parts.get(f"/logs?service={service}").json()["count"] == 1, 60, "it is stored")
    wait_until(lambda: parts.look()["dead"] == {"count": 0}, what="it is gone")
    put_aside(parts, place, "x")
    assert parts.post(parts.storage.url + "/pipeline/dead/purge", {}).status_code == 400
    assert parts.post(parts.storage.url + "/pipeline/dead/purge", {"all": True}).json()["purged"] == 1
    wait_until(lambda: parts.get("/pipeline/dead").json()["count"] == 0, what="nothing is left")


def test_a_producer_that_stands_still_or_is_gone_makes_the_page_neither_fail_nor_slow(
    parts: Parts, place: Place
) -> None:
    parts.send("INFO", 5)
    assert parts.look()["producer"]["reachable"]
    for pid in parts.producer.group():
        os.kill(pid, signal.SIGSTOP)
    found = wait_until(lambda: _unreachable(parts), what="that it stands still is noticed")
    assert found["producer"]["reason"] == "it does not answer"
    for pid in parts.producer.group():
        os.kill(pid, signal.SIGKILL)
    parts.producer.process.wait(10)
    found = wait_until(lambda: _unreachable(parts, "it cannot be reached"), what="that it is gone is noticed")
    assert found["producer"] == {
        "reachable": False, "url": parts.producer.url, "ready": False, "reason": "it cannot be reached", "broker": None
    }  # fmt: skip
    assert [lane["messages"] for lane in found["lanes"]] == [None] * 3
    assert (found["dead"], found["rates"]["accepted_per_s"]) == ({"count": None}, None)
    assert found["storage"]["free_bytes"] > 0
    passed = parts.post(parts.storage.url + "/pipeline/dead/replay", {"all": True})
    assert (passed.status_code, passed.json()["code"]) == (503, "unavailable")
    assert "the producer is away" in passed.json()["message"]
    # It comes back at the same address, and nothing has to be restarted.
    with parts.start("producer").wait_ready():
        wait_until(lambda: parts.look()["producer"]["reachable"], what="it is found again")


def _unreachable(parts: Parts, reason: str = "") -> dict[str, Any] | None:
    found = parts.look()
    return found if not found["producer"]["reachable"] and reason in found["producer"]["reason"] else None


def test_a_broker_that_is_away_is_said_and_comes_back(tmp_path: Path, killable: Place) -> None:
    with Parts(tmp_path, killable) as parts:
        parts.send("INFO", 1)
        assert wait_until(lambda: parts.waiting()["normal"] == 1)
        killable.take_away()
        try:
            found = wait_until(lambda: _without_broker(parts), 60, "that the broker is away")
            assert found["producer"]["reachable"]
            assert found["producer"]["reason"]
            assert [lane["messages"] for lane in found["lanes"]] == [None] * 3
            assert {lane["lane"]: lane["accepted"] for lane in found["lanes"]}["normal"] == 1
        finally:
            killable.bring_back()
        wait_until(lambda: parts.waiting()["normal"] == 1, 60, "the broker is back")


def _without_broker(parts: Parts) -> dict[str, Any] | None:
    found = parts.look()
    broker = found["producer"]["broker"]
    return found if broker is not None and not broker["reachable"] else None


def test_what_is_in_force_is_shown_to_those_with_the_key(tmp_path: Path) -> None:
    broker_url = "amqp://guest:guest@localhost/"
    with ServiceProcess("storage", tmp_path, api_key=KEY, broker_url=broker_url) as storage:
        storage.wait_ready()
        answer = requests.get(storage.url + "/pipeline", headers={"Authorization": f"Bearer {KEY}"}, timeout=TIMEOUT_S)
        for path in ("/pipeline", "/pipeline/dead"):
            assert requests.get(storage.url + path, timeout=TIMEOUT_S).status_code == 401
    assert KEY not in answer.text
    assert "guest:guest" not in answer.text
    rows = {row["name"]: row for row in answer.json()["configuration"]}
    assert list(rows) == [row.name for row in table()]
    assert rows["LOGMILL_API_KEY"]["value"] == "…"
    assert rows["LOGMILL_PRODUCER_PORT"]["value"] == storage.settings.producer_port
    assert rows["LOGMILL_MAX_LIMIT"] == {
        "name": "LOGMILL_MAX_LIMIT", "value": 10_000, "unit": "records", "help": "Largest `limit` of a query.",
        "is_default": True,
    }  # fmt: skip


def test_counters_are_sums_over_the_workers_of_the_producer(tmp_path: Path) -> None:
    with ServiceProcess("producer", tmp_path, producer_workers=3) as producer:
        producer.wait_ready()
        for _ in range(30):
            answer = requests.post(producer.url + "/logs", json={"level": "ERROR", "message": "m"}, timeout=30)
            assert answer.status_code == 201
        for _ in range(6):
            lanes = requests.get(producer.url + "/pipeline", timeout=30).json()["lanes"]
            assert {lane["lane"]: lane["accepted"] for lane in lanes} == {"urgent": 30, "normal": 0, "bulk": 0}


def test_a_message_that_no_processor_can_read_becomes_a_letter_on_the_page(pipeline: Pipeline) -> None:
    broker = broker_of(pipeline.settings)
    with broker.dead_letters() as letters:
        letters.purge()

    def dead() -> int | None:
        return requests.get(pipeline.storage_url + "/pipeline", timeout=TIMEOUT_S).json()["dead"]["count"]

    wait_until(lambda: dead() == 0, what="no letters")
    publisher = broker.publisher()
    publisher.publish(Message(b"no json", Lane.NORMAL, str(uuid4()), content_type="application/json")).result(TIMEOUT_S)
    publisher.close(TIMEOUT_S)
    wait_until(lambda: dead() == 1, what="the dead letter")
    purged = requests.post(pipeline.storage_url + "/pipeline/dead/purge", json={"all": True}, timeout=TIMEOUT_S)
    assert purged.json()["purged"] == 1
