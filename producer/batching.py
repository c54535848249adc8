"""Gathers the records of concurrent requests into one message a lane, and knows when the broker has them.

A record that comes alone leaves at once. Those that follow it within a few milliseconds leave together: a message costs
the producer, the broker and the processor about as much CPU as all else that is done for a single record.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import structlog

from logmill.broker.protocol import Publisher
from logmill.columns import Columns, concat
from logmill.errors import BrokerFull, BrokerUnavailable, LogmillError
from logmill.ids import log_id, new_batch_id
from logmill.record import LANE_OF_LEVEL, Lane
from logmill.timestamps import now_us
from logmill.wire import pack

log = structlog.get_logger()

# Records gather for so long after the last ones left. The answer to a lone request does not wait for it.
PACE_S = 0.004
# Unconfirmed messages a lane from which on records gather until a confirm comes, however long that takes.
MAX_IN_FLIGHT = 16
# A message that is this large leaves at once all the same; larger ones gain nothing.
FULL_BATCH_BYTES = 256 * 1024
# A larger one is cut: RabbitMQ takes 16 MiB, of which text that cannot be compressed may need four bytes a character.
MAX_BATCH_BYTES = 3 * 1024 * 1024
# What a record takes beside its message and metadata.
RECORD_BYTES = 64


@dataclass(slots=True)
class _OpenBatch:
    """The message of a lane that is still being filled."""

    batch_id: UUID = field(default_factory=new_batch_id)
    received_at: int = field(default_factory=now_us)
    parts: list[Columns] = field(default_factory=list)
    count: int = 0
    size_bytes: int = 0
    confirmed: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Part:
    """The records of one submission in one lane: `ordinals[k]` starts at `first` of the batch."""

    batch_id: UUID
    first: int
    indexes: Sequence[int]
    confirmed: Future[None]


@dataclass(frozen=True, slots=True)
class Submission:
    """Records handed over together, on their way to the broker."""

    parts: Sequence[_Part]

    def wait(self, timeout_s: float) -> None:
        """Return once the broker has every record on disk.

        Raises:
            BrokerUnavailable: it has not within `timeout_s`, or the connection broke; some may be there all the same.
            BrokerFull: it refused them.
        """
        deadline = time.monotonic() + timeout_s
        for part in self.parts:
            try:
                part.confirmed.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise BrokerUnavailable(f"the broker did not confirm within {timeout_s:g} s") from None

    def log_ids(self) -> list[str]:
        """The id of each record, in the order they were submitted."""
        ids = [""] * sum(len(part.indexes) for part in self.parts)
        for part in self.parts:
            for ordinal, index in enumerate(part.indexes, part.first):
                ids[index] = log_id(part.batch_id, ordinal)
        return ids


def _pieces(columns: Columns, indexes: Sequence[int], body_bytes: int) -> Iterator[tuple[Sequence[int], int]]:
    """These records in pieces that fit a batch: their places, and about how many bytes they take."""
    if body_bytes <= FULL_BATCH_BYTES:
        yield indexes, body_bytes * len(indexes) // len(columns)
        return
    start, size_bytes = 0, 0
    for place, index in enumerate(indexes):
        record_bytes = RECORD_BYTES + len(columns.message[index]) + len(memoryview(columns.metadata[index]))
        if size_bytes + record_bytes > MAX_BATCH_BYTES and place > start:
            yield indexes[start:place], size_bytes
            start, size_bytes = place, 0
        size_bytes += record_bytes
    yield indexes[start:], size_bytes


class LaneBatcher:
    """Turns submissions into messages; used by all threads of one process.

    Args:
        publisher: where messages go.
        buffer_bytes: most bytes, as they were sent, that may be unconfirmed; beyond it, submissions are refused.
    """

    def __init__(self, publisher: Publisher, buffer_bytes: int) -> None:
        self._publisher = publisher
        self._buffer_bytes = buffer_bytes
        self._lock = threading.Condition()
        self._open: dict[Lane, _OpenBatch] = {}
        self._full: deque[tuple[Lane, _OpenBatch]] = deque()
        self._next_flush_s = 0.0
        self._is_flush_due = False
        self._closed = False
        self._in_flight = dict.fromkeys(Lane, 0)
        self._unconfirmed_bytes = 0
        self._pacer = threading.Thread(target=self._pace, name="pacer", daemon=True)
        self._pacer.start()

    @property
    def unconfirmed_bytes(self) -> int:
        """Bytes, as they were sent, that the broker has not confirmed yet."""
        return self._unconfirmed_bytes

    def submit(self, columns: Columns, size_bytes: int) -> Submission:
        """Hand records over; returns before they are confirmed.

        Args:
            columns: the records.
            size_bytes: about how much memory they take; the size of the body they came in will do.

        Raises:
            BrokerFull: the buffer is full.
        """
        by_lane: dict[Lane, list[int]] = {}
        for index, level in enumerate(columns.level):
            by_lane.setdefault(LANE_OF_LEVEL[level], []).append(index)
        pieces = [
            (lane, chosen, columns if len(chosen) == len(columns) else columns.take(chosen), piece_bytes)
            for lane, indexes in by_lane.items()
            for chosen, piece_bytes in _pieces(columns, indexes, size_bytes)
        ]
        total_bytes = sum(piece[-1] for piece in pieces)
        with self._lock:
            # What is alone is let through even so, or a request larger than the buffer could never succeed.
            if 0 < self._unconfirmed_bytes > self._buffer_bytes - total_bytes:
                raise BrokerFull("the producer's buffer is full: the broker confirms too slowly")
            parts = [self._add(*piece) for piece in pieces]
            leaves_now = self._leaves_now()
        self._send_full()
        for lane in Lane if leaves_now else by_lane:
            self._flush(lane, only_full=not leaves_now)
        return Submission(parts)

    def _add(self, lane: Lane, indexes: Sequence[int], records: Columns, size_bytes: int) -> _Part:
        """Put records into the open batch of their lane, a new one where it would grow too large. Needs the lock."""
        batch = self._open.get(lane)
        if batch is not None and batch.size_bytes + size_bytes > MAX_BATCH_BYTES:
            self._full.append((lane, self._open.pop(lane)))
            self._in_flight[lane] += 1
            batch = None
        if batch is None:
            batch = self._open[lane] = _OpenBatch()
        part = _Part(batch.batch_id, batch.count, indexes, batch.confirmed)
        batch.parts.append(records)
        batch.count += len(records)
        batch.size_bytes += size_bytes
        self._unconfirmed_bytes += size_bytes
        return part

    def _send_full(self) -> None:
        """Send what may not grow any more."""
        while self._full:
            try:
                lane, batch = self._full.popleft()
            except IndexError:  # another thread was quicker
                return
            self._send(lane, batch)

    def close(self) -> None:
        """Send what is still gathering; nothing may be submitted afterwards."""
        with self._lock:
            self._closed = True
            self._lock.notify()
        self._pacer.join()

    def _leaves_now(self) -> bool:
        """Whether the last records left long enough ago; else has the pacer send these in time. Needs the lock."""
        now_s = time.monotonic()
        if now_s >= self._next_flush_s:
            self._next_flush_s = now_s + PACE_S
            return True
        if not self._is_flush_due:
            self._is_flush_due = True
            self._lock.notify()
        return False

    def _pace(self) -> None:
        """Send what has gathered, PACE_S after the last records left; the pacer's thread."""
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._is_flush_due or self._closed)
                if not self._closed:
                    self._lock.wait_for(lambda: self._closed, self._next_flush_s - time.monotonic())
                self._is_flush_due = False
                self._next_flush_s = time.monotonic() + PACE_S
                is_last = self._closed
            for lane in Lane:
                self._flush(lane)
            if is_last:
                return

    def _flush(self, lane: Lane, *, only_full: bool = False) -> None:
        """Send the open batch of a lane, unless the broker is behind with it and the batch can still grow."""
        with self._lock:
            batch = self._open.get(lane)
            if batch is None:
                return
            if batch.size_bytes < FULL_BATCH_BYTES and (only_full or self._in_flight[lane] >= MAX_IN_FLIGHT):
                return
            del self._open[lane]
            self._in_flight[lane] += 1
        self._send(lane, batch)

    def _send(self, lane: Lane, batch: _OpenBatch) -> None:
        """Publish a batch that nothing is added to any more. Whatever goes wrong is told to those who wait for it."""
        try:
            message = pack(concat(batch.parts), batch_id=batch.batch_id, lane=lane, received_at=batch.received_at)
            published = self._publisher.publish(message)
        except Exception as error:
            if not isinstance(error, LogmillError):
                log.exception("batch cannot be published", records=batch.count)
            published = Future()
            published.set_exception(error)
        published.add_done_callback(partial(self._settled, lane, batch))

    def _settled(self, lane: Lane, batch: _OpenBatch, published: Future[None]) -> None:
        with self._lock:
            was_behind = self._in_flight[lane] >= MAX_IN_FLIGHT
            self._in_flight[lane] -= 1
            self._unconfirmed_bytes -= batch.size_bytes
        error = published.exception()
        if error is None:
            batch.confirmed.set_result(None)
        else:
            batch.confirmed.set_exception(error)
        if was_behind:
            self._flush(lane)
