"""Logs that wait for their time: many flows at once, taken in the order of time."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from operator import itemgetter

from generator.log import Item

# Flows last for up to seconds, so at a high rate tens of thousands of logs wait. They are sorted only when their time
# comes near, a span at a time: a heap of all of them costs three times as much.
_SPAN_BITS = 12
SPAN_US = 1 << _SPAN_BITS
# What lies further ahead than all of them waits in the last one, and then in `near`.
_SPANS = 4096
_SPAN_MASK = _SPANS - 1
_TIME = itemgetter(0)


class Agenda:
    """Logs by time; those of one time in the order of their numbers.

    Attributes:
        near: those whose time is near, sorted: the first of them is the last in the list, to be popped from it.
        near_until_us: from then on `begin` must be called before `near` has what comes next.
    """

    def __init__(self) -> None:
        self.near: list[Item] = []
        self.near_until_us = 0
        self._next_span = 0
        self._later: list[list[Item]] = [[] for _ in range(_SPANS)]
        self._waiting = 0

    def put(self, items: Iterable[Item]) -> None:
        """Add logs."""
        later, near_until, furthest = self._later, -self.near_until_us, self._next_span + _SPANS - 1
        for item in items:
            time_us = item[0]
            if time_us > near_until:
                insort(self.near, item)
                continue
            later[min(-time_us >> _SPAN_BITS, furthest) & _SPAN_MASK].append(item)
            self._waiting += 1

    def begin(self, now_us: int) -> None:
        """Have at hand what comes up to this time, and a little beyond."""
        end = now_us // SPAN_US + 1
        for span in range(self._next_span, min(end, self._next_span + _SPANS)):
            if not self._waiting:
                break
            waiting = self._later[span & _SPAN_MASK]
            self._waiting -= len(waiting)
            # Turned around, so that of two at one time the one that was put first is the last in `near`.
            self.near += reversed(waiting)
            waiting.clear()
        self._next_span = end
        self.near_until_us = end * SPAN_US
        self.near.sort(key=_TIME)
