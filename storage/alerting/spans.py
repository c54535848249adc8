"""Spans of event time, from and before, in microseconds: those that logs came for, joined, cut and aligned."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Span: TypeAlias = tuple[int, int]

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
# What a block touches is noted by the minute for so long before the hour that is now, and for so many minutes of what
# is older, and of what lies ahead; else coarser.
_NEWEST_US = 2 * HOUR_US
_MOST = 200
_WIDTHS_US = (MINUTE_US, HOUR_US, DAY_US, 30 * DAY_US)
_FAR_US = 1 << 62
# Whole minutes, and more than lie before 1970: division rounds towards zero.
_SHIFT_US = 200 * 366 * DAY_US


def spans_of(table: pa.Table, now_us: int) -> list[Span]:
    """The times that the rows of a table have, as few spans that cover them; coarse ones end before the last hours.

    Args:
        table: with the column `timestamp`.
        now_us: now. No span reaches over it: what has to be over before it is judged would wait for what lies ahead.
    """
    times = pc.add(table["timestamp"].cast(pa.int64()), _SHIFT_US)
    minutes = pc.unique(pc.divide(times, MINUTE_US)).to_pylist()
    starts = sorted(minute * MINUTE_US - _SHIFT_US for minute in minutes if minute is not None)
    newest_us, ahead_us = floor_to(now_us, HOUR_US) - _NEWEST_US, _ahead(now_us)
    older, ahead = bisect_left(starts, newest_us), bisect_left(starts, ahead_us)
    return [
        *_covering(starts[:older], (-_FAR_US, newest_us)),
        *((start, start + MINUTE_US) for start in starts[older:ahead]),
        *_covering(starts[ahead:], (ahead_us, _FAR_US)),
    ]


def _covering(starts: list[int], within: Span) -> list[Span]:
    for width_us in _WIDTHS_US:
        found = sorted({floor_to(start, width_us) for start in starts})
        if len(found) <= _MOST:
            return [(max(start, within[0]), min(start + width_us, within[1])) for start in found]
    return [(starts[0], starts[-1] + MINUTE_US)]


def fewer(spans: Iterable[Span], most: int, now_us: int) -> list[Span]:
    """All that lies within these in at most so many, two at least, with time between them; none reaches over now."""
    ahead_us = _ahead(now_us)
    past, ahead = [], []
    for start, end in spans:
        if start < ahead_us:
            past.append((start, min(end, ahead_us)))
        if end > ahead_us:
            ahead.append((max(start, ahead_us), end))
    gap_us = 0
    while True:
        found = [*joined(past, gap_us), *joined(ahead, gap_us)]
        if len(found) <= most:
            return found
        gap_us = 4 * gap_us or HOUR_US


def _ahead(now_us: int) -> int:
    """The end of the minute that is now."""
    return floor_to(now_us, MINUTE_US) + MINUTE_US


def joined(spans: Iterable[Span], gap_us: int = 0) -> list[Span]:
    """The same time in as few spans as can be, in order; those that are no further apart than the gap become one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + gap_us:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def pieces(span: Span, longest_us: int) -> Iterator[Span]:
    """A span cut in pieces of at most this length, newest first."""
    start, end = span
    while end > start:
        first = max(start, end - longest_us)
        yield first, end
        end = first


def floor_to(time_us: int, width_us: int) -> int:
    """The last multiple of the width that is not after the time."""
    return time_us // width_us * width_us


def ceil_to(time_us: int, width_us: int) -> int:
    """The first multiple of the width that is not before the time."""
    return -(-time_us // width_us) * width_us


def bound(span: Span) -> dict[str, int]:
    """A span as statements bind it."""
    return {"start_us": span[0], "end_us": span[1]}
