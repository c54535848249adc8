"""Gathers the records of concurrent requests into one message a lane, and knows when the broker has them.

A record that comes alone leaves at once. Those that follow it within a few milliseconds leave together: a message costs
the producer, the broker and the processor about as much CPU as all else that is done for a single record.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import structlog

from logmill.broker.protocol import Message, Publisher
from logmill.columns import Columns, concat
from logmill.errors import BrokerFull, BrokerUnavailable, LogmillError
from logmill.ids import new_batch_id
from logmill.record import Lane
from logmill.results.message import PackedFile
from logmill.timestamps import now_us
from logmill.wire import pack
from producer.pieces import FULL_BATCH_BYTES, MAX_BATCH_BYTES, FilePiece, Piece, RequestKey
from producer.submission import Part, Stall, Submission

log = structlog.get_logger()

# Records gather for so long after the last ones left. The answer to a lone request does not wait for it.
PACE_S = 0.004
# Unconfirmed messages a lane from which on records gather until a confirm comes, however long that takes.
MAX_IN_FLIGHT = 16
# How long a process that has just started may take to connect before requests are refused.
CONNECT_GRACE_S = 0.5
_LOOK_S = 0.01
# How much of the buffer a lane may fill: what stalls in one leaves room for those that are more urgent.
_BUFFER_SHARE = {Lane.URGENT: 1.0, Lane.NORMAL: 0.875, Lane.BULK: 0.75}


@dataclass(slots=True)
class _OpenBatch:
    """The message of a lane that is still being filled."""

    batch_id: UUID = field(default_factory=new_batch_id)
    received_at: int = field(default_factory=now_us)
    parts: list[Columns] = field(default_factory=list)
    file: PackedFile | None = None
    count: int = 0
    size_bytes: int = 0
    confirmed: Future[None] = field(default_factory=Future)

    def message(self, lane: Lane) -> Message:
        """The message of all that is in it."""
        if self.file is not None:
            return self.file.message(
                batch_id=self.batch_id, lane=lane, received_at=self.received_at, records=self.count
            )
        return pack(concat(self.parts), batch_id=self.batch_id, lane=lane, received_at=self.received_at)


class LaneBatcher:
    """Turns submissions into messages; used by all threads of one process.

    Args:
        publisher: where messages go.
        buffer_bytes: most bytes, as they were sent, that may be unconfirmed; beyond it, submissions are refused. The
            last eighth is for the urgent lane alone, the one before for urgent and normal.
        stall_timeout_s: submissions are refused, and those on their way fail, once the broker has confirmed nothing for
            so long in one of their lanes.
    """

    def __init__(self, publisher: Publisher, buffer_bytes: int, stall_timeout_s: float) -> None:
        self._publisher = publisher
        self._buffer_bytes = buffer_bytes
        self._stall = Stall(publisher, stall_timeout_s)
        self._connect_until_s = time.monotonic() + CONNECT_GRACE_S
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
    def state(self) -> str:
        """Ready, as "ready", or in a few words why nothing is taken now, or not in the lanes that it names."""
        return self._state_of(Lane)

    @property
    def unconfirmed_bytes(self) -> int:
        """Bytes, as they were sent, that the broker has not confirmed yet, also of requests that gave up."""
        return self._unconfirmed_bytes

    def submit(self, pieces: Sequence[Piece | FilePiece], key: RequestKey | None = None) -> Submission:
        """Hand the records of a request over; returns before they are confirmed.

        Args:
            pieces: the records, as `producer.pieces.cut` has them, or files; each of these is a message.
            key: the request's idempotency key. Its records then travel in messages of their own, with derived ids.

        Raises:
            BrokerUnavailable: at once, while the broker is away, blocked, or confirms nothing in one of their lanes.
            BrokerFull: at once, while the buffer is full.
        """
        self.check(pieces)
        total_bytes = sum(piece.size_bytes for piece in pieces)
        room_bytes = self._buffer_bytes * min(_BUFFER_SHARE[piece.lane] for piece in pieces)
        with self._lock:
            # What is alone is let through even so, or a request larger than the buffer could never succeed.
            if 0 < self._unconfirmed_bytes > room_bytes - total_bytes:
                raise BrokerFull("the producer's buffer is full: the broker confirms too slowly")
            if key is not None:
                parts = [self._add_alone(piece, key.batch_id(piece)) for piece in pieces]
                leaves_now = False
            else:
                parts = [self._add(piece) for piece in pieces]
                leaves_now = self._leaves_now()
        self._send_full()
        if key is None:
            for lane in Lane if leaves_now else {piece.lane for piece in pieces}:
                self._flush(lane, only_full=not leaves_now)
        return Submission(parts, self._stall)

    def again(self, pieces: Sequence[Piece | FilePiece], key: RequestKey) -> Submission:
        """What `submit` returns for these records and this key once the broker has them; nothing is handed over."""
        done: Future[None] = Future()
        done.set_result(None)
        parts = [Part(piece.lane, key.batch_id(piece), 0, piece.indexes, done) for piece in pieces]
        return Submission(parts, self._stall)

    def check(self, pieces: Sequence[Piece | FilePiece]) -> None:
        """Return where these records could be handed over now.

        Raises:
            BrokerUnavailable: as in `submit`.
        """
        lanes = {piece.lane for piece in pieces}
        state = self._state_of(lanes)
        while state != "ready":
            if time.monotonic() >= self._connect_until_s:
                raise BrokerUnavailable(f"the broker takes nothing for now: {state}")
            time.sleep(_LOOK_S)
            state = self._state_of(lanes)

    def _state_of(self, lanes: Iterable[Lane]) -> str:
        state = self._publisher.state
        return state if state != "ready" else self._stall.words(lanes) or state

    def _add(self, piece: Piece | FilePiece) -> Part:
        """Put records into the open batch of their lane, a new one where it would grow too large. Needs the lock."""
        if isinstance(piece, FilePiece):
            return self._add_alone(piece, new_batch_id())
        batch = self._open.get(piece.lane)
        if batch is not None and batch.size_bytes + piece.size_bytes > MAX_BATCH_BYTES:
            self._close_batch(piece.lane, self._open.pop(piece.lane))
            batch = None
        if batch is None:
            batch = self._open[piece.lane] = _OpenBatch()
        return self._fill(batch, piece)

    def _add_alone(self, piece: Piece | FilePiece, batch_id: UUID) -> Part:
        """Put records into a batch that nothing else is put into. Needs the lock."""
        batch = _OpenBatch(batch_id)
        part = self._fill(batch, piece)
        self._close_batch(piece.lane, batch)
        return part

    def _close_batch(self, lane: Lane, batch: _OpenBatch) -> None:
        """Have a batch sent that nothing is added to any more: any thread may take it from here. Needs the lock."""
        self._full.append((lane, batch))
        self._in_flight[lane] += 1

    def _fill(self, batch: _OpenBatch, piece: Piece | FilePiece) -> Part:
        part = Part(piece.lane, batch.batch_id, batch.count, piece.indexes, batch.confirmed)
        if isinstance(piece, FilePiece):
            batch.file = piece.file
        else:
            batch.parts.append(piece.records)
        batch.count += piece.count
        batch.size_bytes += piece.size_bytes
        self._unconfirmed_bytes += piece.size_bytes
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
            published = self._publisher.publish(batch.message(lane))
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
