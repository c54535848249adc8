"""When logs are due: by a clock, without drift, however long it runs and whatever the rate does meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from generator.spans import Burst, Windows

_US_A_S = 1_000_000
# How long the curve of the day is taken as level.
_LEVEL_S = 60.0
# No schedule lasts for longer.
_ALL_S = 1e10


class Pace(Protocol):
    """Says how many logs are to be made now, and for which moments; times are seconds since the start."""

    def take(self, now_s: float, most: int) -> list[int]:
        """The next moments that have come, at most so many, in microseconds since the start."""

    def due(self, now_s: float) -> int | None:
        """How many logs there should have been by now in all; None where as many as can be made."""

    def next_s(self) -> float:
        """When the next one is due; infinite where none is any more."""

    def skip(self, until_s: float) -> int:
        """Leave out what was due before; how many that were."""


class _Piece(NamedTuple):
    """A while in which the rate is one: moment n is `begin_s + (n - first) / rate`."""

    begin_s: float
    end_s: float
    rate: float
    first: float


class Schedule:
    """A rate, times what bursts and the curve of the day make of it.

    The moment of a log follows from its number alone within a while in which the rate is one, so nothing adds up.

    Args:
        rate: logs a second.
        bursts: whiles in which it is multiplied.
        load: what it is multiplied by at a time (seconds since the start), asked once a minute.
        count: how many moments there are.
        duration_s: all of them lie before this.
    """

    def __init__(
        self,
        rate: float,
        *,
        bursts: Sequence[Burst] = (),
        load: Callable[[float], float] | None = None,
        count: int | None = None,
        duration_s: float = math.inf,
    ) -> None:
        self._rate = rate
        self._bursts = Windows(bursts)
        self._load = load
        self._count: float = math.inf if count is None else count
        self._duration_s = duration_s
        self._number = 0
        self._piece = self._piece_from(0.0, 0.0)

    def take(self, now_s: float, most: int) -> list[int]:
        """See `Pace`."""
        moments: list[int] = []
        until_s = min(now_s, self._duration_s)
        while len(moments) < most:
            begin_s, end_s, rate, first = self._piece
            end = min(self._before(self._piece, until_s), self._count, self._number + most - len(moments))
            if end > self._number:
                begin_us, step_us = begin_s * _US_A_S, _US_A_S / rate
                moments += [
                    int(begin_us + (number - first) * step_us) for number in range(self._number, math.floor(end))
                ]
                self._number = math.floor(end)
            if end_s > until_s or self._number >= self._count or len(moments) >= most:
                break
            self._piece = self._after(self._piece)
        return moments

    def due(self, now_s: float) -> int:
        """See `Pace`."""
        piece = self._piece
        while piece.end_s <= now_s:
            piece = self._after(piece)
        return math.floor(min(max(self._number, self._before(piece, min(now_s, self._duration_s))), self._count))

    def next_s(self) -> float:
        """See `Pace`."""
        piece = self._piece
        while True:
            if self._number >= self._count or piece.begin_s >= self._duration_s:
                return math.inf
            if piece.rate:
                at_s = piece.begin_s + (self._number - piece.first) / piece.rate
                if at_s < piece.end_s:
                    return at_s if at_s < self._duration_s else math.inf
            if math.isinf(piece.end_s):
                return math.inf
            piece = self._after(piece)

    def skip(self, until_s: float) -> int:
        """See `Pace`. As many come later where a number of them was asked for."""
        while self._piece.end_s <= until_s:
            self._piece = self._after(self._piece)
        end = math.floor(self._before(self._piece, min(until_s, self._duration_s)))
        skipped = max(0, end - self._number)
        self._number += skipped
        self._count += skipped
        return skipped

    def _before(self, piece: _Piece, until_s: float) -> float:
        """The number of the first moment of a piece that has not come by then."""
        begin_s, end_s, rate, first = piece
        if until_s >= min(end_s, self._duration_s):
            return math.ceil(first + (min(end_s, self._duration_s) - begin_s) * rate)
        if until_s < begin_s or not rate:
            return math.ceil(first)
        return math.floor(first + (until_s - begin_s) * rate) + 1

    def _after(self, piece: _Piece) -> _Piece:
        return self._piece_from(piece.end_s, piece.first + (piece.end_s - piece.begin_s) * piece.rate)

    def _piece_from(self, begin_s: float, first: float) -> _Piece:
        bursts, end_us = self._bursts.at(round(begin_s * _US_A_S))
        end_s = end_us / _US_A_S
        rate = self._rate * math.prod(burst.factor for burst in bursts)
        if self._load is not None:
            rate *= self._load(begin_s)
            end_s = min(end_s, (begin_s // _LEVEL_S + 1) * _LEVEL_S)
        return _Piece(begin_s, end_s, rate, first)


class Unbounded:
    """As fast as it goes: a moment is `step_us` after the one before, whatever the clock says.

    Args:
        step_us: the time between two logs as far as flows are concerned.
        count: how many moments there are.
        duration_s: by the clock, none is taken after this.
    """

    def __init__(self, step_us: int = 10, *, count: int | None = None, duration_s: float = math.inf) -> None:
        self._step_us = step_us
        self._count: float = math.inf if count is None else count
        self._duration_s = duration_s
        self._number = 0
        self._is_over = False

    def take(self, now_s: float, most: int) -> list[int]:
        """See `Pace`."""
        self._is_over = now_s >= self._duration_s
        end = min(self._count, self._number + (0 if self._is_over else most))
        step_us = self._step_us
        moments = [number * step_us for number in range(self._number, math.floor(end))]
        self._number += len(moments)
        return moments

    def due(self, _now_s: float) -> None:
        """See `Pace`."""

    def next_s(self) -> float:
        """See `Pace`."""
        return math.inf if self._is_over or self._number >= self._count else 0.0

    def skip(self, _until_s: float) -> int:
        """See `Pace`."""
        return 0


class Past:
    """The moments of a schedule at once, for logs of the past."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def take(self, _now_s: float, most: int) -> list[int]:
        """See `Pace`."""
        return self._schedule.take(_ALL_S, most)

    def due(self, _now_s: float) -> None:
        """See `Pace`."""

    def next_s(self) -> float:
        """See `Pace`."""
        return 0.0 if math.isfinite(self._schedule.next_s()) else math.inf

    def skip(self, _until_s: float) -> int:
        """See `Pace`."""
        return 0
