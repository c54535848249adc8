"""Batches that wait for the producer: in memory while it takes them, in files when it is away for long; bounded."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from logmill.handler.batches import Batch, Lane
from logmill.handler.losses import Loss, Losses
from logmill.handler.spill import NORMAL_SHARE, Spill

_SYNC_EVERY_S = 1.0
# From this share of the memory on batches go to files.
_SPILL_SHARE = 0.5
# A disk that hangs must not hold up the end of a process for ever.
_MOVE_TIMEOUT_S = 1.0
# Whose batch is next, in turns: errors go first most often, but nobody waits for ever. None: what other processes left.
_OFTEN = (Lane.URGENT, Lane.NORMAL, None)
_TURNS = (
    _OFTEN,
    _OFTEN,
    _OFTEN,
    (Lane.NORMAL, None, Lane.URGENT),
    _OFTEN,
    _OFTEN,
    _OFTEN,
    (None, Lane.NORMAL, Lane.URGENT),
)


class Outbox:
    """Keeps each batch until it is settled; for several threads.

    A batch stays where it is while it is sent or written, so that whatever happens meanwhile it is not lost. It is put
    into memory at once and goes to the files by `keep`, since a disk may take its time: who puts never waits for one.

    Args:
        spill: the files, None for memory alone.
        memory_bytes: of batches in memory.
        spill_after_s: a batch that is older goes to the files.
        durable: each batch goes to the files, and the disk keeps it, before it is sent.
        losses: told of batches for which there is no room.
    """

    def __init__(
        self, spill: Spill | None, *, memory_bytes: int, spill_after_s: float, durable: bool, losses: Losses
    ) -> None:
        self._spill = spill
        self._max_bytes = memory_bytes
        self._spill_after_s = spill_after_s
        self._durable = durable
        self._losses = losses
        self._memory: dict[Lane, OrderedDict[str, Batch]] = {lane: OrderedDict() for lane in Lane}
        self._memory_bytes = 0
        self._put = dict.fromkeys(Lane, 0)
        self._news = 0
        self._turn = 0
        self._synced_s = 0.0
        self._is_refused = False
        self._is_ending = False
        self._is_closed = False
        # Taken in this order, where several are: who moves batches to the files; who uses the files; who uses the rest,
        # which nobody has for long.
        self._moving = threading.Lock()
        self._files = threading.RLock()
        self._changed = threading.Condition()

    @property
    def memory_bytes(self) -> int:
        """Of the batches in memory."""
        return self._memory_bytes

    @property
    def spilled(self) -> tuple[int, int]:
        """Bytes of the files of this process, and logs in them that wait."""
        with self._files:
            return (self._spill.size_bytes, self._spill.records) if self._spill is not None else (0, 0)

    @property
    def keeps_on_disk(self) -> bool:
        """Whether what cannot be sent can be kept in files."""
        return self._spill is not None

    def put(self, batch: Batch) -> None:
        """Keep a batch, or count its logs as dropped where there is no room."""
        share = 1.0 if batch.lane is Lane.URGENT else NORMAL_SHARE
        with self._changed:
            if self._is_closed or self._memory_bytes + len(batch.body) > share * self._max_bytes:
                where = "memory and files are full" if self._spill is not None else "memory is full"
                self._losses.count(Loss.DROPPED, batch.records, f"the producer is away, and {where}")
                return
            self._memory[batch.lane][batch.key] = batch
            self._memory_bytes += len(batch.body)
            self._put[batch.lane] += 1
            self._news += 1
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Batch | None:
        """The batch to send next, which stays here; None where none came in time."""
        end_s = time.monotonic() + timeout_s
        while True:
            with self._changed:
                seen = self._news
            found = self._next()
            left_s = end_s - time.monotonic()
            if found is not None or left_s <= 0 or self._is_ending:
                return found
            self._wait_news(seen, left_s)

    def settle(self, batch: Batch) -> None:
        """A batch need not be sent any more, wherever it lies by now."""
        if not self._forget(batch):
            with self._files:
                if self._spill is not None and not self._is_closed:
                    self._spill.settle(batch.key)
        self.wake()

    def mark(self) -> dict[Lane, int]:
        """What `wait_gone` waits for: all batches that were put so far."""
        with self._changed:
            return dict(self._put)

    def wait_gone(self, mark: dict[Lane, int], timeout_s: float, gives_up: Callable[[], bool]) -> bool:
        """Wait until all batches that were put before a mark are settled; whether they are.

        Args:
            mark: of `mark`.
            timeout_s: how long at most.
            gives_up: asked whenever something changed whether to wait no longer.
        """

        def are_gone() -> bool:
            # A lane is sent in its order.
            return all(count <= self._put[lane] - self._waiting(lane) for lane, count in mark.items())

        with self._changed:
            self._changed.wait_for(lambda: gives_up() or are_gone(), timeout_s)
            return are_gone()

    def wake(self) -> None:
        """Have those who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Have nobody wait for a batch any more."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def keep(self, *, all_of_them: bool = False) -> bool:
        """Put into files what has to go there; whether nothing is in memory alone any more.

        Args:
            all_of_them: whether that is everything; else it depends on age and amount.
        """
        spill = self._spill
        if spill is None or not self._moving.acquire(timeout=_MOVE_TIMEOUT_S):
            return not any(self._memory.values())
        try:
            with self._files:
                written = [self._move(lane, spill) for lane in Lane if all_of_them or self._is_due(lane, spill)]
                now_s = time.monotonic()
                if all_of_them or (self._durable and written) or now_s - self._synced_s >= _SYNC_EVERY_S:
                    self._synced_s = now_s
                    spill.sync()
        finally:
            self._moving.release()
        if any(written):
            with self._changed:
                self._news += 1
                self._changed.notify_all()
        return not any(self._memory.values())

    def close(self) -> int:
        """Let go of everything; how many logs were in memory alone."""
        has_files = self._files.acquire(timeout=_MOVE_TIMEOUT_S)
        try:
            with self._changed:
                left = sum(batch.records for waiting in self._memory.values() for batch in waiting.values())
                was_closed, self._is_closed = self._is_closed, True
                self._changed.notify_all()
            if has_files and not was_closed and self._spill is not None:
                self._spill.close()
        finally:
            if has_files:
                self._files.release()
        return left

    def abandon(self) -> None:
        """Let go of the files after a fork; nothing else of this may be used then."""
        if self._spill is not None:
            self._spill.abandon()

    def _wait_news(self, seen: int, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._news != seen or self._is_ending, timeout_s)

    def _forget(self, batch: Batch) -> bool:
        """Take a batch out of memory; whether it was there."""
        with self._changed:
            if self._memory[batch.lane].pop(batch.key, None) is None:
                return False
            self._memory_bytes -= len(batch.body)
            return True

    def _is_due(self, lane: Lane, spill: Spill) -> bool:
        """Whether what is in memory has to go to the files."""
        with self._changed:
            oldest = next(iter(self._memory[lane].values()), None)
            if oldest is None:
                return False
            is_old = time.monotonic() - oldest.made_s >= self._spill_after_s
            is_much = self._memory_bytes > _SPILL_SHARE * self._max_bytes
        return self._durable or is_old or is_much or spill.batches(lane) > 0

    def _move(self, lane: Lane, spill: Spill) -> int:
        """From memory to files, in order, as far as there is room; how many batches. With the files held."""
        with self._changed:
            batches = list(self._memory[lane].values())
        for count, batch in enumerate(batches):
            self._is_refused = self._is_closed or not spill.append(batch)
            if self._is_refused:
                return count
            if not self._forget(batch):  # it was settled meanwhile
                spill.settle(batch.key)
        return len(batches)

    def _next(self) -> Batch | None:
        self._turn = (self._turn + 1) % len(_TURNS)
        with self._files:
            for lane in _TURNS[self._turn]:
                found = self._left() if lane is None else self._oldest(lane)
                if found is not None:
                    return found
        return None

    def _oldest(self, lane: Lane) -> Batch | None:
        if self._spill is not None and not self._is_closed:
            found = self._spill.first(lane)
            if found is not None:
                return found
            if self._durable and not self._is_refused:
                return None
        with self._changed:
            return next(iter(self._memory[lane].values()), None)

    def _left(self) -> Batch | None:
        """What another process left."""
        return None if self._spill is None or self._is_closed else self._spill.first_left()

    def _waiting(self, lane: Lane) -> int:
        """Batches of this process in a lane."""
        return len(self._memory[lane]) + (self._spill.batches(lane) if self._spill is not None else 0)
