"""What stands around a log: those before and after it from the same source."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from storage import render
from storage.engine import schema
from storage.engine.protocol import Engine, Value
from storage.recent import Place
from storage.statements import statement


def around(engine: Engine, row: pa.Table, count: int) -> tuple[pa.Table, pa.Table]:
    """The logs before and after one in the order (timestamp, batch id, ordinal), both oldest first.

    Only those of the same service, host and file. Both are read in the order of the table, from the log on, and end at
    the `count`-th that is found; where there are few, that is at the end of the table.

    Args:
        engine: where they are.
        row: the one log.
        count: how many at most on each side.

    Raises:
        QueryTimeout: there are few, and the table is long.
    """
    source: dict[str, Value] = {name: row[name][0].as_py() for name in ("service", "host", "file")}
    params = {**source, **place_params(place_of(row)), "limit": count}
    newest_first = _select(engine, "logs", "select_logs", ("predicates", "after_place"), params)
    after = _select(engine, "context", "select_upwards", ("context", "before_place"), params)
    upwards = pa.array(range(newest_first.num_rows - 1, -1, -1), pa.int64())
    return newest_first.take(upwards), after


def place_of(rows: pa.Table, at: int = 0) -> Place:
    """Where one of these rows stands in the order."""
    one = rows.slice(at, 1)
    return Place(render.times_us(one, "timestamp")[0], one["batch_id"][0].as_py(), one["ordinal"][0].as_py())


def place_params(place: Place) -> dict[str, Value]:
    """What `after_place` and `before_place` bind."""
    return {
        "place_us": place.timestamp_us,
        "place_batch": place.batch_id.hex(),
        "place_ordinal": place.ordinal,
    }


def _select(engine: Engine, file: str, name: str, side: tuple[str, str], params: Mapping[str, Value]) -> pa.Table:
    where = f"({statement('context', 'same_source')}) AND ({statement(*side)})"
    lists = {"columns": schema.READ_LIST, "kept": schema.KEPT_LIST}
    return engine.select(statement(file, name, **lists, where=where, settings=""), params)
