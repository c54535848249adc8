"""Generated logs in real pipelines: requests that a search puts together again, and none lost or doubled on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path
from uuid import uuid4

import requests

from generator.log import Made
from generator.outputs.amqp import AmqpOutput
from generator.outputs.batched import Batching
from logmill.errors import BrokerUnavailable
from logmill.wire import unpack
from tests.support.broker_client import Client
from tests.support.broker_places import Place
from tests.support.generating import Generating, generated, made
from tests.support.odd_producer import Handler, Server
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
    assert answer["response_time_ms"] >= sum(one.get("response_time_ms") or 0 for one in flow[:-1])
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
    assert {tag for log in logs for tag in log["tags"]} >= {"auth", "payment", "api", "inventory", "user"}
    # Session tokens are secrets, and nothing else is taken for one.
    redacted = [log for log in logs if re.search(r"<\w+>", json.dumps(log))]
    assert {log["metadata"]["session_token"] for log in redacted} == {"<password>"}
    assert len(redacted) == sum("session_token" in log["metadata"] for log in sent)
    assert not any(re.search(r"<\w+>", json.dumps({**log["metadata"], "session_token": ""})) for log in redacted)


def found(pipeline: Pipeline, query: str) -> list[dict]:
    answer = requests.get(f"{pipeline.storage_url}/logs", {"q": query, "limit": 1000}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    logs: list[dict] = answer.json()["logs"]
    return logs


def test_lines_of_logfmt_are_parsed_on_the_way(pipeline: Pipeline):
    run = new_run()
    arguments = ("--producer", pipeline.producer_url, "--rate", "1000", "--count", "1000", "--format", "logfmt")
    generated(*arguments, "--seed", "1", "--field", f"run={run}")
    logs = stored(pipeline.storage_url, run, 1000)
    assert once_each(logs, 1000)
    assert {log["level"] for log in logs} >= {"DEBUG", "INFO", "WARNING"}
    assert all(log["metadata"]["service"] for log in logs)


def test_lines_of_text_are_found_by_their_words_and_have_their_level(pipeline: Pipeline):
    run = new_run()
    arguments = ("--producer", pipeline.producer_url, "--rate", "max", "--count", "300", "--format", "text")
    generated(*arguments, "--field", f"run={run}")
    logs = wait_until(lambda: (logs := found(pipeline, f'"{run}"')) and len(logs) >= 300 and logs, 60)
    assert len(logs) == 300
    assert all(f" {log['level']} " in log["message"] for log in logs)


def test_lines_of_an_access_log_have_their_columns(pipeline: Pipeline):
    arguments = ("--rate", "max", "--count", "300", "--format", "access", "--seed", str(uuid4().int % 10**9))
    output, _ = generated(*arguments)
    line = output.decode().splitlines()[-1]
    address, user, method, path, status = re.match(r'(\S+) - (\S+) \[.*?\] "(\S+) (\S+) \S+" (\d+)', line).groups()
    generated(*arguments, "--producer", pipeline.producer_url)
    query = (
        f'client_ip:"{address}" AND user_id:{user} AND method:{method} AND status_code:{status} AND service:api-gateway'
    )
    logs = wait_until(lambda: found(pipeline, query), 60)
    assert path in {log["path"] for log in logs}


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
                with Generating("--producer", producer.url, "--rate", "500", "--field", f"run={run}") as generating:
                    for _ in range(2):
                        goal = count_of(storage.url, run) + 1000
                        wait_until(lambda goal=goal: count_of(storage.url, run) >= goal, 60)
                        # Kill -9 of the process and its workers.
                        producer.__exit__(None, None, None)
                        assert generating.process.poll() is None
                        producer = ServiceProcess(
                            "producer", folders["producer"], **shared, producer_port=producer.port
                        ).wait_ready()
                    goal = count_of(storage.url, run) + 1000
                    wait_until(lambda: count_of(storage.url, run) >= goal, 60)
                    generating.process.send_signal(signal.SIGTERM)
                    code, _, said = generating.ended()
            finally:
                producer.__exit__(None, None, None)
            assert code == 0, said
            assert "sent again" in said
            count = int(re.search(r"([0-9,]+) logs in", said)[1].replace(",", ""))
            logs = stored(storage.url, run, count)
            assert once_each(logs, count), (len(logs), said)


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


def test_what_was_due_too_long_ago_is_given_up_and_counted():
    """A producer that hangs: what is made waits, and of what could not be made in time only the last second is."""
    with Server() as server:
        go_on = threading.Event()

        def respond(handler: Handler) -> None:
            go_on.wait(TIMEOUT_S)
            handler.send(201, {"status": "success", "rejected": 0})

        server.respond = respond
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Generating(
            *("--producer", server.url, "--rate", "1000", "--duration", "6s", "--catch-up", "1"),
            *("--batch-logs", "100", "--connections", "1"),
        ) as generating:
            wait_until(lambda: server.seen)
            wait_until(lambda: _waited_s(generating.process.pid) > 4)
            go_on.set()
            code, _, said = generating.ended()
        server.shutdown()
    assert code == 0, said
    done, missed = (int(re.search(rf"([0-9,]+) {word}", said)[1].replace(",", "")) for word in ("logs in", "missed"))
    assert done + missed == 6000
    assert missed > 1000
    assert sum(len(body.splitlines()) for *_, body in server.seen) == done


def _waited_s(pid: int) -> float:
    """How long a process has been there."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return uptime_s - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def test_a_broker_that_is_away_for_a_while_loses_nothing(killable: Place):
    output = AmqpOutput(killable.broker(), Batching(connections=4, logs=200, interval_s=0.05))
    sent = made(20_000)
    written = 0

    def write() -> bool:
        """Write the next logs where there is room."""
        nonlocal written
        has_room = output.wait_for_room(0.2)
        if has_room:
            part = slice(written, written + 200)
            output.write(Made(sent.times_us[part], sent.logs[part]))
            written += 200
        return has_room

    for _ in range(5):
        wait_until(write)
    wait_until(lambda: output.flush(0.5), 60)
    assert output.counts.done == written == 1000
    killable.take_away()
    # What can be held is bounded, and so is the broker's file, which is open: it takes what comes.
    while write() and written < 3000:
        pass
    killable.bring_back()
    for _ in range(5):
        wait_until(write, 60)
    wait_until(lambda: output.flush(0.5), 60)
    output.close()
    assert output.counts.done == written
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
    found = {
        span: time_us
        for batch in batches.values()
        for span, time_us in zip(batch.columns.span_id, batch.columns.timestamp, strict=True)
    }
    assert sum(len(batch.columns) for batch in batches.values()) == written
    assert found == {log.span_id: time_us for time_us, log in zip(sent.times_us, sent.logs[:written], strict=False)}
