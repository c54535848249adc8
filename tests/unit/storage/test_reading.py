"""Reads end when their time is up or nobody waits for them, and not before."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from storage.blocks import decode
from storage.errors import QueryCancelled, QueryTimeout
from storage.reading import Reading, check, current, in_force
from storage.recent import Recent
from storage.search.filters import Filter, Matches, Metadata, Or
from storage.watching import Watcher, is_closed
from tests.support.storage_blocks import realistic, stream
from tests.support.waiting import wait_until

Pair = tuple[socket.socket, socket.socket]
# Both take seconds over the rows below.
SLOW_EXPRESSIONS = Or(tuple(Matches("message", f"(?:[a-z]+ ?)+{n}x(?:[0-9]+ ?)+$") for n in range(500)))
SLOW_METADATA = Or(tuple(Metadata(("status_code",), f"{n}x") for n in range(500)))


@pytest.fixture(scope="module")
def recent() -> Recent:
    made = Recent(max_records=100_000, max_bytes=1 << 30, floor_us=None)
    made.push(decode(stream(realistic(20_000)))[0])
    return made


@pytest.fixture
def pair() -> Iterator[Pair]:
    server, client = socket.socketpair()
    yield server, client
    server.close()
    client.close()


def test_without_limits_in_force_all_may_go_on() -> None:
    check()
    with in_force(Reading(60)):
        check()
    assert current() is None


def test_limits_hold_where_they_are_put_in_force_and_no_longer() -> None:
    reading = Reading(0.0)
    with in_force(reading):
        with pytest.raises(QueryTimeout):
            check()
        with in_force(None):
            check()
    check()


def test_a_cancelled_reading_kills_only_what_runs_now() -> None:
    killed: list[str] = []
    reading = Reading(60)
    with reading.querying(lambda: killed.append("first")):
        reading.cancel()
        reading.cancel()
    reading.cancel()
    assert killed == ["first", "first"]
    with pytest.raises(QueryCancelled), reading.querying(lambda: killed.append("second")):
        raise AssertionError("a query began")


@pytest.mark.parametrize("wanted", [SLOW_EXPRESSIONS, SLOW_METADATA], ids=["expressions", "metadata"])
def test_a_search_of_memory_ends_when_its_time_is_up(recent: Recent, wanted: Filter) -> None:
    start_s = time.monotonic()
    with in_force(Reading(0.3)), pytest.raises(QueryTimeout):
        recent.newest(wanted, 10)
    assert time.monotonic() - start_s < 1.5


def test_a_search_of_memory_ends_when_it_is_cancelled(recent: Recent) -> None:
    reading = Reading(60)
    threading.Timer(0.3, reading.cancel).start()
    start_s = time.monotonic()
    with in_force(reading), pytest.raises(QueryCancelled):
        recent.newest(SLOW_EXPRESSIONS, 10)
    assert time.monotonic() - start_s < 1.5


def test_a_close_is_seen_and_nothing_is_consumed(pair: Pair) -> None:
    server, client = pair
    assert not is_closed(server)
    client.sendall(b"GET /next")
    assert not is_closed(server)
    assert server.recv(100) == b"GET /next"
    client.close()
    assert is_closed(server)


def test_a_reset_is_a_close(pair: Pair) -> None:
    server, client = pair
    server.sendall(b"unread")
    client.close()  # with bytes unread, which resets the connection
    assert is_closed(server)


def test_the_watcher_cancels_the_reading_whose_client_has_gone_and_no_other(pair: Pair) -> None:
    other, client = socket.socketpair()
    removed, gone, stays = Reading(60), Reading(60), Reading(60)
    watcher = Watcher()
    try:
        pair[1].close()
        watcher.add(removed, pair[0])
        watcher.remove(removed)
        watcher.add(gone, pair[0])
        watcher.add(stays, other)
        with pytest.raises(QueryCancelled):
            wait_until(lambda: gone.check() or False, 5, "the reading is cancelled")
        stays.check()
        removed.check()
    finally:
        watcher.close()
        other.close()
        client.close()
