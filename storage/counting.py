"""How many logs there are, by their columns and over time: from a projection where one can say, else from the rows.

A projection has the number of logs of each minute or hour for each combination of some columns. It is written with
each part of the table, so it never differs from the rows. Where a question is about these columns only, whole minutes
or hours are counted there, at a cost that hardly grows with the store, and the ends of its time range from the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from logmill.record import KINDS, Kind
from storage.engine import schema
from storage.engine.protocol import Engine, Value
from storage.search.filters import And, Between, Bounds, Filter, apart, is_about
from storage.search.sql import condition
from storage.statements import statement

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
# The projections' times are 32-bit seconds; what lies outside is counted from the rows.
_LAST_S = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Projection:
    """A projection of the table.

    Attributes:
        columns: what it counts by.
        step_us: the length of its pieces of time.
        start: the SQL of the piece that a row is in.
    """

    columns: frozenset[str]
    step_us: int
    start: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a time range.

    Attributes:
        projection: where it is counted, None for the rows.
        where: the condition there.
        params: what it binds, under names that no other piece has.
    """

    projection: Projection | None
    where: str
    params: dict[str, Value]


# The first that can answer does.
PROJECTIONS = (
    Projection(frozenset({"level", "service", "priority"}), MINUTE_US, statement("counts", "start_of_minute")),
    Projection(frozenset(schema.FACETS), HOUR_US, statement("counts", "start_of_hour")),
)


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

    @property
    def times(self) -> Filter:
        """The logs that are in one of them."""
        end_us = self.start_us + self.width_us * self.count
        return Between("timestamp", Bounds(self.start_us, end_us, with_high=False))


def counts(
    engine: Engine,
    wanted: Filter,
    by: str | None = None,
    buckets: Buckets | None = None,
    extent: tuple[int, int] | None = None,
) -> pa.Table:
    """The number of logs that pass, for each value of a column and each bucket that has any.

    Args:
        engine: where they are.
        wanted: the filter.
        by: a column, None for one number; a log of which a list has several values counts for each.
        buckets: None for all time as one.
        extent: times that no log lies before or after, microseconds; saves looking there. None where it is not known.

    Returns:
        columns `value` (text; "" where `by` is None), `bucket` (number from 0) and `logs`.
    """
    times, rest = apart(wanted, "timestamp")
    projection = projection_of(() if by is None else (by,), rest, buckets)
    found = [
        engine.select(_sql(piece, by, buckets), {**piece.params, **_bounds(buckets)})
        for piece in pieces_of(projection, times, rest, extent)
    ]
    if len(found) == 1:
        return found[0]
    summed = pa.concat_tables(found).group_by(["value", "bucket"]).aggregate([("logs", "sum")])
    return summed.rename_columns(["value", "bucket", "logs"])


def most_frequent(table: pa.Table, limit: int) -> tuple[pa.Table, bool]:
    """The rows of `counts` for its most frequent values, at most so many of them; and whether there are others."""
    if table.num_rows <= limit:
        return table, False
    sums = table.group_by("value").aggregate([("logs", "sum")])
    if sums.num_rows <= limit:
        return table, False
    first = sums.take(pc.sort_indices(sums, sort_keys=[("logs_sum", "descending"), ("value", "ascending")])[:limit])
    return table.filter(pc.is_in(table["value"], value_set=first["value"].combine_chunks())), True


def by_bucket(table: pa.Table) -> dict[int, int]:
    """The logs of each bucket of `counts`, whatever their values."""
    sums = table.group_by("bucket").aggregate([("logs", "sum")])
    return dict(zip(sums["bucket"].to_pylist(), sums["logs_sum"].to_pylist(), strict=True))


def extent_us(engine: Engine, wanted: Filter) -> tuple[int, int] | None:
    """The times of the oldest and the newest log that passes; None where none does."""
    where, params = condition(wanted)
    found = engine.select(statement("counts", "ends", where=where), params)["us"].to_pylist()
    return (min(found), max(found)) if found else None


def total(table: pa.Table) -> int:
    """The logs of all rows of `counts`."""
    return pc.sum(table["logs"]).as_py() or 0


def projection_of(columns: Collection[str], rest: Filter, buckets: Buckets | None = None) -> Projection | None:
    """The first projection that knows all that is asked: these columns, and what a filter asks beside the time."""
    for projection in PROJECTIONS:
        step_us = projection.step_us
        is_whole = buckets is None or (buckets.width_us % step_us == 0 and buckets.start_us % step_us == 0)
        if is_whole and projection.columns.issuperset(columns) and is_about(rest, projection.columns):
            return projection
    return None


def pieces_of(
    projection: Projection | None, times: Bounds, rest: Filter, extent: tuple[int, int] | None
) -> list[Piece]:
    """The parts into which a time range is cut: whole minutes or hours for the projection, the ends for the rows.

    Args:
        projection: None where only the rows can say.
        times: from and before, microseconds.
        rest: what is asked beside that.
        extent: as in `counts`.
    """
    if projection is None:
        return [_from_rows(times, rest)]
    step_us = projection.step_us
    first = 1 if times.low is None else max(1, -(-int(times.low) // step_us))
    last = _LAST_S * 1_000_000 // step_us
    last = last if times.high is None else min(last, int(times.high) // step_us)
    if first >= last:
        return [_from_rows(times, rest)]
    where, params = condition(rest, "p")
    within = statement("counts", "within", start=projection.start)
    params |= {"first_s": first * step_us // 1_000_000, "last_s": last * step_us // 1_000_000}
    ends = ((times.low, first * step_us, "a"), (last * step_us, times.high, "b"))
    return [
        Piece(projection, f"({where}) AND ({within})", params),
        *(
            _from_rows(Bounds(low, high, with_high=False), rest, names)
            for low, high, names in ends
            if (low is None or high is None or low < high) and _may_hold(low, high, extent)
        ),
    ]


def _may_hold(low: float | None, high: float | None, extent: tuple[int, int] | None) -> bool:
    """Whether logs may lie from `low` to before `high`."""
    return extent is None or ((high is None or extent[0] < high) and (low is None or extent[1] >= low))


def _from_rows(times: Bounds, rest: Filter, names: str = "r") -> Piece:
    return Piece(None, *condition(And((Between("timestamp", times), rest)), names))


def _sql(piece: Piece, by: str | None, buckets: Buckets | None) -> str:
    """The counts of one piece."""
    if piece.projection is None:
        moment = "0" if buckets is None else statement("counts", "bucket_of_row")
        column = "''" if by is None else values_of(by)
        return statement("counts", "count_logs", column=column, moment=moment, where=piece.where)
    moment = "0" if buckets is None else statement("counts", "bucket_of_start", start=piece.projection.start)
    is_list = by is not None and KINDS[by] is Kind.LABELS
    name, column = "count_lists" if is_list else "count_logs", "''" if by is None else by
    return statement("counts", name, column=column, moment=moment, where=piece.where)


def _bounds(buckets: Buckets | None) -> dict[str, Value]:
    return {} if buckets is None else {"start_us": buckets.start_us, "width_us": buckets.width_us}


def values_of(column: str) -> str:
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
