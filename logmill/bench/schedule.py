"""When requests are due: at a rate, whatever becomes of those before (open loop), or one after the other (closed)."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from logmill.bench.plan import Share, requests_within

# Called with when requests were due, how long they have waited at least, and how many they are.
Dropped = Callable[[float, float, int], None]
# Those that are dropped together are told in so many pieces, each with the least wait among its own.
_PIECES = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """A request's turn.

    Attributes:
        number: of the request, over all processes.
        due_s: when it is due, by the monotonic clock; None for at once.
    """

    number: int
    due_s: float | None


class Schedule(Protocol):
    """Gives out turns; for many threads."""

    def take(self, now_s: float) -> Turn | None:
        """The next turn; None where there are no more."""

    def behind_s(self, now_s: float) -> float:
        """For how long the next request has been due."""

    def end(self, now_s: float) -> None:
        """Give out no more."""


class OpenLoop:
    """Request n is due n / rate after the start. Nothing is queued: a turn waits until a connection is free to take it.

    What has been due for longer than `max_behind_s` is dropped, which also bounds how long it goes on after the end.

    Args:
        start_s: when the first is due, by the monotonic clock.
        rate: requests a second, over all processes.
        length_s: how long requests become due.
        share: which of them are given out.
        max_behind_s: how late a request may begin.
        dropped: told of those that will not.
    """

    def __init__(
        self, *, start_s: float, rate: float, length_s: float, share: Share, max_behind_s: float, dropped: Dropped
    ) -> None:
        self._start_s = start_s
        self._rate = rate
        self._share = share
        self._max_behind_s = max_behind_s
        self._dropped = dropped
        self._lock = threading.Lock()
        self._next = 0
        self._count = max(0, math.ceil((requests_within(rate, length_s) - share.number) / share.of))

    def take(self, now_s: float) -> Turn | None:
        """As `Schedule`."""
        with self._lock:
            self._drop_until(now_s - self._max_behind_s, now_s)
            if self._next >= self._count:
                return None
            turn = Turn(self._share.number + self._next * self._share.of, self._due_s(self._next))
            self._next += 1
            return turn

    def behind_s(self, now_s: float) -> float:
        """As `Schedule`."""
        with self._lock:
            return max(0.0, now_s - self._due_s(self._next)) if self._next < self._count else 0.0

    def end(self, now_s: float) -> None:
        """As `Schedule`; what is due already is dropped."""
        with self._lock:
            self._drop_until(now_s, now_s)
            self._count = self._next

    def _due_s(self, position: int) -> float:
        return self._start_s + (self._share.number + position * self._share.of) / self._rate

    def _drop_until(self, due_s: float, now_s: float) -> None:
        """Drop what is due before a time."""
        if self._next >= self._count or self._due_s(self._next) >= due_s:
            return
        number = math.ceil((due_s - self._start_s) * self._rate)
        until = min(self._count, max(self._next + 1, math.ceil((number - self._share.number) / self._share.of)))
        size = max(1, (until - self._next) // _PIECES)
        while self._next < until:
            count = min(size, until - self._next)
            last = self._next + count - 1
            self._dropped(self._due_s(self._next), now_s - self._due_s(last), count)
            self._next += count


class ClosedLoop:
    """Each connection sends its next request as soon as the one before was answered, until the time is up.

    Args:
        start_s: when it begins, by the monotonic clock.
        length_s: how long it gives out turns.
        share: which numbers they have.
    """

    def __init__(self, *, start_s: float, length_s: float, share: Share) -> None:
        self._end_s = start_s + length_s
        self._share = share
        self._lock = threading.Lock()
        self._next = 0

    def take(self, now_s: float) -> Turn | None:
        """As `Schedule`."""
        with self._lock:
            if now_s >= self._end_s:
                return None
            turn = Turn(self._share.number + self._next * self._share.of, None)
            self._next += 1
            return turn

    def behind_s(self, _now_s: float) -> float:
        """As `Schedule`: never."""
        return 0.0

    def end(self, now_s: float) -> None:
        """As `Schedule`."""
        with self._lock:
            self._end_s = min(self._end_s, now_s)
