"""The store: inserts each row exactly once, answers from memory where that is proven right, else from the engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import pyarrow as pa

from logmill.errors import Refused, StorageUnavailable
from logmill.record import URGENT_LEVELS
from logmill.results.summary import Summary
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import blocks, context, counting, facets, newest, patterns, results
from storage.engine import schema
from storage.engine.protocol import Engine
from storage.extent import Extent
from storage.identities import Identities
from storage.memory import Memory
from storage.recent import Place
from storage.rejections import WHOLE_BATCH, Rejections, table_of
from storage.retention.days import StoredDay, day_of, range_us
from storage.retention.horizon import Horizon
from storage.search.filters import EVERYTHING, Filter, both
from storage.statements import statement
from storage.tail import Tails

_LOOKUP_BATCHES = 5_000
# How long storing may wait for blocks before it, where the times of the logs are looked up anew.
_NARROW_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of a block: rows stored now, rows that were stored before, and rows of a day that was dropped."""

    stored: int
    duplicates: int
    expired: int = 0


class Store:
    """Logs on disk and the newest of them in memory; safe for threads.

    Args:
        engine: where the rows are kept; it is closed with the store.
        settings: those in force.
        arriving: what holds while rows are written, from before the first of them can be found.
        horizon: which days take rows.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        arriving: Callable[[pa.Table], AbstractContextManager[None]] = nullcontext,
        horizon: Horizon | None = None,
    ) -> None:
        self._engine = engine
        self.horizon = Horizon() if horizon is None else horizon
        self._arriving = arriving
        self._wait_s = settings.storage_timeout_s / 2
        schema.ensure(engine)
        extent = counting.extent_us(engine, EVERYTHING)
        batch = None if extent is None else engine.select(statement("logs", "newest_batch"))["newest"][0].as_py()
        self._identities = Identities(batch)
        self._extent = Extent(extent, self.disk_use()["logs"])
        self._deduplicates = settings.deduplicate
        self._min_free_bytes = settings.min_free_bytes
        self.rejections = Rejections(engine)
        self.tails = Tails(settings.max_tails)
        self.memory = Memory(
            max_records=settings.recent_max_records,
            max_bytes=settings.recent_max_bytes,
            floor_us=None if extent is None else extent[1],
            errors_floor_us=_us(
                engine.select(statement("logs", "newest_of_levels"), {"levels": URGENT_LEVELS})["newest"]
            ),
        )

    def warm_up(self) -> None:
        """Have the engine take one block and throw it away: its first insert takes over a second."""
        self._engine.insert(statement("engine", "insert_nowhere"), blocks.encode(pa.table({"nothing": [""]})))

    def insert(self, table: pa.Table, stream: bytes | None = None, *, check: bool = False) -> Stored:
        """Store what is not stored yet; on return it is on disk.

        Rows of a day that was dropped are not stored (again): that, too, is on disk, as rejections of their batches.

        Args:
            table: rows of one day of `received_at`, as `blocks.decode` lets through.
            stream: the Arrow stream that `table` came from, if the engine reads it; saves encoding it again.
            check: whether any of its batches may have been stored before, by this process or another.

        Raises:
            StorageUnavailable: the same call may succeed later; whether the rows are stored is not known, and the
                next call finds out.
        """
        self.check_room()
        day = _day_of(table)
        with self.horizon.writing(day) as is_open:
            if not is_open:
                return self._expire(table, day)
            with self._arriving(table):
                return self._insert(table, stream, check=check)

    def _expire(self, table: pa.Table, day: date) -> Stored:
        reason = (
            f"received on {day}, a day whose logs were deleted (LOGMILL_RETENTION_DAYS, LOGMILL_RETENTION_MAX_BYTES); "
            "if it was stored before, then with them"
        )
        now = now_us()
        batch_ids = blocks.Rows(table).batch_ids
        self.rejections.insert(table_of((one, WHOLE_BATCH, "expired", reason, "", now) for one in batch_ids))
        return Stored(stored=0, duplicates=0, expired=table.num_rows)

    def _insert(self, table: pa.Table, stream: bytes | None, *, check: bool) -> Stored:
        if not self._deduplicates:
            self._write(table, stream)
            return Stored(stored=table.num_rows, duplicates=0)
        rows = blocks.Rows(table)
        count = table.num_rows
        if not rows.are_distinct():
            table, stream = table.take(rows.firsts()), None
            rows = blocks.Rows(table)
        with self._identities.claim(rows.batch_ids, self._wait_s):
            suspects = rows.batch_ids if check else self._identities.maybe_stored(rows.batch_ids)
            known = self._stored_rows(suspects)
            if known is not None:
                table, stream = table.filter(rows.absent_from(known)), None
            if table.num_rows:
                self._identities.remember(rows.batch_ids)
                self._write(table, stream)
        return Stored(stored=table.num_rows, duplicates=count - table.num_rows)

    def check_room(self) -> None:
        """See whether there is room for more: merges and rejections need some of what is left.

        Raises:
            StorageUnavailable: there is less than `min_free_bytes`.
        """
        free_bytes = self._engine.free_bytes()
        if free_bytes is not None and free_bytes < self._min_free_bytes:
            raise StorageUnavailable(
                f"the disk is full: {free_bytes >> 20} MiB are free, LOGMILL_MIN_FREE_BYTES keeps "
                f"{self._min_free_bytes >> 20} MiB",
                retry_after_s=5,
            )

    @property
    def free_bytes(self) -> float:
        """Room on the engine's disk; not a number where it cannot be known."""
        found = self._engine.free_bytes()
        return math.nan if found is None else found

    def newest(self, wanted: Filter, limit: int, before: Place | None = None) -> tuple[pa.Table, str]:
        """The newest rows that pass the filter, newest first, and who answered: memory or engine.

        Args:
            wanted: the filter.
            limit: how many at most.
            before: where a page ended; only rows after it in the order are wanted.
        """
        rows = self.memory.newest(wanted, limit, before)
        return (self.newest_on_disk(wanted, limit, before), "engine") if rows is None else (rows, "memory")

    def newest_on_disk(self, wanted: Filter, limit: int, before: Place | None = None) -> pa.Table:
        """As `newest`, from the engine alone, where the size of an answer can be held to that of the reading."""
        return newest.newest(self._engine, self._extent, wanted, limit, before)

    def find(self, batch_id: UUID, ordinal: int) -> pa.Table:
        """The row of this identity, or a table of none; no query for a recent row, nor for one not stored yet."""
        if not self._identities.maybe_stored([batch_id.bytes]):
            return blocks.SCHEMA.empty_table()
        recent = self.memory.find(batch_id.bytes, ordinal)
        if recent is not None:
            return recent
        sql = statement("logs", "select_log", columns=schema.READ_LIST)
        return self._engine.select(sql, {"batch_id": batch_id.hex, "ordinal": ordinal})

    def around(self, row: pa.Table, count: int) -> tuple[pa.Table, pa.Table]:
        """As `context.around`."""
        return context.around(self._engine, row, count)

    def patterns(
        self, wanted: Filter, limit: int, bucket_count: int, *, is_clustered: bool
    ) -> tuple[patterns.Patterns, pa.Table]:
        """As `patterns.most_frequent`, and the newest log of each."""
        found = patterns.most_frequent(self._engine, wanted, limit, bucket_count, is_clustered=is_clustered)
        return found, patterns.examples(self._engine, found.shown)

    def results(self, wanted: Filter) -> Summary:
        """As `results.summary`."""
        return results.summary(self._engine, wanted)

    def count(self, wanted: Filter) -> int:
        """How many logs pass."""
        return counting.total(counting.counts(self._engine, wanted, extent=self._extent.us))

    def top(self, wanted: Filter, columns: Sequence[str], limit: int) -> dict[str, list[facets.Counted]]:
        """As `facets.top`."""
        extent = self._extent.us
        found = facets.top(self._engine, wanted, columns, limit, extent)
        if facets.is_certain(wanted, extent, self._extent.us):
            return found
        return facets.top(self._engine, wanted, columns, limit)

    def extent_us(self, wanted: Filter) -> tuple[int, int] | None:
        """As `counting.extent_us`."""
        return counting.extent_us(self._engine, wanted)

    def histogram(
        self, wanted: Filter, by: str, since_us: int, until_us: int, count: int
    ) -> tuple[counting.Buckets, pa.Table]:
        """Buckets of a usual width over a time range, at most `count` and one, and `counting.counts` of them.

        Logs before or after the range that are in a bucket count too, where the filter lets them pass: the ends of the
        buckets are whole minutes mostly, which a projection has.
        """
        buckets = counting.buckets_over(since_us, until_us, count)
        return buckets, counting.counts(self._engine, both(wanted, buckets.times), by, buckets, self._extent.us)

    def disk_use(self) -> dict[str, int]:
        """Bytes and parts on disk, and the logs in them."""
        found: dict[str, int] = self._engine.select(statement("logs", "disk_use")).to_pylist()[0]
        return found

    def days(self) -> list[StoredDay]:
        """The days of which there are logs, the oldest first."""
        found = self._engine.select(statement("logs", "stored_days")).to_pylist()
        # As the engine names them: 20260131.
        return [StoredDay(date.fromisoformat(one["day"]), one["logs"], one["bytes"]) for one in found]

    def drop(self, day: date) -> None:
        """Delete the logs that were received on a day, on disk and in memory, and the rejections of that time.

        The day must not take logs any more. May be called again, also where it ended early.
        """
        start_us, end_us = range_us(day)
        self._engine.run(statement("logs", "drop_day", day=f"{day:%Y%m%d}"))
        self.memory.drop(start_us, end_us)
        self.rejections.drop(end_us)
        # Else it is wider than it need be; storing is not held up for that.
        with suppress(StorageUnavailable), self._identities.alone(_NARROW_WAIT_S):
            self._extent.replace(counting.extent_us(self._engine, EVERYTHING), self.disk_use()["logs"])

    def clear(self) -> None:
        """Delete every log and every rejection, on disk and in memory."""
        with self._identities.alone(self._wait_s):
            self._engine.run(statement("logs", "clear_logs"))
            self.memory.clear()
            self._extent.clear()
            self._identities.forget_all()
            self.rejections.clear()

    def close(self) -> None:
        """Let go of the engine."""
        self._engine.close()

    def _stored_rows(self, batch_ids: list[bytes]) -> pa.Table | None:
        """The identities that are stored of these batches, None where there is none."""
        found = []
        for start in range(0, len(batch_ids), _LOOKUP_BATCHES):
            some = [batch_id.hex() for batch_id in batch_ids[start : start + _LOOKUP_BATCHES]]
            found.append(self._engine.select(statement("logs", "stored_rows"), {"batch_ids": some}))
        rows = pa.concat_tables(found) if found else None
        return rows if rows is not None and rows.num_rows else None

    def _write(self, table: pa.Table, stream: bytes | None) -> None:
        sql = statement("logs", "insert_logs", columns=schema.COLUMN_LIST)
        self._extent.widen(table)
        try:
            self._engine.insert(sql, blocks.encode(table) if stream is None else stream)
            self.memory.push(table)
            # After memory: a tail that opens meanwhile finds the rows there or here.
            self.tails.push(table)
        except Refused:
            raise
        except BaseException:
            # It may be on disk all the same, where memory does not see it.
            self.memory.miss(table)
            raise


def _us(times: pa.ChunkedArray) -> int | None:
    """The only one of these times as microseconds, None where there is none."""
    found: list[int] = times.cast(pa.int64()).to_pylist()
    return found[0] if found else None


def _day_of(table: pa.Table) -> date:
    """The day on which the rows of a block were received."""
    first: int = table["received_at"][:1].cast(pa.int64())[0].as_py()
    return day_of(first)
