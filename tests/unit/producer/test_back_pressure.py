"""A broker that is away or confirms nothing: requests are told within a second, and memory stays flat."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from logmill.errors import BrokerFull, BrokerUnavailable
from logmill.record import Lane
from logmill.settings import load
from producer.app import create_app
from producer.batching import LaneBatcher
from producer.idempotency import BUSY_TIMEOUT_S
from tests.support.held_publisher import STALL_S, HeldPublisher, batcher_of, submit
from tests.support.ports import free_port
from tests.support.waiting import wait_until


@pytest.mark.parametrize("state", ["not connected yet", "blocked by the broker: low on memory", "connection refused"])
def test_while_the_broker_is_not_ready_nothing_is_taken_nor_kept(state):
    publisher = HeldPublisher()
    publisher.state = state
    batcher = batcher_of(publisher)
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=state):
        submit(batcher, "a")
    assert time.monotonic() - started < 0.1
    assert (batcher.unconfirmed_bytes, publisher.sent, batcher.state) == (0, [], state)


def test_a_process_that_has_just_started_gets_a_moment_to_connect():
    publisher = HeldPublisher()
    publisher.state = "not connected yet"
    batcher = LaneBatcher(publisher, 10**6, STALL_S)
    threading.Timer(0.05, setattr, (publisher, "state", "ready")).start()
    submit(batcher, "a")
    assert len(publisher.sent) == 1

    late = LaneBatcher(publisher, 10**6, STALL_S)
    publisher.state = "not connected yet"
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        submit(late, "a")
    assert time.monotonic() - started < 0.9


def test_a_broker_that_confirms_nothing_fails_those_who_wait_and_refuses_the_next_within_a_second():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    started = time.monotonic()
    submission = submit(batcher, "a" * 100)
    # The message was handed over a moment after the wait began, so the publisher has stalled for a little less.
    threading.Timer(STALL_S + 0.01, publisher.stall, (STALL_S,)).start()
    publisher.stall(STALL_S - 0.01)
    with pytest.raises(BrokerUnavailable, match="stalled"):
        submission.wait(5)
    assert time.monotonic() - started < 1.0
    assert batcher.unconfirmed_bytes == 100
    with pytest.raises(BrokerUnavailable, match=r"stalled: nothing confirmed for 0\.8 s"):
        submit(batcher, "b")
    assert batcher.state.startswith("stalled")
    publisher.stall(0.0)
    publisher.sent[0][1].set_result(None)
    assert (batcher.unconfirmed_bytes, batcher.state) == (0, "ready")
    submit(batcher, "c")


def test_a_broker_that_is_slow_but_confirms_others_is_waited_for():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher, stall_timeout_s=0.05)
    submission = submit(batcher, "a")
    threading.Timer(0.3, lambda: publisher.sent[0][1].set_result(None)).start()
    submission.wait(5)
    with pytest.raises(BrokerUnavailable, match=r"within 0\.2 s"):
        submit(batcher_of(publisher, stall_timeout_s=0.05), "b").wait(0.2)


def test_errors_go_on_while_the_bulk_queue_alone_confirms_nothing():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    waiting = submit(batcher, "a", "b", levels=["ERROR", "DEBUG"])
    publisher.sent[0][1].set_result(None)
    publisher.stall(STALL_S, Lane.BULK)
    with pytest.raises(BrokerUnavailable, match=r"stalled: nothing confirmed for 0\.8 s in bulk"):
        waiting.wait(5)
    assert batcher.state == "stalled: nothing confirmed for 0.8 s in bulk"
    for levels in (["DEBUG"], ["ERROR", "DEBUG"]):
        with pytest.raises(BrokerUnavailable, match="in bulk"):
            submit(batcher, *levels, levels=levels)
    publisher.confirms = True
    for levels in (["ERROR"], ["INFO"], ["CRITICAL", "WARNING"]):
        submit(batcher, *levels, levels=levels).wait(1)
    publisher.stall(9.04, Lane.NORMAL)
    assert batcher.state == "stalled: nothing confirmed for 9.0 s in bulk, normal"


def test_a_submission_waits_for_its_own_lanes_whatever_others_do():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher, stall_timeout_s=0.05)
    submission = submit(batcher, "a", levels=["ERROR"])
    publisher.stall(9.0, Lane.BULK, Lane.NORMAL)
    threading.Timer(0.3, lambda: publisher.sent[0][1].set_result(None)).start()
    submission.wait(5)


def test_what_a_lane_left_unconfirmed_leaves_room_for_more_urgent_ones():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher, 1000)
    for level, other in (("DEBUG", "DEBUG"), ("INFO", "INFO"), ("ERROR", "ERROR")):
        while batcher.unconfirmed_bytes < {"DEBUG": 750, "INFO": 875, "ERROR": 1000}[level]:
            submit(batcher, "x" * 125, levels=[level])
        with pytest.raises(BrokerFull):
            submit(batcher, "x", levels=[other])
    assert batcher.unconfirmed_bytes == 1000


def test_what_a_request_waited_for_before_counts_as_part_of_a_stall():
    publisher = HeldPublisher()
    submission = submit(batcher_of(publisher), "a")
    publisher.stall(STALL_S - 0.1)
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="stalled"):
        submission.wait(5, spent_s=0.3)
    assert STALL_S - 0.35 < time.monotonic() - started < STALL_S - 0.2


# on real brokers


@contextmanager
def app_on(broker_url: str, folder: Path) -> Iterator[Flask]:
    app = create_app(load({}, broker_url=broker_url, data_dir=str(folder / "data"), producer_pin_cores=False))
    yield app
    app.extensions["logmill_close"]()


def timed_post(app: Flask, **headers: str) -> tuple[int, float]:
    """Status, and how long the answer took in seconds."""
    started = time.monotonic()
    answer = app.test_client().post("/logs", json={"message": "m" * 1000}, headers=headers)
    if answer.status_code == 503:
        assert answer.headers["Retry-After"]
        assert answer.json["code"] == "unavailable"
    return answer.status_code, time.monotonic() - started


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_broker_that_hangs_is_503_within_a_second_for_everybody_and_then_it_goes_on(tmp_path: Path, headers):
    """Somebody else holds the write lock of the embedded broker's file: it is there, and confirms nothing."""
    with app_on(f"sqlite:///{tmp_path}/broker.sqlite3", tmp_path) as app:
        assert timed_post(app)[0] == 201
        with sqlite3.connect(tmp_path / "broker.sqlite3", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            with ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(lambda _: timed_post(app, **headers), range(64)))
            assert {status for status, _ in answers} == {503}
            assert max(took_s for _, took_s in answers) < 1.1
            assert "stalled" in app.test_client().get("/ready").json["message"]
            other.execute("ROLLBACK")
        wait_until(lambda: timed_post(app, **headers)[0] == 201, what="the broker is back")


def test_a_keyed_request_waits_a_second_at_most_where_the_file_of_keys_and_the_broker_hang(tmp_path: Path):
    """The file of keys is let go of just in time, so that the broker is waited for as well."""
    with app_on(f"sqlite:///{tmp_path}/broker.sqlite3", tmp_path) as app:
        assert timed_post(app, **{"Idempotency-Key": "k"})[0] == 201
        with (
            sqlite3.connect(tmp_path / "broker.sqlite3", isolation_level=None) as broker,
            sqlite3.connect(
                tmp_path / "data" / "idempotency.sqlite3", isolation_level=None, check_same_thread=False
            ) as keys,
        ):
            broker.execute("BEGIN IMMEDIATE")
            keys.execute("BEGIN IMMEDIATE")
            threading.Timer(BUSY_TIMEOUT_S * 0.7, keys.execute, ("ROLLBACK",)).start()
            status, took_s = timed_post(app, **{"Idempotency-Key": "l"})
            assert status == 503
            assert took_s < 1.0
            wait_until(lambda: app.test_client().get("/ready").status_code == 503, what="the stall is known")
            keys.execute("BEGIN IMMEDIATE")
            assert timed_post(app, **{"Idempotency-Key": "m"})[1] < 0.1, "the keys are not even asked"
            broker.execute("ROLLBACK")


def test_a_broker_that_is_away_from_the_start_is_503_within_a_second(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    for url in (f"sqlite:///{tmp_path}/file/broker.sqlite3", f"amqp://127.0.0.1:{free_port()}/"):
        with app_on(url, tmp_path) as app:
            for _ in range(3):
                status, took_s = timed_post(app)
                assert status == 503
                assert took_s < 0.9
