"""What goes into one block: urgent logs do not wait for a full one, and the backlog still moves in large ones."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from logmill.broker.lanes import Lanes
from logmill.broker.protocol import EVERY_LANE, Delivery, Message
from logmill.lifecycle import StopSignal
from logmill.record import Lane
from logmill.settings import load
from logmill.wire import COUNT_HEADER, VERSION, VERSION_HEADER
from processor.breaker import Breaker
from processor.drain import Drain
from processor.gathering import (
    BLOCK_TARGET_S,
    DRAIN_WAIT_S,
    FIRST_ROW_S,
    LEAST_ROWS,
    MAX_ROWS,
    Gatherer,
    rows_of,
)

FULL = round(BLOCK_TARGET_S / FIRST_ROW_S)


class Backlog:
    """A consumer with messages of 1,000 logs, taken from by weight."""

    def __init__(self, **messages: int) -> None:
        self.lanes: Lanes[Delivery] = Lanes()
        self.put(**messages)

    def put(self, rows: int = 1000, **messages: int) -> None:
        for name, count in messages.items():
            for _ in range(count):
                message = Message(b"", Lane(name), "", headers={VERSION_HEADER: VERSION, COUNT_HEADER: rows})
                self.lanes.put(Lane(name), Delivery(message, tag=None))

    def receive(self, _timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        return self.lanes.take(lanes)


def gatherer(backlog: Backlog, **settings: object) -> Gatherer:
    chosen = load({}, **settings)
    return Gatherer(backlog, Breaker(chosen), chosen, Drain(StopSignal(), 1.0))  # type: ignore[arg-type]


def rows(gatherer: Gatherer) -> dict[str, int]:
    """The rows of the next block by lane."""
    deliveries: list[Delivery] = []
    gatherer.gather(deliveries)
    found: dict[str, int] = {}
    for delivery in deliveries:
        found[str(delivery.message.lane)] = found.get(str(delivery.message.lane), 0) + rows_of(delivery)
    return found


def test_a_backlog_is_taken_in_full_blocks() -> None:
    backlog = Backlog(normal=30, bulk=200)
    assert sum(rows(gatherer(backlog)).values()) == pytest.approx(FULL, abs=1000)


def test_under_a_backlog_urgent_logs_are_in_the_next_block_and_bulk_advances() -> None:
    backlog = Backlog(normal=400, bulk=400)
    one = gatherer(backlog)
    bulk = 0
    for _ in range(6):
        backlog.put(urgent=2)
        found = rows(one)
        assert found["urgent"] == 2000
        assert sum(found.values()) == pytest.approx(FULL, abs=1000)
        bulk += found["bulk"]
    assert bulk >= 6 * FULL * 0.15


def test_urgent_logs_that_come_one_a_message_all_go_into_the_next_block() -> None:
    backlog = Backlog(normal=400, bulk=400)
    one = gatherer(backlog)
    for _ in range(3):
        backlog.put(rows=1, urgent=90)
        assert rows(one)["urgent"] == 90


def test_a_flood_of_urgent_logs_does_not_starve_the_others() -> None:
    backlog = Backlog(urgent=500, normal=50, bulk=50)
    one = gatherer(backlog)
    found = [rows(one) for _ in range(4)]
    total = sum(sum(block.values()) for block in found)
    assert sum(block.get("bulk", 0) for block in found) == pytest.approx(total / 21, abs=1000)
    assert sum(block.get("normal", 0) for block in found) == pytest.approx(total * 4 / 21, abs=2000)


def test_slow_work_makes_smaller_blocks_down_to_a_limit() -> None:
    backlog = Backlog(bulk=1000)
    one = gatherer(backlog)
    block = [Delivery(Message(b"", Lane.BULK, "", headers={VERSION_HEADER: VERSION, COUNT_HEADER: 50_000}), tag=None)]
    for _ in range(50):
        one.took_s(block, 5 * BLOCK_TARGET_S)
    assert rows(one) == {"bulk": 10_000}
    for _ in range(50):
        one.took_s(block, 1000.0)
    assert rows(one) == {"bulk": LEAST_ROWS}


@pytest.mark.parametrize(
    ("headers", "rows"),
    [
        ({VERSION_HEADER: VERSION, COUNT_HEADER: 12}, 12),
        ({VERSION_HEADER: VERSION, COUNT_HEADER: "many"}, 1),
        ({VERSION_HEADER: VERSION, COUNT_HEADER: -5}, 1),
        ({VERSION_HEADER: VERSION, COUNT_HEADER: 2**62}, MAX_ROWS),
        ({VERSION_HEADER: VERSION}, 1),
        ({COUNT_HEADER: 12}, 1),
        ({}, 1),
    ],
)
def test_the_count_of_a_batch_is_believed_within_limits(headers: dict[str, str | int], rows: int) -> None:
    assert rows_of(Delivery(Message(b"", Lane.BULK, "", headers=headers), tag=None)) == rows


@pytest.mark.parametrize(("limit_s", "wait_s"), [(5.0, 5.0), (60.0, DRAIN_WAIT_S)])
def test_draining_waits_for_what_the_consumer_still_gets_while_there_is_time(limit_s: float, wait_s: float) -> None:
    waits: list[float] = []

    class Slow(Backlog):
        def receive(self, timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
            waits.append(timeout_s)
            return None

    stop = StopSignal()
    stop.set()
    chosen = load({})
    Gatherer(Slow(), Breaker(chosen), chosen, Drain(stop, limit_s)).gather([])  # type: ignore[arg-type]
    assert wait_s - 1.0 < max(waits) <= wait_s
