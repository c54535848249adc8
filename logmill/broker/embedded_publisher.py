"""Publishing to the embedded broker: one thread writes what is queued, with one fsync for many."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from logmill.backoff import delay_s
from logmill.broker.embedded_file import Identity, Properties, connect, transaction
from logmill.broker.in_flight import InFlight
from logmill.broker.protocol import Message
from logmill.broker.topology import MAX_MESSAGE_BYTES, MAX_UNCONFIRMED, MAX_UNCONFIRMED_BYTES, Limits
from logmill.errors import BrokerFull, BrokerUnavailable, LogmillError, Refused
from logmill.record import Lane

log = structlog.get_logger()

# How long the first call waits for the file to be opened.
_FIRST_OPEN_S = 2.0
# A transaction holds the write lock of all processes; this bounds how long (measured: 32 MiB take about 0.1 s).
_MAX_GROUP_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class _Handed:
    """A message on its way, who waits for it, and why it was refused, if it was."""

    message: Message
    future: Future[None]
    error: LogmillError | None = None


# The body was inserted just before, and both tables give their rows the same id.
_INSERT = "INSERT INTO messages (id, lane, size_bytes, properties) VALUES (last_insert_rowid(), ?, ?, ?)"


class EmbeddedPublisher:
    """A `Publisher`; see there. Any thread may call any method.

    Args:
        path: the broker's file.
        limits: of each lane.
        max_unconfirmed: messages that may wait to be written.
        max_unconfirmed_bytes: their bodies.
    """

    def __init__(
        self,
        path: Path,
        limits: Limits,
        *,
        max_unconfirmed: int = MAX_UNCONFIRMED,
        max_unconfirmed_bytes: int = MAX_UNCONFIRMED_BYTES,
    ) -> None:
        self._path = path
        self._limits = limits
        self._changed = threading.Condition()
        self._queue: deque[_Handed] = deque()
        self._in_flight = InFlight(max_unconfirmed, max_unconfirmed_bytes)
        self._state = "not opened yet"
        self._closed = False
        self._thread: threading.Thread | None = None
        self._first_attempt = threading.Event()

    @property
    def state(self) -> str:
        """See `Publisher`."""
        return self._state

    @property
    def unconfirmed(self) -> int:
        """See `Publisher`."""
        return self._in_flight.count

    def stalled_s(self, lane: Lane) -> float:
        """See `Publisher`."""
        with self._changed:
            return self._in_flight.stalled_s(lane)

    def publish(self, message: Message) -> Future[None]:
        """See `Publisher`.

        Raises:
            Refused: when the message is larger than the broker takes.
        """
        size_bytes = len(message.body)
        if size_bytes > MAX_MESSAGE_BYTES:
            raise Refused(f"a message has at most {MAX_MESSAGE_BYTES} bytes", code="too_large", status=413)
        self._start()
        future: Future[None] = Future()
        # From here on `cancel` does nothing: what was handed over cannot be called back.
        future.set_running_or_notify_cancel()
        with self._changed:
            if self._closed:
                raise BrokerUnavailable("the publisher is closed")
            if self._state != "ready":
                raise BrokerUnavailable(self._state)
            self._in_flight.add(message.lane, size_bytes)
            self._queue.append(_Handed(message, future))
            self._changed.notify_all()
        return future

    def connect(self) -> None:
        """See `Publisher`."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="embedded-publisher", daemon=True)
                self._thread.start()

    def _start(self) -> None:
        self.connect()
        # Set for good after the first attempt, be it good or bad.
        self._first_attempt.wait(_FIRST_OPEN_S)

    def close(self, timeout_s: float) -> None:
        """See `Publisher`."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._in_flight.count == 0, timeout_s)
            left = list(self._queue)
            self._queue.clear()
        self._settle(left, BrokerUnavailable("the publisher is closed"))
        if self._thread is not None:
            self._thread.join(max(0.5, deadline_s - time.monotonic()))

    # From here on: the publisher's thread.

    def _run(self) -> None:
        failures = 0
        while not self._closed:
            try:
                db = connect(self._path)
                self._state = "ready"
                self._first_attempt.set()
                failures = 0
                try:
                    self._write_until_closed(db)
                finally:
                    db.close()
            except LogmillError as error:
                failures += 1
                self._state = str(error)
                if failures == 1:
                    log.warning("broker_file_unavailable", reason=str(error))
            except Exception:
                # A fault of ours; without its thread the process would take nothing more for good.
                log.exception("broker_thread_failed")
                failures += 1
                self._state = "internal error"
            self._first_attempt.set()
            with self._changed:
                if not self._closed:
                    self._changed.wait_for(lambda: self._closed, delay_s(max(failures, 1), 0.1, 1.0))
        self._state = "closed"

    def _write_until_closed(self, db: sqlite3.Connection) -> None:
        """Write group after group; raise what makes the open file useless."""
        identity = Identity(self._path)
        while True:
            with self._changed:
                # No timeout: whoever adds a message or closes notifies, and neither can fail to.
                self._changed.wait_for(lambda: self._queue or self._closed)
                group = self._take_group()
            if not group:
                return
            try:
                identity.check()
                self._write(db, group)
            except BrokerFull as error:
                self._settle(group, error)
            except BaseException as error:
                with self._changed:
                    # Before the futures fail, so that whoever sees one fail is refused at once when he tries again.
                    self._state = str(error) if isinstance(error, LogmillError) else "internal error"
                    group.extend(self._queue)
                    self._queue.clear()
                self._settle(group, BrokerUnavailable(self._state))
                raise
            else:
                self._settle(group)

    def _take_group(self) -> list[_Handed]:
        group: list[_Handed] = []
        size_bytes = 0
        while self._queue and size_bytes < _MAX_GROUP_BYTES:
            group.append(self._queue.popleft())
            size_bytes += len(group[-1].message.body)
        return group

    def _write(self, db: sqlite3.Connection, group: list[_Handed]) -> None:
        """Commit the group, but for messages of lanes that are full: those get their error noted."""
        with transaction(db):
            totals = {lane: [messages, size] for lane, messages, size in db.execute("SELECT * FROM totals")}
            for handed in group:
                message = handed.message
                total = totals[message.lane]
                if total[0] >= self._limits.max_messages or total[1] >= self._limits.max_bytes:
                    handed.error = BrokerFull(f"lane {message.lane} is full")
                    continue
                total[0] += 1
                total[1] += len(message.body)
                db.execute("INSERT INTO bodies (body) VALUES (?)", (message.body,))
                db.execute(_INSERT, (message.lane, len(message.body), _properties_of(message)))

    def _settle(self, group: list[_Handed], error: LogmillError | None = None) -> None:
        with self._changed:
            for handed in group:
                self._in_flight.remove(handed.message.lane, len(handed.message.body))
            self._changed.notify_all()
        for handed in group:
            # An error a future: its traceback grows in each thread that raises it.
            problem = type(error)(str(error)) if error is not None else handed.error
            if problem is None:
                handed.future.set_result(None)
            else:
                handed.future.set_exception(problem)


def _properties_of(message: Message) -> str:
    properties = Properties(
        message_id=message.message_id,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=message.headers,
        timestamp_s=message.timestamp_s,
    )
    return msgspec.json.encode(properties).decode()
