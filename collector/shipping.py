"""Sends batches to the producer until it has them, several at a time, and settles them in their order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Protocol

import structlog

from collector.checkpoint import Checkpoint
from collector.checkpoint_rows import Batch
from collector.posting import Posted, Poster, plain
from logmill.backoff import delay_s
from logmill.errors import Retry

log = structlog.get_logger()

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 15.0
COMPLAIN_EVERY_S = 30.0
DISK_RETRY_S = 1.0


class Output(Protocol):
    """The local copy of what was accepted."""

    def write(self, key: str, body: bytes) -> None:
        """Add the records of a batch, NDJSON; once for each key."""

    def position(self) -> str:
        """How far it goes, for `restore`."""

    def restore(self, position: str) -> None:
        """Go back to there."""

    def close(self) -> None:
        """Finish it."""


class Watcher(Protocol):
    """Whom shipping tells of what happens; from several threads."""

    def accepted(self, batch: Batch, posted: Posted) -> None:
        """The producer has a batch, or will never take it."""

    def retried(self, reason: str) -> None:
        """A request has to be sent again."""

    def settled(self, batches: Sequence[Batch]) -> None:
        """The positions of these have moved."""


class Shipper:
    """Batches on their way.

    Args:
        poster: makes the requests; one for each thread.
        checkpoint: forgets batches that the producer has.
        output: the local copy, None for none.
        watcher: told of what happens.
        max_in_flight: batches, and threads.
    """

    def __init__(
        self,
        poster: Callable[[], Poster],
        checkpoint: Checkpoint,
        output: Output | None,
        watcher: Watcher,
        max_in_flight: int,
    ) -> None:
        self._checkpoint = checkpoint
        self._output = output
        self._watcher = watcher
        self._max_in_flight = max_in_flight
        self._lock = threading.Condition()
        self._waiting: deque[Batch] = deque()
        # All that are not settled, in their order, with what the producer said of those that it answered.
        self._window: dict[int, tuple[Batch, Posted | None]] = {}
        self._given_at: dict[int, float] = {}
        self._stopping = threading.Event()
        self._failing: dict[int, tuple[float, str]] = {}
        self._threads = [
            threading.Thread(target=self._run, args=(poster(),), name=f"sender-{number}", daemon=True)
            for number in range(max_in_flight)
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def has_room(self) -> bool:
        """Whether one more batch may be given."""
        with self._lock:
            return len(self._window) < self._max_in_flight

    def give(self, batch: Batch) -> None:
        """Send this one."""
        with self._lock:
            self._window[batch.sequence] = (batch, None)
            self._given_at[batch.sequence] = time.monotonic()
            self._waiting.append(batch)
            self._lock.notify_all()

    def wait_for_room(self, timeout_s: float) -> None:
        """Wait until one more batch may be given, at most so long."""
        with self._lock:
            self._lock.wait_for(lambda: len(self._window) < self._max_in_flight, timeout_s)

    def wait_until_done(self, timeout_s: float) -> bool:
        """Wait until everything is settled, at most so long; says whether it is."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._window, timeout_s)

    def in_flight(self) -> tuple[int, float]:
        """Batches that are not settled, and for how many seconds the oldest of them has been here."""
        with self._lock:
            given_at = [self._given_at[sequence] for sequence in self._window]
        return len(given_at), time.monotonic() - min(given_at) if given_at else 0.0

    def unanswered(self) -> list[Batch]:
        """The batches for which the producer has not answered, in their order."""
        with self._lock:
            return [batch for batch, posted in self._window.values() if posted is None]

    def failing(self) -> tuple[float, str]:
        """For how many seconds the producer has taken nothing, and why; 0 and "" while it does."""
        with self._lock:
            if not self._failing:
                return 0.0, ""
            since, reason = min(self._failing.values())
            return time.monotonic() - since, reason

    def close(self, timeout_s: float) -> None:
        """Stop sending; what is not settled is sent again by the next process."""
        self._stopping.set()
        with self._lock:
            self._lock.notify_all()
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))

    def _run(self, poster: Poster) -> None:
        try:
            while (batch := self._next()) is not None:
                posted = self._post(poster, batch)
                if posted is None:
                    return
                self._watcher.accepted(batch, posted)
                self._settle(batch, posted)
        finally:
            poster.close()

    def _next(self) -> Batch | None:
        with self._lock:
            self._lock.wait_for(lambda: self._waiting or self._stopping.is_set())
            return None if self._stopping.is_set() else self._waiting.popleft()

    def _post(self, poster: Poster, batch: Batch) -> Posted | None:
        """What the producer says of a batch in the end; None where it is time to stop."""
        attempt, complained_at = 0, 0.0
        while not self._stopping.is_set():
            try:
                posted = poster.post(batch)
            except Retry as error:
                attempt += 1
                reason = str(error)
            except Exception as error:
                log.exception("a batch could not be sent; trying again", batch=batch.key)
                attempt += 1
                reason = type(error).__name__
            else:
                with self._lock:
                    # The others get through now as well.
                    self._failing.clear()
                return posted
            with self._lock:
                since, _reason = self._failing.get(batch.sequence, (time.monotonic(), ""))
                self._failing[batch.sequence] = (since, reason)
            self._watcher.retried(reason)
            if time.monotonic() - complained_at > COMPLAIN_EVERY_S:
                complained_at = time.monotonic()
                log.warning("the producer takes nothing; holding what there is", reason=reason)
            self._stopping.wait(max(delay_s(attempt, FIRST_DELAY_S, LONGEST_DELAY_S), poster.retry_after_s))
        return None

    def _settle(self, batch: Batch, posted: Posted) -> None:
        """Settle all batches from the oldest on that the producer has answered."""
        complained_at = -COMPLAIN_EVERY_S
        with self._lock:
            self._window[batch.sequence] = (batch, posted)
            while not self._stopping.is_set():
                try:
                    self._settle_all(self._answered())
                    break
                except Retry as error:
                    if time.monotonic() - complained_at >= COMPLAIN_EVERY_S:
                        complained_at = time.monotonic()
                        log.warning("waiting for the disk", reason=str(error))
                except Exception:
                    log.exception("a batch that was accepted could not be settled; trying again", batch=batch.key)
                # Without the lock: the reading thread has to hear of the end, and the page of what is amiss.
                self._lock.wait_for(self._stopping.is_set, DISK_RETRY_S)
            self._lock.notify_all()

    def _answered(self) -> list[Batch]:
        """The batches from the oldest on that the producer has answered, in their order."""
        return [batch for batch, _posted in takewhile(lambda one: one[1] is not None, self._window.values())]

    def _settle_all(self, done: Sequence[Batch]) -> None:
        if not done:
            return
        position = None
        if self._output is not None:
            for batch in done:
                answer = self._window[batch.sequence][1]
                if answer is not None and answer.accepted:
                    self._output.write(batch.key, plain(batch.body))
            position = self._output.position()
        self._checkpoint.settle(done, position)
        for batch in done:
            del self._window[batch.sequence], self._given_at[batch.sequence]
        self._watcher.settled(done)
