"""The most frequent values of columns among the logs that pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from logmill.record import KINDS, Kind
from storage.counting import pieces_of, projection_of, values_of
from storage.engine import schema
from storage.engine.protocol import Engine, Value
from storage.search.filters import And, Between, Bounds, Filter, apart
from storage.search.sql import condition
from storage.statements import statement

# A value as text (of a number that may be null, None), and how many logs have it.
Counted: TypeAlias = tuple[str | None, int]


def top(
    engine: Engine, wanted: Filter, columns: Sequence[str], limit: int, extent: tuple[int, int] | None = None
) -> dict[str, list[Counted]]:
    """The most frequent values of each column, the most frequent first, ties by value.

    Args:
        engine: where they are.
        wanted: the filter.
        columns: of a list, each of its items counts.
        limit: how many values of each column at most.
        extent: times that no log lies before or after, microseconds. A log that comes from outside of it meanwhile may
            be counted though the filter is against its time: see `is_certain`.
    """
    times, rest = apart(wanted, "timestamp")
    times = _needed(times, extent)
    together = [column for column in dict.fromkeys(columns) if column in schema.FACETS]
    found = _together(engine, times, rest, together, limit, extent) if together else {}
    for column in columns:
        if column not in found:
            found[column] = _alone(engine, And((Between("timestamp", times), rest)), column, limit)
    return {column: found[column] for column in columns}


def is_certain(wanted: Filter, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether what `top` leaves out of a filter, as all logs are in its range anyway, still holds with a new extent."""
    times, _ = apart(wanted, "timestamp")
    return _needed(times, before) == _needed(times, after)


def _needed(times: Bounds, extent: tuple[int, int] | None) -> Bounds:
    """The bounds that may keep a log out; without any, what is counted without time can be read."""
    if extent is None:
        return times
    low = None if times.low is not None and times.low <= extent[0] else times.low
    high = None if times.high is not None and times.high > extent[1] else times.high
    return Bounds(low, high, with_high=False)


def _together(
    engine: Engine, times: Bounds, rest: Filter, columns: Sequence[str], limit: int, extent: tuple[int, int] | None
) -> dict[str, list[Counted]]:
    """Of columns whose combinations are few."""
    names = ", ".join(columns)
    params: dict[str, Value] = {"limit": limit}
    parts = []
    for piece in pieces_of(projection_of(columns, rest), times, rest, extent):
        parts.append(statement("counts", "combinations", columns=names, where=piece.where))
        params |= piece.params
    pairs = [
        statement("counts", "pairs_of_list" if KINDS[column] is Kind.LABELS else "pairs_of_value", column=column)
        for column in columns
    ]
    sql = statement("counts", "top_of_each", combinations=" UNION ALL ".join(parts), pairs=", ".join(pairs))
    found: dict[str, list[Counted]] = {column: [] for column in columns}
    for row in engine.select(sql, params).to_pylist():
        found[row["field"]].append((row["value"], row["logs"]))
    return found


def _alone(engine: Engine, wanted: Filter, column: str, limit: int) -> list[Counted]:
    """Of a column that may have as many values as there are logs."""
    where, params = condition(wanted)
    sql = statement("counts", "top_values", column=values_of(column), where=where)
    table = engine.select(sql, {**params, "limit": limit})
    return list(zip(table["value"].to_pylist(), table["logs"].to_pylist(), strict=True))
