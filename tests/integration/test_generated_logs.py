"""Generated logs in real pipelines: requests that a search puts together again, and none lost or doubled on the way."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from generator.outputs.amqp import AmqpOutput
from generator.outputs.batched import Batching
from logmill.errors import BrokerUnavailable
from logmill.wire import unpack
from tests.support.broker_client import Client
from tests.support.broker_places import Place
from tests.support.generating import Generating, generated, made
from tests.support.pipeline import Pipeline
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

TIMEOUT_S = 60


def count_of(storage_url: str, run: str) -> int:
    answer = requests.get(f"{storage_url}/logs/stats", {"q": f"run:{run}"}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return int(answer.json()["total_logs"])


def stored(storage_url: str, run: str, count: int) -> list[dict]:
    """All logs of a run, once there are so many."""
    wait_until(lambda: count_of(storage_url, run) >= count, 60, f"{count} logs stored")
    answer = requests.get(f"{storage_url}/logs/export", {"q": f"run:{run}", "format": "ndjson"}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def once_each(logs: list[dict], count: int) -> bool:
    """Whether there are so many logs, and no two are the same one."""
    return len(logs) == count == len({(log["trace_id"], log["span_id"]) for log in logs})


def new_run() -> str:
    return f"run{uuid4().hex[:12]}"


def test_a_search_finds_the_flow_of_a_request_through_all_services(pipeline: Pipeline):
    run = new_run()
    _, said = generated(
        *("--producer", pipeline.producer_url, "--rate", "1000", "--duration", "3s", "--seed", "1"),
        *("--field", f"run={run}"),
    )
    assert "3,000 logs" in said
    logs = stored(pipeline.storage_url, run, 3000)
    assert once_each(logs, 3000)
    paid = [log for log in logs if log["service"] == "payment" and "accepted for order" in log["message"]]
    flow: list[dict] = []
    for log in paid:
        request = log["metadata"]["request_id"]
        found = requests.get(f"{pipeline.storage_url}/logs", {"q": f"request_id:{request}"}, timeout=TIMEOUT_S).json()
        flow = sorted((one for one in found["logs"]), key=lambda one: one["timestamp"])
        # One whose end was not cut off by the end of the run.
        if flow[-1]["service"] == "api-gateway":
            break
    services = [one["service"] for one in flow if one["level"] != "DEBUG"]
    assert services == ["api-gateway", "auth", "inventory", "payment", "inventory", "api-gateway"]
    assert len({one["trace_id"] for one in flow}) == 1
    # What the processors make columns of.
    answer = flow[-1]
    assert (answer["status_code"], answer["method"], answer["path"]) == (201, "POST", "/api/v1/checkout")
    assert answer["response_time_ms"] >= sum(one["response_time_ms"] or 0 for one in flow[:-1])
    assert answer["user_id"] == flow[0]["user_id"]


def test_levels_services_and_tags_are_what_was_made(pipeline: Pipeline):
    run = new_run()
    arguments = ("--rate", "max", "--count", "4000", "--seed", "9", "--field", f"run={run}")
    output, _ = generated(*arguments)
    sent = [json.loads(line) for line in output.splitlines()]
    generated(*arguments, "--producer", pipeline.producer_url)
    logs = stored(pipeline.storage_url, run, 4000)
    for name in ("level", "service", "message", "trace_id"):
        assert Counter(log[name] for log in logs) == Counter(log[name] for log in sent)
    assert {tag for log in logs for tag in log["tags"]} >= {"auth", "payment", "api", "general"}
    # Session tokens are secrets, and nothing else is taken for one.
    redacted = [log for log in logs if re.search(r"<\w+>", json.dumps(log))]
    assert {log["metadata"]["session_token"] for log in redacted} == {"<token>"}
    assert len(redacted) == sum("session_token" in log["metadata"] for log in sent)
    assert not any(re.search(r"<\w+>", json.dumps({**log["metadata"], "session_token": ""})) for log in redacted)


@pytest.mark.parametrize("form", ["logfmt", "access", "text"])
def test_lines_are_sent_as_text_and_parsed_on_the_way(pipeline: Pipeline, form: str):
    before = requests.get(f"{pipeline.storage_url}/logs/stats", timeout=TIMEOUT_S).json()["total_logs"]
    generated("--producer", pipeline.producer_url, "--rate", "max", "--count", "300", "--format", form)

    def come() -> bool:
        return (
            requests.get(f"{pipeline.storage_url}/logs/stats", timeout=TIMEOUT_S).json()["total_logs"] >= before + 300
        )

    wait_until(come, 60)


def test_records_are_published_to_the_broker_in_their_lanes(pipeline: Pipeline):
    run = new_run()
    _, said = generated(
        *("--broker", pipeline.settings.broker_url, "--rate", "2000", "--duration", "2s", "--field", f"run={run}")
    )
    assert "4,000 logs" in said
    logs = stored(pipeline.storage_url, run, 4000)
    assert once_each(logs, 4000)
    assert {log["source"]["protocol"] for log in logs} == {"amqp"}


def test_a_producer_that_is_killed_and_away_loses_and_doubles_nothing(tmp_path: Path):
    """Twice: requests are cut off in the middle, refused for some seconds, and sent again to another process."""
    run = new_run()
    folders = {name: tmp_path / name for name in ("storage", "processor", "producer")}
    for folder in folders.values():
        folder.mkdir()
    with ServiceProcess("storage", folders["storage"]) as storage:
        shared = {"broker_url": f"sqlite:///{tmp_path / 'broker.sqlite3'}", "storage_url": storage.url}
        storage.wait_ready()
        with ServiceProcess("processor", folders["processor"], **shared):
            producer = ServiceProcess("producer", folders["producer"], **shared).wait_ready()
            try:
                with Generating(
                    *("--producer", producer.url, "--rate", "1000", "--duration", "8s", "--field", f"run={run}")
                ) as generating:
                    for round_ in (1, 2):
                        wait_until(lambda count=round_ * 1000: count_of(storage.url, run) >= count, 60)
                        # Kill -9 of the process and its workers.
                        producer.__exit__(None, None, None)
                        assert generating.process.poll() is None
                        producer = ServiceProcess(
                            "producer", folders["producer"], **shared, producer_port=producer.port
                        ).wait_ready()
                    code, _, said = generating.ended()
            finally:
                producer.__exit__(None, None, None)
            assert code == 0, said
            assert "8,000 logs" in said
            assert "sent again" in said
            logs = stored(storage.url, run, 8000)
            assert once_each(logs, 8000), (len(logs), said)


def test_where_nobody_takes_logs_it_says_how_many_are_left(tmp_path: Path):
    with Generating(
        *("--producer", "http://127.0.0.1:1", "--rate", "1000", "--status-file", str(tmp_path / "state")),
        drain_timeout_s=1,
    ) as running:
        wait_until(
            lambda: (tmp_path / "state").exists() and json.loads((tmp_path / "state").read_text())["behind"] > 1000
        )
        running.process.send_signal(signal.SIGTERM)
        code, _, said = running.ended()
    assert code == 4
    assert "the producer does not answer" in said
    assert re.search(r"0 logs in .* behind", said)


def test_a_broker_that_is_away_for_a_while_loses_nothing(killable: Place):
    output = AmqpOutput(killable.broker(), Batching(connections=4, logs=200, interval_s=0.05))
    sent = made(3000)
    for first in range(0, 3000, 200):
        if first == 1000:
            wait_until(lambda: output.counts.done == 1000)
            killable.crash()
            killable.take_away()
        if first == 2000:
            killable.bring_back()
        wait_until(lambda: output.wait_for_room(0.1), 60)
        if first < 1400 or first >= 2000:
            part = slice(first, first + 200)
            output.write(type(sent)(sent.times_us[part], sent.logs[part]))
    wait_until(lambda: output.flush(1.0), 60)
    output.close()
    assert output.counts.done == 2400
    batches = {}
    with Client(killable.broker()) as client:
        consumer = client.consumer()

        def read() -> bool:
            try:
                delivery = consumer.receive(0.5)
            except BrokerUnavailable:
                return False
            if delivery is None:
                return True
            # What was published twice has its id twice, and is stored once.
            batches[delivery.message.message_id] = unpack(delivery.message)
            consumer.acknowledge([delivery])
            return False

        wait_until(read, 60)
    spans = [span for batch in batches.values() for span in batch.columns.span_id]
    expected = [log.span_id for log in (*sent.logs[:1400], *sent.logs[2000:])]
    assert sorted(spans) == sorted(expected)
    times = {
        span: time
        for batch in batches.values()
        for span, time in zip(batch.columns.span_id, batch.columns.timestamp, strict=True)
    }
    assert all(times[log.span_id] == time for log, time in zip(sent.logs[:1400], sent.times_us[:1400], strict=True))
