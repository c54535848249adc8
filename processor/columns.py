"""Batches to one DataFrame of raw columns, and an enriched DataFrame to the Arrow block that storage takes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import chain, repeat

import polars as pl

from logmill.columns import concat
from logmill.parsing.frames import TIME, series_of
from logmill.record import COLUMNS, Kind
from logmill.wire import Batch

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
_LABELS = frozenset(column.name for column in COLUMNS if column.kind is Kind.LABEL)


def to_frame(batches: Sequence[Batch]) -> pl.DataFrame:
    """One row a record, in the order of batches and ordinals; columns as in `Entry`, and identity."""
    columns = concat([batch.columns for batch in batches])
    sizes = [len(batch.columns) for batch in batches]
    ids = pl.Series([batch.batch_id.bytes for batch in batches], dtype=pl.Binary)
    received = pl.Series([batch.received_at for batch in batches], dtype=pl.Int64).cast(TIME)
    batch_index = pl.Series(list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))), dtype=pl.UInt32)
    return pl.DataFrame(
        {
            "batch_id": ids.gather(batch_index),
            "ordinal": pl.Series(list(chain.from_iterable(map(range, sizes))), dtype=pl.UInt32),
            "received_at": received.gather(batch_index),
            **series_of(columns),
        }
    )


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
