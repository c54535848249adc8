"""Decides which deliveries make the next block: urgent ones soon, others in blocks worth an insert."""

from __future__ import annotations

import time
from collections.abc import Iterable

from logmill.broker.protocol import Consumer, Delivery
from logmill.broker.topology import WEIGHTS
from logmill.record import Lane
from logmill.results.message import CONTENT_TYPE as RESULTS
from logmill.settings import Settings
from logmill.wire import COUNT_HEADER, decoded_bytes, is_batch
from processor.breaker import Breaker
from processor.drain import Drain

IDLE_WAIT_S = 0.5
# How long a consumer may take to stop taking, at most.
STOP_TAKING_S = 10.0
# While draining: longer than that. A consumer says at once when nothing comes any more.
DRAIN_WAIT_S = STOP_TAKING_S + 1.0
# So long at least for what is on its way from the broker: larger blocks leave storage less to merge.
GATHER_AT_LEAST_S = 0.1
# With a backlog, a block is made as large as can be worked on and stored in about this time, for what comes meanwhile
# waits so long, and as long again for its own block.
BLOCK_TARGET_S = 0.45
# What a row is taken to need before the first block was measured.
FIRST_ROW_S = 20e-6
LEAST_ROWS = 5_000
# No batch holds more; who says so could keep all others from their turn.
MAX_ROWS = 500_000
# How much the newest block counts for what a row takes.
_WEIGHT = 0.3


class _Turns:
    """Whose turn it is: lanes get rows by their weight, whatever their messages hold (start-time fair queueing).

    Each row moves its lane's clock by 1 / weight, and the lane whose clock is behind is next. A lane that had nothing
    saves no time up: its clock goes on with the others'. So an urgent message behind any backlog is next, and a
    flood of them leaves the others their share. P. Goyal, H. M. Vin, H. Cheng, SIGCOMM 1996.
    """

    def __init__(self) -> None:
        self._clocks = dict.fromkeys(WEIGHTS, 0.0)
        self._now = 0.0

    def order(self) -> list[Lane]:
        """The lanes, the next one first; the most pressing first where they are equal."""
        return sorted(self._clocks, key=self._clocks.__getitem__)

    def took(self, lane: Lane, rows: int) -> None:
        """Note that the lane had its turn."""
        self._now = max(self._now, self._clocks[lane])
        self._clocks[lane] = self._now + rows / WEIGHTS[lane]

    def had_nothing(self, lane: Lane) -> None:
        """Note that the lane was asked in vain."""
        self._clocks[lane] = max(self._clocks[lane], self._now)


class Gatherer:
    """Fills blocks from one consumer.

    Args:
        consumer: where deliveries come from.
        breaker: which lanes may be taken from.
        settings: those in force.
        drain: when nothing is waited for any more.
    """

    def __init__(self, consumer: Consumer, breaker: Breaker, settings: Settings, drain: Drain) -> None:
        self._consumer = consumer
        self._breaker = breaker
        self._settings = settings
        self._drain = drain
        self._turns = _Turns()
        self._next_block_s = 0.0
        self._row_s = FIRST_ROW_S

    def gather(self, deliveries: list[Delivery]) -> None:
        """Fill `deliveries` for one block: until it is full, a block is due again, or waiting is of no use.

        Blocks are `block_wait_ms` apart, since each costs storage an insert: a log that comes alone waits for nothing,
        one that comes while the last block is stored has waited already.
        """
        first = self._receive(min(DRAIN_WAIT_S, self._drain.left_s()) if self._drain.begun() else IDLE_WAIT_S)
        if first is None:
            return
        deliveries.append(first)
        deadline_s = max(time.monotonic() + GATHER_AT_LEAST_S, self._next_block_s)
        rows, size_bytes = rows_of(first), decoded_bytes(first.message)
        while rows < self._most_rows() and size_bytes < self._settings.block_bytes:
            wait_s = 0.0 if self._drain.begun() else deadline_s - time.monotonic()
            delivery = self._receive(max(0.0, wait_s))
            if delivery is None:
                break
            deliveries.append(delivery)
            rows += rows_of(delivery)
            size_bytes += decoded_bytes(delivery.message)
        self._next_block_s = time.monotonic() + self._settings.block_wait_ms / 1000

    def took_s(self, deliveries: Iterable[Delivery], seconds: float) -> None:
        """Learn how long these deliveries took to be worked on and stored."""
        rows = sum(map(rows_of, deliveries))
        if rows < LEAST_ROWS // 2:  # what a small block takes is not for its rows
            return
        # No more than leads to the smallest blocks: waiting for a storage that is away is not for the rows either.
        row_s = min(seconds / rows, BLOCK_TARGET_S / LEAST_ROWS)
        self._row_s += _WEIGHT * (row_s - self._row_s)

    def _most_rows(self) -> int:
        return min(self._settings.block_rows, max(LEAST_ROWS, round(BLOCK_TARGET_S / self._row_s)))

    def _receive(self, timeout_s: float) -> Delivery | None:
        """The next delivery of the lanes that are not paused: whose turn it is where several have some."""
        lanes = self._breaker.open_lanes()
        if not lanes:
            self._drain.wait(timeout_s)
            return None
        for lane in self._turns.order():
            if lane in lanes:
                delivery = self._consumer.receive(0.0, {lane})
                if delivery is not None:
                    return self._took(delivery)
                self._turns.had_nothing(lane)
        delivery = self._consumer.receive(timeout_s, lanes) if timeout_s > 0 else None
        return None if delivery is None else self._took(delivery)

    def _took(self, delivery: Delivery) -> Delivery:
        lane = delivery.message.lane
        self._turns.took(lane, rows_of(delivery))
        self._breaker.took(lane)
        return delivery


def rows_of(delivery: Delivery) -> int:
    """How many logs a message of the producer says it holds; 1 where a foreign client made it."""
    if not (is_batch(delivery.message) or delivery.message.content_type == RESULTS):
        return 1
    count = delivery.message.headers.get(COUNT_HEADER, 1)
    return min(max(count, 1), MAX_ROWS) if isinstance(count, int) else 1
