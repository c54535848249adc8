"""How long logs take from being accepted to being searchable: percentiles of the last minute, in fixed memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

# Lags are counted in classes, each a tenth wider than the one below: a percentile is wrong by a twentieth at most.
_RATIO = 1.1
_LOG_RATIO = math.log(_RATIO)
# What is shorter or longer counts as this: half a millisecond, and a month.
_LEAST_S, _MOST_S = 0.0005, 30 * 86_400.0
_SLOT_S = 5.0
_SLOTS = 12


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from accepted to searchable; all None where nothing came."""

    p50_s: float | None = None
    p99_s: float | None = None
    max_s: float | None = None


@dataclass(slots=True)
class _Slot:
    """The lags of one piece of time: rows by class, and the longest."""

    number: int
    rows: dict[int, float] = field(default_factory=dict)
    max_s: float = 0.0


class LagMeter:
    """The lags of a minute; not safe for threads: its owner has a lock."""

    def __init__(self) -> None:
        self._slots: deque[_Slot] = deque(maxlen=_SLOTS)

    def add(self, lags_s: Iterable[tuple[float, float]], now_s: float) -> None:
        """Count rows.

        Args:
            lags_s: seconds, and how many rows have this lag; not above zero where two clocks differ, which counts as 0.
            now_s: the time, on a clock that never goes back.
        """
        number = int(now_s // _SLOT_S)
        if not self._slots or self._slots[-1].number < number:
            self._slots.append(_Slot(number))
        slot = self._slots[-1]
        for lag_s, rows in lags_s:
            bounded_s = min(max(lag_s, _LEAST_S), _MOST_S)
            place = round(math.log(bounded_s) / _LOG_RATIO)
            slot.rows[place] = slot.rows.get(place, 0.0) + rows
            slot.max_s = max(slot.max_s, lag_s)

    def lag(self, now_s: float) -> Lag:
        """Percentiles by rows of the last minute, and the longest."""
        first = int(now_s // _SLOT_S) - _SLOTS + 1
        slots = [slot for slot in self._slots if slot.number >= first]
        rows: dict[int, float] = {}
        for slot in slots:
            for place, count in slot.rows.items():
                rows[place] = rows.get(place, 0.0) + count
        if not rows:
            return Lag()
        longest_s = max(slot.max_s for slot in slots)
        return Lag(min(_percentile(rows, 0.5), longest_s), min(_percentile(rows, 0.99), longest_s), round(longest_s, 6))


def _percentile(rows: dict[int, float], share: float) -> float:
    wanted = share * sum(rows.values())
    place = max(rows)
    for at, count in sorted(rows.items()):
        wanted -= count
        if wanted <= 0:
            place = at
            break
    return round(math.exp(place * _LOG_RATIO), 6)
