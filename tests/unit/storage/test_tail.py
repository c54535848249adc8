"""A tail gets each stored row once, in order, or is told how many it missed; nothing is kept for nobody."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest

from logmill.errors import Retry
from storage import events
from storage.blocks import decode
from storage.search.filters import EVERYTHING, AnyOf, Filter
from storage.tail import End, Tail, Tails, TooManyTails
from tests.support.storage_blocks import batch, stream
from tests.support.waiting import wait_until


def block(count: int, **fields: object) -> pa.Table:
    return decode(stream(batch(count, **fields)))[0]


def read(tail: Tail, wanted: Filter = EVERYTHING) -> int:
    """How many logs it is sent until nothing more is there."""
    count = 0
    while blocks := tail.take(0):
        count += b"".join(events.of_blocks(blocks, wanted, tail, set())).count(b"event: log\n")
    return count


def test_each_tail_gets_what_was_stored_since_it_was_opened() -> None:
    tails = Tails(9)
    tails.push(block(5))
    first = tails.open()
    tails.push(block(3, service="a"))
    second = tails.open()
    tails.push(block(2, service="b"))
    assert [read(first), read(second), read(first), read(second)] == [5, 2, 0, 0]
    tails.push(block(10, service="a"))
    tails.push(block(1, service="b"))
    assert [read(first, AnyOf("service", ("b",))), read(second, AnyOf("service", ("a",)))] == [1, 10]


def test_blocks_are_kept_only_until_all_have_read_them_and_not_at_all_for_nobody() -> None:
    tails = Tails(9)
    tails.push(block(5))
    assert not tails._blocks
    first, second = tails.open(), tails.open()
    tails.push(block(5))
    read(first)
    assert len(tails._blocks) == 1
    read(second)
    first.take(0)
    assert not tails._blocks
    tails.push(block(5))
    first.close()
    second.close()
    assert (len(tails._blocks), tails._size_bytes) == (0, 0)


@pytest.mark.parametrize("limits", [{"max_rows": 100}, {"max_bytes": int(block(10).nbytes * 10.5)}])
def test_a_tail_that_falls_behind_ends_and_knows_what_it_missed(limits: dict[str, int]) -> None:
    tails = Tails(9, **limits)
    slow, fast = tails.open(), tails.open()
    for number in range(10):
        tails.push(block(10))
        assert read(fast) == 10
        assert slow.goes_on(), number
    tails.push(block(10))
    assert len(tails._blocks) == 10
    assert not slow.goes_on()
    assert (slow.end, slow.missed) == (End.SLOW_READER, 110)
    assert slow.take(0) == []
    assert read(fast) == 10
    fast.take(0)
    assert not tails._blocks


def test_a_tail_that_falls_behind_within_a_block_stops_there() -> None:
    tails = Tails(9, max_rows=1000)
    tail = tails.open()
    tails.push(block(1000))
    chunks = events.of_blocks(tail.take(0), EVERYTHING, tail, set())
    assert next(chunks).count(b"event: log\n") == 100
    tails.push(block(1000))
    assert next(chunks, None) is None
    assert (tail.end, tail.missed) == (End.SLOW_READER, 1900)


def test_what_was_gathered_is_sent_where_a_tail_ends_between_blocks_and_the_rest_is_counted() -> None:
    tails = Tails(9, max_rows=100)
    tail = tails.open()
    for _ in range(2):
        tails.push(block(30))
    looks = 0

    def goes_on() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:  # before the second block
            for _ in range(3):
                tails.push(block(30))
        return tails.goes_on(tail)

    tail.goes_on = goes_on  # type: ignore[method-assign]
    sent = b"".join(events.of_blocks(tail.take(0), EVERYTHING, tail, set())).count(b"event: log\n")
    assert tail.end is End.SLOW_READER
    assert (sent, tail.missed) == (30, 120)


def test_a_block_that_is_larger_than_the_bound_still_reaches_a_tail_that_keeps_up() -> None:
    tails = Tails(9, max_rows=10)
    tail = tails.open()
    tails.push(block(1000))
    assert read(tail) == 1000
    assert tail.goes_on()


def test_small_blocks_are_joined_into_one_write() -> None:
    tails = Tails(9)
    tail = tails.open()
    for _ in range(40):
        tails.push(block(2))
    chunks = list(events.of_blocks(tail.take(0), EVERYTHING, tail, set()))
    assert [chunk.count(b"event: log\n") for chunk in chunks] == [80]


def test_a_tail_waits_until_something_is_stored_or_all_stop() -> None:
    tails = Tails(9)
    tail = tails.open()
    found: list[int] = []

    def follow() -> None:
        while tail.goes_on():
            blocks = tail.take(60)
            list(events.of_blocks(blocks, EVERYTHING, tail, set()))
            found.append(len(blocks))

    reader = threading.Thread(target=follow)
    reader.start()
    for number in (1, 2):
        tails.push(block(1))
        wait_until(lambda number=number: sum(found) == number)  # type: ignore[misc]
    tails.stop()
    reader.join(10)
    assert not reader.is_alive()
    assert tail.end is End.SHUTDOWN


def test_there_are_no_more_than_may_be_and_none_once_all_stop() -> None:
    tails = Tails(2)
    first, _ = tails.open(), tails.open()
    with pytest.raises(TooManyTails):
        tails.open()
    first.close()
    first.close()
    assert len(tails) == 1
    tails.open()
    tails.stop()
    first.close()
    with pytest.raises(Retry, match="stopping"):
        tails.open()


def test_the_connection_of_a_tail_that_does_not_end_is_cut() -> None:
    cut: list[float] = []
    tails = Tails(2)
    tails.open(lambda: cut.append(time.monotonic()))
    start_s = time.monotonic()
    tails.stop()
    wait_until(lambda: cut, 10)
    assert 0.9 < cut[0] - start_s < 5


def test_tails_together_rest_as_long_as_they_compute() -> None:
    tails = Tails(9)

    def compute() -> None:
        for _ in range(5):
            with tails.turn():
                start_s = time.thread_time()
                while time.thread_time() < start_s + 0.02:
                    pass

    threads = [threading.Thread(target=compute) for _ in range(2)]
    start_s = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert time.monotonic() - start_s >= 10 * (0.02 + 0.02) * 0.95


def test_tails_wait_for_the_end_of_what_is_being_stored_but_not_for_long() -> None:
    tails = Tails(9)
    waits_s: list[float] = []

    def compute() -> None:
        start_s = time.monotonic()
        with tails.turn():
            waits_s.append(time.monotonic() - start_s)

    with tails.storing():
        compute()
    assert 0.05 <= waits_s[0] < 5
    with tails.storing(), tails.storing():
        thread = threading.Thread(target=compute)
        thread.start()
    thread.join(10)
    compute()
    assert len(waits_s) == 3
    assert waits_s[2] < 0.05


def test_json_over_several_lines_stays_one_line_of_an_event() -> None:
    log = {"id": "x-1", "metadata": events.render._metadata('{\n"a":\r\n"b\\n\u2028"}'), "message": "a\r\nb\n\ndata: c"}
    assert events.log_event(log).splitlines() == [
        b"event: log",
        b"id: x-1",
        'data: {"id":"x-1","metadata":{"a":"b\\n\u2028"},"message":"a\\r\\nb\\n\\ndata: c"}'.encode(),
        b"",
    ]
