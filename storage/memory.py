"""Recent logs in memory: a tier of all, and beside it one of errors, which a backlog of others cannot drive out."""

from __future__ import annotations

import pyarrow as pa

from logmill.record import URGENT_LEVELS
from storage.blocks import newest_us, of_levels
from storage.recent import Place, Recent
from storage.search.filters import Filter, only_values

# The tier of errors has this part of the other's room, beside it.
ERRORS_PART = 5
_URGENT = frozenset(URGENT_LEVELS)


class Memory:
    """Both tiers; safe for threads.

    Attributes:
        recent: the newest of all logs.
        errors: the newest of the levels in `URGENT_LEVELS`.

    Args:
        max_records: how many rows `recent` keeps at most.
        max_bytes: how many bytes they may take.
        floor_us: the largest timestamp on disk at the start; None where the store is empty.
        errors_floor_us: the same of errors.
    """

    def __init__(self, *, max_records: int, max_bytes: int, floor_us: int | None, errors_floor_us: int | None) -> None:
        self.recent = Recent(max_records=max_records, max_bytes=max_bytes, floor_us=floor_us)
        self.errors = Recent(
            max_records=max_records // ERRORS_PART, max_bytes=max_bytes // ERRORS_PART, floor_us=errors_floor_us
        )

    def push(self, table: pa.Table) -> None:
        """Take in rows that are stored. Where it raises, `miss` must be called for them."""
        errors = of_levels(table, URGENT_LEVELS)
        self.recent.push(table)
        if errors.num_rows:
            self.errors.push(errors)

    def miss(self, table: pa.Table) -> None:
        """Note that these rows may be on disk and are not here."""
        missing_us = newest_us(table)
        for tier in (self.recent, self.errors):
            tier.miss(missing_us)

    def drop(self, since_us: int, before_us: int) -> None:
        """Forget the rows that were received in this time: they are not stored any more."""
        for tier in (self.recent, self.errors):
            tier.drop(since_us, before_us)

    def clear(self) -> None:
        """Forget all: the store is empty."""
        for tier in (self.recent, self.errors):
            tier.clear()

    def newest(self, wanted: Filter, limit: int, before: Place | None = None) -> pa.Table | None:
        """As `Recent.newest`, from the tier that can prove its answer; errors first where only they are asked for."""
        levels = only_values(wanted, "level")
        if levels is not None and levels <= _URGENT:
            # They are few, and they reach further back.
            found = self.errors.newest(wanted, limit, before)
            if found is not None:
                return found
        return self.recent.newest(wanted, limit, before)

    def find(self, batch_id: bytes, ordinal: int) -> pa.Table | None:
        """As `Recent.find`."""
        found = self.recent.find(batch_id, ordinal)
        return self.errors.find(batch_id, ordinal) if found is None else found
