"""Batches to one DataFrame of raw columns, and an enriched DataFrame to the Arrow block that storage takes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from operator import attrgetter

import polars as pl

from logmill.record import COLUMNS, LEVELS, Kind
from logmill.wire import Batch
from processor.attributes import attribute_columns

TIME = pl.Datetime("us", "UTC")
DTYPES: dict[Kind, pl.DataType | type[pl.DataType]] = {
    Kind.BATCH_ID: pl.Binary,
    Kind.TIME: TIME,
    Kind.LABEL: pl.String,
    Kind.TEXT: pl.String,
    Kind.LABELS: pl.List(pl.String),
    Kind.BOOL: pl.Boolean,
    Kind.U8: pl.UInt8,
    Kind.U16: pl.UInt16,
    Kind.U32: pl.UInt32,
    Kind.U64: pl.UInt64,
    Kind.F32_OR_NULL: pl.Float32,
}
STORED: dict[str, pl.DataType | type[pl.DataType]] = {column.name: DTYPES[column.kind] for column in COLUMNS}
LEVEL = pl.Enum(LEVELS)
_LABELS = frozenset(column.name for column in COLUMNS if column.kind is Kind.LABEL)

_TEXTS = (
    "message", "service", "original_level", "client_id", "trace_id", "span_id", "host", "file", "protocol"
)  # fmt: skip


def to_frame(batches: Sequence[Batch]) -> pl.DataFrame:
    """One row a record, in the order of batches and ordinals; columns as in `Entry`, identity, and attributes."""
    entries = [entry for batch in batches for entry in batch.entries]
    batch_index = pl.Series([k for k, batch in enumerate(batches) for _ in batch.entries], dtype=pl.UInt32)
    ordinals = [ordinal for batch in batches for ordinal in range(len(batch.entries))]
    metadata = pl.Series([bytes(entry.metadata) for entry in entries], dtype=pl.Binary).cast(pl.String)
    own = pl.DataFrame(
        {
            "batch_id": pl.Series([b.batch_id.bytes for b in batches], dtype=pl.Binary).gather(batch_index),
            "ordinal": pl.Series(ordinals, dtype=pl.UInt32),
            "timestamp": pl.Series([entry.timestamp for entry in entries], dtype=pl.Int64).cast(TIME),
            "received_at": pl.Series([b.received_at for b in batches], dtype=pl.Int64).gather(batch_index).cast(TIME),
            "level": pl.Series([entry.level for entry in entries], dtype=LEVEL),
            **{name: pl.Series(list(map(attrgetter(name), entries)), dtype=pl.String) for name in _TEXTS},
            "metadata": metadata,
        }
    )
    return own.hstack(attribute_columns(metadata))


def to_arrow(frame: pl.DataFrame) -> bytes:
    """The block as an Arrow IPC stream with exactly the stored columns, in their order.

    Labels travel as dictionaries, and so does text that is empty throughout: a third less to write, and the engine
    takes a dictionary into its own as it is. Each block has dictionaries of its own (`pl.Enum`), since polars keeps
    every value of a `pl.Categorical` that a process ever saw, and service names have no bound.
    """
    stream = io.BytesIO()
    frame.select(map(_as_dictionary, frame.select(*STORED))).rechunk().write_ipc_stream(
        stream, compression="uncompressed", compat_level=pl.CompatLevel.oldest()
    )
    return stream.getvalue()


def _as_dictionary(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String or (column.name not in _LABELS and (column != "").any()):
        return column
    return column.cast(pl.Enum(column.unique()))
