"""Spans of event time, from and before, in microseconds: those that logs came for, joined, cut and aligned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Span: TypeAlias = tuple[int, int]

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
# What a block touches is noted by the minute for the last so many of its minutes, and for so many before; else coarser.
_NEWEST_US = 2 * HOUR_US
_MOST = 200
_WIDTHS_US = (MINUTE_US, HOUR_US, DAY_US, 30 * DAY_US)
# Whole minutes, and more than lie before 1970: division rounds towards zero.
_SHIFT_US = 200 * 366 * DAY_US


def spans_of(table: pa.Table) -> list[Span]:
    """The times that the rows of a table have, as few aligned spans that cover them.

    Args:
        table: with the column `timestamp`.
    """
    times = pc.add(table["timestamp"].cast(pa.int64()), _SHIFT_US)
    minutes = pc.unique(pc.divide(times, MINUTE_US)).to_pylist()
    starts = sorted(minute * MINUTE_US - _SHIFT_US for minute in minutes if minute is not None)
    if not starts:
        return []
    newest = [start for start in starts if start > starts[-1] - _NEWEST_US]
    older = starts[: len(starts) - len(newest)]
    return [*_covering(older), *((start, start + MINUTE_US) for start in newest)]


def _covering(starts: list[int]) -> list[Span]:
    for width_us in _WIDTHS_US:
        found = sorted({start // width_us * width_us for start in starts})
        if len(found) <= _MOST:
            return [(start, start + width_us) for start in found]
    return [(starts[0], starts[-1] + MINUTE_US)]


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
