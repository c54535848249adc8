"""The newest logs that pass a filter, from disk: looked for in the latest times first.

A search from the newest log on stops where it has enough, but what the engine prepares for it grows with the range it
is asked about: every part is opened, every index looked at. So the first look is at about as much as should do, the
second at what the hits of the first suggest, and the third at all that is left. The looks do not overlap, and the first
and the last have no end, so which logs are found does not depend on what was guessed. What is rare and has an index is
looked for everywhere at once: each look costs 10 ms, however little it looks at. How many logs have a value that a
projection counts is asked first. A range whose hits are known to be about as many as are wanted is read as a whole,
which all cores do, and not from its newest log on.
"""

from __future__ import annotations

import pyarrow as pa

from logmill.errors import Refused
from storage import blocks, context
from storage.engine import schema
from storage.engine.protocol import Engine, Value
from storage.extent import Extent
from storage.reading import current
from storage.recent import Place
from storage.search.filters import (
    EVERYTHING,
    And,
    AnyOf,
    Between,
    Bounds,
    Filter,
    Identity,
    Words,
    apart,
    both,
    highest,
    lowest,
)
from storage.search.sql import condition
from storage.statements import statement

# Of these ids few logs have the same.
_RARE = frozenset({"request_id", "trace_id", "span_id", "path"})
# Which values are rare is known of these.
_COUNTED = frozenset(schema.VALUES) - _RARE
_FIRST_LOGS = 250_000
# Logs are not evenly spread.
_FEWEST = 1000
# How much more a look takes in than should do.
_SPARE = 1.5
# More rows are not put in order after they are read, which takes memory for all that pass.
_FEW = 1000


def newest(engine: Engine, extent: Extent, wanted: Filter, limit: int, before: Place | None = None) -> pa.Table:
    """The newest rows that pass, newest first.

    Args:
        engine: where they are.
        extent: between which times, and how many; only what is looked at first depends on it.
        wanted: the filter.
        limit: how many at most.
        before: where a page ended; only rows after it in the order are wanted.

    Raises:
        Refused: they are larger than the reading in force allows.
    """
    high_us, low_us = _range(extent, wanted, before)
    span_us = high_us - low_us
    most = _most(engine, wanted)
    if most == 0:
        return blocks.SCHEMA.empty_table()
    width_us = span_us * _first_share(extent, wanted, limit, span_us, most)
    found: list[pa.Table] = []
    needed, end_us = limit, None
    is_known = most is not None and _is_counted(apart(wanted, "timestamp")[1])
    for _ in range(2):
        start_us = int((high_us if end_us is None else end_us) - width_us)
        if width_us <= 0 or start_us - low_us < width_us:
            break
        within = Bounds(start_us, end_us, with_high=False)
        found.append(_look(engine, wanted, within, needed, before, at_once=is_known))
        hits = found[-1].num_rows
        needed, end_us = needed - hits, start_us
        if not needed:
            return _joined(found)
        if not hits:
            break
        width_us *= needed / hits * _SPARE
    is_few = most is not None and most <= limit * _SPARE
    found.append(_look(engine, wanted, Bounds(None, end_us, with_high=False), needed, before, at_once=is_few))
    return _joined(found)


def _most(engine: Engine, wanted: Filter) -> int | None:
    """How many logs pass at most, where a projection can say."""
    if isinstance(wanted, And):
        return next((most for most in (_most(engine, part) for part in wanted.parts) if most is not None), None)
    if not _is_counted(wanted):
        return None
    where, params = condition(wanted)
    found: int = engine.select(statement("logs", "count_of_value", where=where), params)["logs"][0].as_py()
    return found


def _range(extent: Extent, wanted: Filter, before: Place | None) -> tuple[int, int]:
    """The last and the first time at which logs that pass may lie, as far as that is known."""
    first_us, last_us = extent.us
    lasts = [last_us, highest(wanted, "timestamp"), None if before is None else before.timestamp_us]
    return (
        int(min(one for one in lasts if one is not None)),
        int(max(one for one in (first_us, lowest(wanted, "timestamp")) if one is not None)),
    )


def _is_counted(wanted: Filter) -> bool:
    """Whether a projection knows how many logs of all times pass."""
    return isinstance(wanted, AnyOf) and wanted.column in _COUNTED


def _first_share(extent: Extent, wanted: Filter, limit: int, span_us: int, most: int | None) -> float:
    """The part of the range that is looked at first.

    Args:
        extent: as in `newest`.
        wanted: the filter.
        limit: how many are wanted.
        span_us: the length of the range.
        most: how many logs of all times may pass, None where that is not known.
    """
    whole_us = extent.us[1] - extent.us[0]
    if span_us <= 0 or whole_us <= 0:
        return 1.0
    logs = extent.logs * min(1.0, span_us / whole_us)
    rest = apart(wanted, "timestamp")[1]
    if _is_rare(rest):
        return 1.0
    # Where nothing but time is asked about, each log is a hit.
    is_any = rest == EVERYTHING
    first = max(_FEWEST, limit * _SPARE) if is_any else max(_FIRST_LOGS, limit * _SPARE)
    if most is not None:
        enough = limit * _SPARE / most * extent.logs
        first = max(_FEWEST if _is_counted(rest) else _FIRST_LOGS, enough)
    return min(1.0, first / max(logs, 1.0))


def _is_rare(wanted: Filter) -> bool:
    """Whether few logs may pass, and an index knows which."""
    match wanted:
        case And(parts):
            return any(_is_rare(part) for part in parts)
        case AnyOf(column):
            return column in _RARE
        case Words() | Identity():
            return True
        case _:
            return False


def _look(
    engine: Engine, wanted: Filter, within: Bounds, limit: int, before: Place | None, *, at_once: bool
) -> pa.Table:
    where, params = condition(both(wanted, Between("timestamp", within)))
    values: dict[str, Value] = {**params, "limit": limit}
    if before is not None:
        where = f"({where}) AND ({statement('predicates', 'after_place')})"
        values |= context.place_params(before)
    settings = statement("logs", "at_once") if at_once and limit <= _FEW else ""
    lists = {"columns": schema.READ_LIST, "kept": schema.KEPT_LIST}
    sql = statement("logs", "select_logs", **lists, where=where, settings=settings)
    return engine.select(sql, values)


def _joined(found: list[pa.Table]) -> pa.Table:
    rows = found[0] if len(found) == 1 else pa.concat_tables(found)
    reading = current()
    # The engine holds each look to it.
    if len(found) > 1 and reading is not None and reading.max_bytes is not None and rows.nbytes > reading.max_bytes:
        raise Refused("the answer is too large; narrow the query", code="too_large", status=413)
    return rows
