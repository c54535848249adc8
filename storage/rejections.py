"""Rejections: logs, or whole batches, that were accepted and are not stored, and why."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import pyarrow as pa

from storage import blocks
from storage.engine.protocol import Engine
from storage.statements import statement

WHOLE_BATCH = -1
_SCHEMA = pa.schema(
    [
        ("batch_id", pa.large_binary()),
        ("ordinal", pa.int64()),
        ("code", pa.large_utf8()),
        ("reason", pa.large_utf8()),
        ("lane", pa.large_utf8()),
        ("at", pa.timestamp("us", tz="UTC")),
    ]
)


def table_of(rows: Iterable[tuple[bytes, int, str, str, str, int]]) -> pa.Table:
    """The table of rows; there is at least one.

    Args:
        rows: batch id, ordinal or WHOLE_BATCH, code, reason, lane, and when it was, in microseconds.
    """
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=_SCHEMA)


class Rejections:
    """Those of one store; safe for threads. All methods raise as the engine's do."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def insert(self, table: pa.Table) -> None:
        """Keep rejections; the same one again replaces itself."""
        self._engine.insert(statement("rejections", "insert_rejections"), blocks.encode(table))

    def newest(self, limit: int) -> pa.Table:
        """The newest ones."""
        return self._engine.select(statement("rejections", "select_rejections"), {"limit": limit})

    def of(self, batch_id: UUID, ordinal: int) -> pa.Table:
        """Why this log, or the batch it came in, was rejected; a table of one row or none."""
        sql = statement("rejections", "select_rejection")
        return self._engine.select(sql, {"batch_id": batch_id.hex, "ordinal": ordinal})

    def counts(self, limit: int) -> dict[str, int]:
        """How many there are by their code, the most frequent first."""
        found = self._engine.select(statement("rejections", "count_rejections"), {"limit": limit})
        return dict(zip(found["code"].to_pylist(), found["rejections"].to_pylist(), strict=True))

    def drop(self, before_us: int) -> None:
        """Delete those of the time before, in the background."""
        self._engine.run(statement("rejections", "drop_rejections", before_us=str(before_us)))

    def clear(self) -> None:
        """Delete all."""
        self._engine.run(statement("rejections", "clear_rejections"))
