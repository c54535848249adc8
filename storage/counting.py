"""How many logs there are, by their columns and over time: from the projection where it can say, else from the rows.

The projection `counts` has the number of logs of each minute, level, service and priority. It is written with each
part of the table, so it never differs from the rows. Where a question is about these only, whole minutes are counted
there, at a cost that hardly grows with the store, and the ends of its time range from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from logmill.record import KINDS, Kind
from storage.engine.protocol import Engine, Value
from storage.search.filters import And, AnyOf, Between, Bounds, Exists, Filter, Matches, Not, Or
from storage.search.sql import condition
from storage.statements import statement

PROJECTED = frozenset({"level", "service", "priority"})
MINUTE_US = 60_000_000
# The projection's minutes are 32-bit seconds; what lies outside is counted from the rows.
_FIRST_MINUTE, _LAST_MINUTE = 1, (1 << 32) // 60 - 1


@dataclass(frozen=True, slots=True)
class Buckets:
    """Time cut in equal pieces.

    Attributes:
        start_us: of the first, microseconds since 1970-01-01 UTC.
        width_us: of each; whole minutes where it is longer than one.
        count: how many.
    """

    start_us: int
    width_us: int
    count: int


def counts(engine: Engine, wanted: Filter, by: str | None = None, buckets: Buckets | None = None) -> pa.Table:
    """The number of logs that pass, for each value of a column and each bucket that has any.

    Args:
        engine: where they are.
        wanted: the filter.
        by: a column, None for one number; a log of which a list has several values counts for each.
        buckets: None for all time as one.

    Returns:
        columns `value` (text; "" where `by` is None), `bucket` (number from 0) and `logs`.
    """
    times, rest = _apart(wanted)
    is_projected = (by is None or by in PROJECTED) and _is_projected(rest) and (buckets is None or _is_minutes(buckets))
    pieces = _pieces(times, rest, by, buckets) if is_projected else [_rows(times, rest, by, buckets)]
    found = [engine.select(sql, params) for sql, params in pieces]
    if len(found) == 1:
        return found[0]
    summed = pa.concat_tables(found).group_by(["value", "bucket"]).aggregate([("logs", "sum")])
    return summed.rename_columns(["value", "bucket", "logs"])


def top(engine: Engine, wanted: Filter, column: str, limit: int) -> list[tuple[str, int]]:
    """The most frequent values of a column among the logs that pass, and how many have each; ties by value.

    Args:
        engine: where they are.
        wanted: the filter.
        column: of a list, each of its items counts.
        limit: how many at most.
    """
    if column in PROJECTED:
        table = counts(engine, wanted, column)
        found = zip(table["value"].to_pylist(), table["logs"].to_pylist(), strict=True)
        return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]
    where, params = condition(wanted)
    sql = statement("counts", "top_values", column=_values(column), where=where)
    table = engine.select(sql, {**params, "limit": limit})
    return list(zip(table["value"].to_pylist(), table["logs"].to_pylist(), strict=True))


def extent_us(engine: Engine, wanted: Filter) -> tuple[int, int] | None:
    """The times of the oldest and the newest log that passes; None where none does."""
    where, params = condition(wanted)
    ends = [engine.select(statement("counts", name, where=where), params)["us"] for name in ("oldest", "newest")]
    return None if len(ends[0]) == 0 or len(ends[1]) == 0 else (ends[0][0].as_py(), ends[1][0].as_py())


def total(table: pa.Table) -> int:
    """The logs of all rows of `counts`."""
    return pc.sum(table["logs"]).as_py() or 0


def _apart(wanted: Filter) -> tuple[Bounds, Filter]:
    """The time range of a filter, from and before, and what it asks beside that."""
    parts = wanted.parts if isinstance(wanted, And) else (wanted,)
    low: float | None = None
    high: float | None = None
    others = []
    for part in parts:
        if not (isinstance(part, Between) and part.column == "timestamp"):
            others.append(part)
            continue
        bounds = part.bounds
        if bounds.low is not None:
            first = bounds.low if bounds.with_low else bounds.low + 1
            low = first if low is None else max(low, first)
        if bounds.high is not None:
            end = bounds.high + 1 if bounds.with_high else bounds.high
            high = end if high is None else min(high, end)
    return Bounds(low, high, with_high=False), others[0] if len(others) == 1 else And(tuple(others))


def _is_projected(wanted: Filter) -> bool:
    match wanted:
        case And(parts) | Or(parts):
            return all(map(_is_projected, parts))
        case Not(part):
            return _is_projected(part)
        case AnyOf(column) | Exists(column) | Matches(column):
            return column in PROJECTED
        case _:
            return False


def _is_minutes(buckets: Buckets) -> bool:
    return buckets.width_us % MINUTE_US == 0 and buckets.start_us % MINUTE_US == 0


def _pieces(times: Bounds, rest: Filter, by: str | None, buckets: Buckets | None) -> list[tuple[str, dict[str, Value]]]:
    first = _FIRST_MINUTE if times.low is None else max(_FIRST_MINUTE, -(-int(times.low) // MINUTE_US))
    last = _LAST_MINUTE if times.high is None else min(_LAST_MINUTE, int(times.high) // MINUTE_US)
    if first >= last:
        return [_rows(times, rest, by, buckets)]
    found = [_minutes(first, last, rest, by, buckets)]
    ends = ((times.low, first * MINUTE_US), (last * MINUTE_US, times.high))
    found += [
        _rows(Bounds(low, high, with_high=False), rest, by, buckets)
        for low, high in ends
        if low is None or high is None or low < high
    ]
    return found


def _rows(times: Bounds, rest: Filter, by: str | None, buckets: Buckets | None) -> tuple[str, dict[str, Value]]:
    where, params = condition(And((Between("timestamp", times), rest)))
    moment = "0" if buckets is None else statement("counts", "bucket_of_row")
    return _sql(where, params, moment, by, buckets)


def _minutes(
    first: int, last: int, rest: Filter, by: str | None, buckets: Buckets | None
) -> tuple[str, dict[str, Value]]:
    where, params = condition(rest)
    where = f"({where}) AND ({statement('counts', 'minutes')})"
    params |= {"first_s": first * 60, "last_s": last * 60}
    moment = "0" if buckets is None else statement("counts", "bucket_of_minute")
    return _sql(where, params, moment, by, buckets)


def _sql(
    where: str, params: dict[str, Value], moment: str, by: str | None, buckets: Buckets | None
) -> tuple[str, dict[str, Value]]:
    if buckets is not None:
        params = {**params, "start_us": buckets.start_us, "width_us": buckets.width_us}
    column = "''" if by is None else _values(by)
    return statement("counts", "count_logs", column=column, moment=moment, where=where), params


def _values(column: str) -> str:
    """The column, or each item of its lists."""
    return statement("counts", "items", column=column) if KINDS[column] is Kind.LABELS else column


def nice_width_us(span_us: int, count: int) -> int:
    """The shortest of the usual widths of which no more than `count` cover the span."""
    for width_us in _WIDTHS_US:
        if span_us <= width_us * count:
            return width_us
    return -(-span_us // count // _WIDTHS_US[-1]) * _WIDTHS_US[-1]


def buckets_over(since_us: int, until_us: int, count: int) -> Buckets:
    """Buckets of a usual width, at round times, that cover from `since_us` to before `until_us`."""
    width_us = nice_width_us(until_us - since_us, max(1, count - 1))
    start_us = since_us // width_us * width_us
    return Buckets(start_us, width_us, max(1, -(-(until_us - start_us) // width_us)))


_MS, _S, _M, _H, _D = 1000, 1_000_000, MINUTE_US, 60 * MINUTE_US, 1440 * MINUTE_US
_WIDTHS_US: Sequence[int] = (
    *(n * _MS for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(n * _S for n in (1, 2, 5, 10, 15, 30)),
    *(n * _M for n in (1, 2, 5, 10, 15, 30)),
    *(n * _H for n in (1, 2, 3, 6, 12)),
    *(n * _D for n in (1, 2, 7, 14, 30, 90, 365)),
)
