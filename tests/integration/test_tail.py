"""Following storage as it runs: each stored log once, in order, and storing does not wait for who reads."""

from __future__ import annotations

import json
import signal
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from logmill.errors import ExitCode
from tests.support.pipeline import Pipeline
from tests.support.service_process import ServiceProcess
from tests.support.storage_blocks import SLOW, batch, later, realistic, row, stream
from tests.support.tail_client import TailClient
from tests.support.waiting import wait_until

DRAIN_S = 40
ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
NASTY = "one\ntwo\r\n\nevent: notice\ndata: {}\n\n<script>alert(1)</script>\x1b[31mred\x1b]0;title\x07\u2028é\0"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess("storage", tmp_path_factory.mktemp("tail"), max_tails=3) as service:
        yield service.wait_ready()


def ingest(storage: ServiceProcess, body: bytes) -> tuple[int, int]:
    answer = requests.post(f"{storage.url}/ingest", data=body, headers=ARROW, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.json()["stored"], answer.json()["duplicates"]


def counted(storage: ServiceProcess, name: str) -> int:
    text = requests.get(f"{storage.url}/metrics", timeout=60).text
    found = next(line for line in text.splitlines() if line.startswith(f"logmill_storage_{name} "))
    return int(float(found.split()[1]))


def open_tails(storage: ServiceProcess) -> int:
    return counted(storage, "tails")


def test_a_tail_gets_each_log_that_is_stored_once_and_in_order_of_arrival(storage: ServiceProcess) -> None:
    ingest(storage, stream(batch(3)))
    with TailClient(storage.port) as tail:
        assert (tail.status, tail.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (tail.headers["cache-control"], tail.headers["x-accel-buffering"]) == ("no-store", "no")
        sent: list[str] = []
        # Older and older times: the order is that of arrival.
        for number in range(20):
            rows = batch(50, timestamp=1_700_000_000_000_000 - number)
            body = stream(rows + rows[:5])
            assert ingest(storage, body) == (50, 5)
            assert ingest(storage, body) == (0, 55)
            sent += [f"{uuid.UUID(bytes=one['batch_id'])}-{one['ordinal']}" for one in rows]
        logs = tail.take(1000)
        assert [log["id"] for log in logs] == sent
        assert requests.get(f"{storage.url}/logs/{sent[7]}", timeout=60).json()["log"] == logs[7]
        posted = requests.post(f"{storage.url}/logs", json={"message": "last"}, timeout=60).json()["id"]
        kind, event_id, log = next(tail.events())
        assert (kind, event_id, log["id"], log["message"]) == ("log", posted, posted, "last")


def test_a_tail_of_some_logs_gets_those_that_a_search_finds(storage: ServiceProcess) -> None:
    with TailClient(storage.port, q='"timed out" -test', level=["ERROR", "CRITICAL"], min_severity=50) as tail:
        for message, level, severity in (
            ("it timed out", "INFO", 90), ("it timed out", "ERROR", 40), ("it timed out in a test", "ERROR", 90),
            ("it timed out", "ERROR", 90), ("out timed", "ERROR", 90), ("Timed OUT", "CRITICAL", 50),
        ):  # fmt: skip
            one = row(uuid.uuid4(), 0, message=message, level=level, severity=severity)
            assert ingest(storage, stream([one])) == (1, 0)
        assert [log["message"] for log in tail.take(2)] == ["it timed out", "Timed OUT"]


def test_text_of_strangers_cannot_make_events(storage: ServiceProcess) -> None:
    with TailClient(storage.port) as tail:
        metadata = '{\n"k":\r\n' + json.dumps(NASTY) + "}"
        ingest(storage, stream([row(uuid.uuid4(), 0, message=NASTY, service=NASTY, metadata=metadata)]))
        [log] = tail.take(1)
        assert (log["message"], log["service"], log["metadata"]) == (NASTY, NASTY, {"k": NASTY})


def test_the_backlog_comes_first_and_nothing_is_lost_or_doubled_between_it_and_what_follows(
    storage: ServiceProcess,
) -> None:
    service = uuid.uuid4().hex
    done = threading.Event()
    stored: list[str] = []

    def store() -> None:
        while not done.is_set():
            rows = batch(7, service=service, timestamp=1_800_000_000_000_000 + len(stored))
            ingest(storage, stream(rows))
            stored.extend(f"{uuid.UUID(bytes=one['batch_id'])}-{one['ordinal']}" for one in rows)

    writer = threading.Thread(target=store)
    writer.start()
    try:
        for _ in range(5):
            wait_until(lambda: len(stored) > 20)
            with TailClient(storage.port, service=service, backlog=20) as tail:
                already = len(stored)
                wait_until(lambda already=already: len(stored) > already + 100)  # type: ignore[misc]
                seen = [log["id"] for log in tail.take(100)]
            at = [stored.index(one) for one in seen]
            # What is stored while the backlog is searched for comes after it; the rest is in order.
            assert at[:20] == list(range(at[0], at[0] + 20))
            assert at[20:] == sorted(at[20:])
            assert sorted(at) == list(range(min(at), min(at) + 100))
    finally:
        done.set()
        writer.join(30)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_tail_is_open_at_once_and_goes_on_where_the_search_of_its_backlog_takes_too_long(
    tmp_path: Path, is_told: bool
) -> None:
    with ServiceProcess("storage", tmp_path, recent_max_records=0, query_timeout_s=2, max_tails=1) as storage:
        storage.wait_ready()
        block = realistic(20_000, start_us=1_700_000_000_000_000)
        for number in range(10):
            ingest(storage, stream(later(block, number * 400)))
        start_s = time.monotonic()
        with TailClient(storage.port, q=f"{SLOW} OR service:live", backlog=1) as tail:
            assert time.monotonic() - start_s < 1
            sent = [row(uuid.uuid4(), 0, service="live", message=str(number)) for number in range(5)]
            for one in sent:  # while it is searched
                ingest(storage, stream([one]))
            if is_told:
                kind, _, notice = next(tail.events())
                assert (kind, notice["code"]) == ("notice", "no_backlog")
                assert time.monotonic() - start_s > 1.9
                sent.append(row(uuid.uuid4(), 0, service="live", message="5"))
                ingest(storage, stream([sent[-1]]))
                assert [log["message"] for log in tail.take(6)] == [one["message"] for one in sent]
                assert counted(storage, "query_timeouts_total") == 1
        if not is_told:  # but gone
            wait_until(lambda: open_tails(storage) == 0, 1.5)
            assert counted(storage, "queries_cancelled_total") == 1


def test_there_are_no_more_tails_than_may_be_and_a_closed_one_makes_room_at_once(storage: ServiceProcess) -> None:
    wait_until(lambda: open_tails(storage) == 0)
    tails = [TailClient(storage.port) for _ in range(3)]
    with TailClient(storage.port) as refused:
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert refused.body()["code"] == "too_many_tails"
    assert requests.head(f"{storage.url}/logs/tail", timeout=10).status_code == 200
    assert open_tails(storage) == 3
    start_s = time.monotonic()
    for tail in tails:
        tail.close()
    wait_until(lambda: open_tails(storage) == 0, 3)
    assert time.monotonic() - start_s < 3
    with TailClient(storage.port) as tail:
        assert tail.status == 200


def test_a_silent_tail_has_a_heartbeat(storage: ServiceProcess) -> None:
    with TailClient(storage.port, q="never") as tail:
        start_s = time.monotonic()
        assert tail.comment() == tail.comment() == ": still here"
        assert 8 < time.monotonic() - start_s < 15


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=1h", "since"), ("until=now", "until"), ("limit=5", "limit"), ("cursor=x", "cursor"),
        ("backlog=1001", "backlog"), ("backlog=-1", "backlog"), ("q=(", "q"), ("level=loud", "level"),
    ],
)  # fmt: skip
def test_what_a_tail_does_not_take_is_refused_by_name(storage: ServiceProcess, query: str, field: str) -> None:
    answer = requests.get(f"{storage.url}/logs/tail?{query}", timeout=10)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_reader_that_is_too_slow_is_told_and_let_go_while_storing_goes_on_as_before(storage: ServiceProcess) -> None:
    def store(count: int) -> list[float]:
        seconds = []
        for number in range(count):
            body = stream(realistic(20_000, seed=number))
            start_s = time.monotonic()
            ingest(storage, body)
            seconds.append(time.monotonic() - start_s)
        return seconds

    alone_s = statistics.median(store(6))
    with TailClient(storage.port, receive_bytes=4096) as tail:
        # More than the queue holds, and than kernel and tail can have taken on.
        assert statistics.median(store(16)) < 3 * alone_s + 0.1
        *logs, (kind, _, notice) = list(tail.events())
        assert {kind for kind, _, _ in logs} == {"log"}
        assert (kind, notice["code"]) == ("notice", "slow_reader")
        assert notice["missed"] + len(logs) == 16 * 20_000
        assert tail.ended
    wait_until(lambda: open_tails(storage) == 0)
    assert "Traceback" not in storage.said


def is_idle(storage: ServiceProcess) -> bool:
    """Whether it computes next to nothing for half a second."""

    def ticks() -> int:
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in storage.group()]
        return sum(int(fields[11]) + int(fields[12]) for fields in stats)

    before = ticks()
    time.sleep(0.5)
    return ticks() <= before + 2


@pytest.mark.parametrize("reads", [True, False])
def test_tails_do_not_hold_up_the_end_of_storage(tmp_path: Path, reads: bool) -> None:
    with (
        ServiceProcess("storage", tmp_path, drain_timeout_s=DRAIN_S) as storage,
        TailClient(storage.wait_ready().port) as tail,
    ):
        if not reads:
            ingest(storage, stream(realistic(50_000)))
            wait_until(lambda: is_idle(storage), what="the tail has filled all buffers")
        storage.send(signal.SIGTERM)
        if reads:
            [(kind, _, notice)] = list(tail.events())
            assert (kind, notice["code"]) == ("notice", "shutdown")
        # A tail that held it up would do so for its whole drain limit, and the code would say so.
        assert storage.end(DRAIN_S / 2) == ExitCode.STOPPED
        if not reads:
            with pytest.raises(ConnectionError):  # it had no chance to say anything
                list(tail.events())
        assert "Traceback" not in storage.said


def test_a_log_that_a_client_sends_is_followed_through_the_whole_pipeline(pipeline: Pipeline) -> None:
    with TailClient(pipeline.settings.storage_port, q='level:error "followed through"') as tail:
        records = [{"level": level, "message": f"followed through {level}"} for level in ("info", "error")]
        sent = requests.post(f"{pipeline.producer_url}/logs/batch?ids=1", json=records, timeout=60)
        assert sent.status_code == 201
        [log] = tail.take(1)
        assert (log["message"], log["id"]) == ("followed through error", sent.json()["log_ids"][1])


def test_a_tail_asks_for_the_key(tmp_path: Path) -> None:
    with ServiceProcess("storage", tmp_path, api_key="secret") as storage:
        storage.wait_ready()
        with TailClient(storage.port) as tail:
            assert tail.status == 401
        with TailClient(storage.port, headers="Authorization: Bearer secret\r\n") as tail:
            assert tail.status == 200
