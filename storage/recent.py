"""The memory tier: the newest blocks as Arrow, answering what it can prove and nothing else.

The proof: `floor` is the largest timestamp of any stored row that is not in memory. Rows above it are all here, so a
page whose last row is younger than the floor is the page the engine would give. Where the first rows show that there
will not be such a page, the others are not looked through. The order is the same everywhere and total: timestamp, batch
id, ordinal, each descending.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from storage import reading
from storage.blocks import SCHEMA, newest_us, row_numbers, whole
from storage.search.filters import EVERYTHING, Filter, highest, lowest
from storage.search.masks import mask

# Blocks below this are brought together once there are this many of them: a block costs some 20 KB whatever it holds.
_SMALL_ROWS = 4096
_MAX_SMALL_BLOCKS = 16
# So many rows tell how many of all pass.
_SAMPLE_ROWS = 5000
_ORDER = [("timestamp", "descending"), ("batch_id", "descending"), ("ordinal", "descending")]


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in the order.

    Attributes:
        timestamp_us: microseconds since 1970-01-01 UTC.
        batch_id: 16 bytes.
        ordinal: within the batch.
    """

    timestamp_us: int
    batch_id: bytes
    ordinal: int


class _Block:
    """A table, its largest timestamp and, once somebody asks, its batches."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.newest_us = newest_us(table)
        self.size_bytes: int = table.nbytes

    @cached_property
    def batch_ids(self) -> frozenset[bytes]:
        """The distinct batch ids of the rows."""
        return frozenset(pc.unique(whole(self.table["batch_id"]).cast(pa.large_binary())).to_pylist())


class Recent:
    """The newest rows, bounded by count and bytes; safe for threads.

    Args:
        max_records: how many rows are kept at most.
        max_bytes: how many bytes they may take.
        floor_us: the largest timestamp on disk at the start; None where the store is empty.
    """

    def __init__(self, *, max_records: int, max_bytes: int, floor_us: int | None) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._floor_us = floor_us
        self._lock = threading.Lock()
        self._blocks: list[_Block] = []
        self.records = 0
        self.size_bytes = 0

    def push(self, table: pa.Table) -> None:
        """Take in rows that are stored; the block with the oldest newest row leaves when there are too many."""
        with self._lock:
            leaving: list[_Block] = []
            if table.num_rows < _SMALL_ROWS:
                small = [block for block in self._blocks if block.table.num_rows < _SMALL_ROWS]
                if len(small) + 1 >= _MAX_SMALL_BLOCKS:
                    leaving = small
                    table = pa.concat_tables([_plain(one) for one in (*(b.table for b in small), table)])
            fitting, left_out_us = self._fitting(table)
            # Made before the others leave: where there is no memory for it, they stay.
            block = _Block(fitting.combine_chunks() if leaving else fitting) if fitting.num_rows else None
            for one in leaving:
                self._remove(one)
            if left_out_us is not None:
                self._raise_floor(left_out_us)
            if block is not None:
                self._add(block)
            while self._blocks and (self.records > self._max_records or self.size_bytes > self._max_bytes):
                oldest = min(self._blocks, key=lambda block: block.newest_us)
                self._remove(oldest)
                self._raise_floor(oldest.newest_us)

    def miss(self, newest_missing_us: int) -> None:
        """Note that rows up to this timestamp may be on disk and are not here."""
        with self._lock:
            self._raise_floor(newest_missing_us)

    def drop(self, since_us: int, before_us: int) -> None:
        """Forget the rows that were received in this time: they are not stored any more."""
        bounds = [pa.scalar(us, pa.int64()) for us in (since_us, before_us)]
        with self._lock:
            for block in list(self._blocks):
                received = whole(block.table["received_at"]).cast(pa.int64())
                stays = pc.or_(pc.less(received, bounds[0]), pc.greater_equal(received, bounds[1]))
                if pc.all(stays).as_py():
                    continue
                left = block.table.filter(stays)
                # Made before the other leaves, as in `push`.
                fresh = _Block(_plain(left)) if left.num_rows else None
                self._remove(block)
                if fresh is not None:
                    self._add(fresh)

    def clear(self) -> None:
        """Forget all: the store is empty."""
        with self._lock:
            self._blocks.clear()
            self.records = self.size_bytes = 0
            self._floor_us = None

    def newest(self, wanted: Filter, limit: int, before: Place | None = None) -> pa.Table | None:
        """The newest `limit` rows that pass the filter, newest first, or None where memory cannot prove its answer.

        Args:
            wanted: the filter.
            limit: at least 1.
            before: where a page ended; only rows after it in the order are wanted.

        Raises:
            QueryTimeout: it took longer than the `storage.reading.Reading` in force allows.
            QueryCancelled: that was cancelled.
        """
        with self._lock:
            blocks = sorted(self._blocks, key=lambda block: block.newest_us, reverse=True)
            floor_us, rows = self._floor_us, self.records
        since_us = lowest(wanted, "timestamp")
        is_complete = floor_us is None or (since_us is not None and since_us > floor_us)
        keys: pa.Table | None = None
        seen = hits = 0
        is_from_newest = before is None and highest(wanted, "timestamp") is None
        for number, block in enumerate(blocks):
            reading.check()
            if not is_complete and floor_us is not None and block.newest_us <= floor_us:
                break
            if keys is not None and keys.num_rows == limit and block.newest_us < _last_us(keys):
                break
            found = _top(block.table, number, wanted, limit, before)
            if found is not None:
                keys = found if keys is None else _first(pa.concat_tables([keys, found]), limit)
                hits += found.num_rows
            # Where the newest logs are not asked for, the first that pass may be anywhere.
            seen += block.table.num_rows if hits or is_from_newest else 0
            # Half of what is needed, at least: logs are not evenly spread.
            if not is_complete and seen >= _SAMPLE_ROWS and hits * rows < limit * seen / 2:
                return None
        is_full = keys is not None and keys.num_rows == limit
        if not is_complete and not (
            is_full and keys is not None and floor_us is not None and _last_us(keys) > floor_us
        ):
            return None
        return SCHEMA.empty_table() if keys is None else _rows(blocks, keys)

    def find(self, batch_id: bytes, ordinal: int) -> pa.Table | None:
        """The row of this identity, or None where it is not in memory."""
        with self._lock:
            blocks = list(self._blocks)
        for block in reversed(blocks):
            if batch_id in block.batch_ids:
                ids = pc.equal(whole(block.table["batch_id"]).cast(pa.large_binary()), batch_id)
                found = block.table.filter(pc.and_(ids, pc.equal(whole(block.table["ordinal"]), ordinal)))
                if found.num_rows:
                    return _plain(found)
        return None

    def _fitting(self, table: pa.Table) -> tuple[pa.Table, int | None]:
        """The newest rows of a table, as many as there is room for, and the largest timestamp of the others."""
        room = min(self._max_records, table.num_rows * self._max_bytes // max(1, table.nbytes))
        if table.num_rows <= room:
            return table, None
        times = whole(table["timestamp"]).cast(pa.int64())
        order = pc.sort_indices(times, sort_keys=[("", "descending")])
        left_out_us: int = times[order[room].as_py()].as_py()
        return _plain(table.take(order[:room])), left_out_us

    def _add(self, block: _Block) -> None:
        self._blocks.append(block)
        self.records += block.table.num_rows
        self.size_bytes += block.size_bytes

    def _remove(self, block: _Block) -> None:
        self._blocks.remove(block)
        self.records -= block.table.num_rows
        self.size_bytes -= block.size_bytes

    def _raise_floor(self, us: int) -> None:
        self._floor_us = us if self._floor_us is None else max(self._floor_us, us)


def _top(table: pa.Table, number: int, wanted: Filter, limit: int, before: Place | None) -> pa.Table | None:
    """The keys of the block's newest rows that pass, in order, each with its place; None where none passes."""
    times = whole(table["timestamp"]).cast(pa.int64())
    rows = None
    if wanted != EVERYTHING or before is not None:
        passing = mask(table, wanted)
        rows = pc.indices_nonzero(passing if before is None else pc.and_(passing, _after(table, before)))
        times = times.take(rows)
    if len(times) == 0:
        return None
    if len(times) > limit:
        # Only rows at least as young as the limit-th can be on the page; ties stay in until they are ordered.
        last = times[pc.select_k_unstable(times, limit, [("", "descending")])[-1].as_py()]
        kept = pc.indices_nonzero(pc.greater_equal(times, last))
        rows = kept if rows is None else rows.take(kept)
    elif rows is None:
        rows = row_numbers(len(times))
    found = table.select(["timestamp", "batch_id", "ordinal"]).take(rows)
    columns = {
        "timestamp": found["timestamp"].cast(pa.int64()),
        "batch_id": found["batch_id"].cast(pa.large_binary()),
        "ordinal": found["ordinal"],
        "block": pa.array([number] * len(rows), pa.int64()),
        "row": pa.chunked_array([rows]).cast(pa.int64()),
    }
    return _first(pa.table(columns), limit)


def _after(table: pa.Table, place: Place) -> pa.Array:
    """Which rows come after this place in the order, newest first."""
    times = whole(table["timestamp"]).cast(pa.int64())
    ids = whole(table["batch_id"]).cast(pa.large_binary())
    ordinals = whole(table["ordinal"])
    same_batch = pc.and_(pc.equal(ids, place.batch_id), pc.less(ordinals, pa.scalar(place.ordinal, ordinals.type)))
    same_time = pc.and_(pc.equal(times, place.timestamp_us), pc.or_(pc.less(ids, place.batch_id), same_batch))
    return pc.or_(pc.less(times, place.timestamp_us), same_time)


def _first(keys: pa.Table, limit: int) -> pa.Table:
    return keys.take(pc.sort_indices(keys, sort_keys=_ORDER)[:limit])


def _last_us(keys: pa.Table) -> int:
    last: int = keys["timestamp"][-1].as_py()
    return last


def _rows(blocks: list[_Block], keys: pa.Table) -> pa.Table:
    """The whole rows of `keys`, in their order."""
    parts: list[pa.Table] = []
    places: list[pa.Array] = []
    for number in pc.unique(keys["block"]).to_pylist():
        at = pc.indices_nonzero(pc.equal(keys["block"], number))
        parts.append(_plain(blocks[number].table.take(keys["row"].take(at))))
        places.append(at)
    return pa.concat_tables(parts).take(pc.sort_indices(pa.concat_arrays(places)))


def _plain(table: pa.Table) -> pa.Table:
    """The table in the one schema that all blocks can be brought to."""
    return table.cast(SCHEMA)
