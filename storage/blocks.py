"""Arrow blocks: what POST /ingest takes, checked before the engine sees it, and the identity of each row in them."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from logmill.errors import InvalidField, Refused, Undecodable
from logmill.record import COLUMNS, Column, Kind
from logmill.timestamps import MAX_US, MIN_US
from storage.engine.protocol import MAX_BLOCK_ROWS

# The form in which storage makes blocks itself, and in which blocks of other forms are brought together.
ARROW_TYPES: dict[Kind, pa.DataType] = {
    Kind.BATCH_ID: pa.large_binary(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.LABEL: pa.large_utf8(),
    Kind.TEXT: pa.large_utf8(),
    Kind.LABELS: pa.large_list(pa.large_utf8()),
    Kind.BOOL: pa.bool_(),
    Kind.U8: pa.uint8(),
    Kind.U16: pa.uint16(),
    Kind.U32: pa.uint32(),
    Kind.U64: pa.uint64(),
    Kind.F32_OR_NULL: pa.float32(),
}
SCHEMA = pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in COLUMNS])
_NAMES = [column.name for column in COLUMNS]
_BATCH_ID_BYTES = 16
_DAY_US = 86_400_000_000
# The partition is a day as the engine's Date has it: 1970 to 2149.
_LAST_PARTITION_US = 5_680_000_000_000_000


def warm_up() -> None:
    """Do once what is slow the first time: pyarrow imports pandas where it is installed, which takes over a second."""
    Rows(SCHEMA.empty_table())
    pa.array([""])


def decode(body: bytes) -> tuple[pa.Table, bytes | None]:
    """The block in an Arrow IPC stream, checked, each column one chunk; and the stream, if it is what the engine reads.

    The table refers to `body`.

    Raises:
        Undecodable: the bytes are no Arrow stream, or a damaged one.
        InvalidField: names the column at fault.
        Refused: it has no rows, more than MAX_BLOCK_ROWS, or other columns than the record.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            _check_schema(reader.schema)
            table = reader.read_all()
            table.validate(full=True)
    except pa.ArrowException as error:
        raise Undecodable(f"the body is no Arrow stream: {str(error)[:300]}", code="no_arrow_stream") from None
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        raise Undecodable(f"the Arrow stream is damaged: {str(error)[:300]}", code="no_arrow_stream") from None
    if table.num_rows == 0:
        raise Refused("the block holds no rows", code="empty")
    if table.num_rows > MAX_BLOCK_ROWS:
        raise Refused(f"{table.num_rows} rows, {MAX_BLOCK_ROWS} at most", code="too_many", status=413)
    for column in COLUMNS:
        _check_values(column, table[column.name])
    first_us, last_us = _range_us(table["received_at"])
    if first_us // _DAY_US != last_us // _DAY_US:
        raise InvalidField("received_at", "the block spans several days (UTC) of received_at", code="several_days")
    if first_us < 0 or last_us > _LAST_PARTITION_US:
        raise InvalidField("received_at", "received_at is outside the years 1970 to 2149")
    return _settled(table, body)


def encode(table: pa.Table) -> memoryview:
    """The Arrow IPC stream of `table`."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def newest_us(table: pa.Table) -> int:
    """The largest timestamp in microseconds."""
    return _range_us(table["timestamp"])[1]


def of_levels(table: pa.Table, levels: Collection[str]) -> pa.Table:
    """The rows of these levels; a copy, dictionaries too, so that it keeps nothing else in memory."""
    values = whole(table["level"])
    if pa.types.is_dictionary(values.type):
        wanted = pc.is_in(values.dictionary, value_set=pa.array(levels, values.dictionary.type)).take(values.indices)
    else:
        wanted = pc.is_in(values, value_set=pa.array(levels, values.type))
    return table.filter(wanted).cast(SCHEMA)


def row_numbers(count: int) -> pa.Array:
    """0, 1, … as int64."""
    return _numbers_below(1 << (count - 1).bit_length() if count else 0)[:count]


def whole(values: Any) -> pa.Array:
    """A column as one array."""
    if not isinstance(values, pa.ChunkedArray):
        return values
    return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()


class Rows:
    """The identities of a block's rows, comparable without a loop over them.

    Attributes:
        batch_ids: the distinct batch ids of the block.
        keys: one int64 a row: the place of its batch id in `batch_ids`, and its ordinal.
    """

    def __init__(self, table: pa.Table) -> None:
        encoded = whole(table["batch_id"]).cast(pa.large_binary()).dictionary_encode()
        self._distinct = encoded.dictionary
        self.batch_ids: list[bytes] = self._distinct.to_pylist()
        self.keys = _keys(encoded.indices, table["ordinal"])

    def are_distinct(self) -> bool:
        """Whether no row is in the block twice."""
        # Blocks of processors are in order, which a look at neighbours shows. A table of all keys takes megabytes that
        # the allocator gives back and gets anew each time: 0.5 us a row of faults, where this takes 0.01.
        if pc.all(pc.less(self.keys[:-1], self.keys[1:])).as_py() is not False:
            return True
        return bool(pc.count_distinct(self.keys).as_py() == len(self.keys))

    def firsts(self) -> pa.Array:
        """The places of the first row of each identity, ascending."""
        rows = pa.table({"key": self.keys, "row": row_numbers(len(self.keys))})
        firsts = whole(rows.group_by("key").aggregate([("row", "min")])["row_min"])
        return firsts.take(pc.sort_indices(firsts))

    def absent_from(self, stored: pa.Table) -> pa.Array:
        """A mask: true for each row whose identity is not in `stored`, a table of batch_id and ordinal."""
        batch_ids = stored["batch_id"].cast(pa.binary(_BATCH_ID_BYTES)).cast(pa.large_binary())
        indices = pc.index_in(batch_ids, value_set=self._distinct)
        return pc.invert(pc.is_in(self.keys, value_set=whole(_keys(indices, stored["ordinal"]))))


def _keys(batch_indices: Any, ordinals: Any) -> Any:
    return whole(pc.add(pc.shift_left(pc.cast(batch_indices, pa.int64()), 32), pc.cast(ordinals, pa.int64())))


@lru_cache(maxsize=32)
def _numbers_below(count: int) -> pa.Array:
    return pa.array(range(count), pa.int64())


def _settled(table: pa.Table, body: bytes) -> tuple[pa.Table, bytes | None]:
    """One chunk a column, and text in a form that every kernel and the engine read."""
    if any(_is_view(field.type) for field in table.schema):
        return table.cast(SCHEMA).combine_chunks(), None
    if all(column.num_chunks == 1 for column in table.columns):
        return table, body
    return table.cast(SCHEMA).combine_chunks(), body


def _check_schema(schema: pa.Schema) -> None:
    if schema.names != _NAMES:
        for name in _NAMES:
            if name not in schema.names:
                raise InvalidField(name, f"the column {name} is missing", code="missing_column")
        for name in schema.names:
            if name not in _NAMES:
                raise InvalidField(name[:100], f"there is no column {name[:100]!r}", code="unknown_column")
        raise Refused("the columns are not in the order of the record, or one is there twice", code="column_order")
    for column in COLUMNS:
        found = schema.field(column.name).type
        if not _fits(column.kind, found):
            wanted = ARROW_TYPES[column.kind]
            raise InvalidField(column.name, f"{column.name} must be {wanted}, not {found}", code="column_type")


def _fits(kind: Kind, found: pa.DataType) -> bool:
    if kind is Kind.BATCH_ID:
        return bool(pa.types.is_binary(found) or pa.types.is_large_binary(found) or found == pa.binary(_BATCH_ID_BYTES))
    if kind in {Kind.LABEL, Kind.TEXT}:
        return _is_text(found)
    if kind is Kind.LABELS:
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return bool(is_list and _is_text(found.value_type))
    return bool(found == ARROW_TYPES[kind])


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found))


def _is_view(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found) or pa.types.is_list(found) or pa.types.is_large_list(found):
        return _is_view(found.value_type)
    return bool(pa.types.is_string_view(found))


def _check_values(column: Column, values: pa.ChunkedArray) -> None:
    if column.kind is not Kind.F32_OR_NULL and (values.null_count or _has_inner_nulls(values)):
        raise InvalidField(column.name, f"{column.name} holds nulls", code="null")
    if column.kind is Kind.BATCH_ID:
        lengths = pc.min_max(pc.binary_length(values)).as_py()
        if lengths != {"min": _BATCH_ID_BYTES, "max": _BATCH_ID_BYTES}:
            raise InvalidField(column.name, f"a batch id has {_BATCH_ID_BYTES} bytes")
    elif column.kind is Kind.TIME:
        first_us, last_us = _range_us(values)
        if first_us < MIN_US or last_us > MAX_US:
            raise InvalidField(column.name, f"{column.name} is outside the years 1900 to 2200")


def _has_inner_nulls(values: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(values.type):
        return any(chunk.dictionary.null_count for chunk in values.chunks)
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        inner = pc.list_flatten(values)
        return bool(inner.null_count or _has_inner_nulls(inner))
    return False


def _range_us(times: pa.ChunkedArray) -> tuple[int, int]:
    found = pc.min_max(times.cast(pa.int64())).as_py()
    return found["min"], found["max"]
