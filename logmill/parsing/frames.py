"""Accepted logs as columns of polars: the form that parsing, attributes and the conditions of rules work on."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from logmill.columns import OPTIONAL, Columns
from logmill.record import LEVELS

TIME = pl.Datetime("us", "UTC")
LEVEL = pl.Enum(LEVELS)


def series_of(columns: Columns) -> dict[str, pl.Series]:
    """The columns of these logs by name, as in `Entry`."""
    count = len(columns)
    metadata = pl.Series(list(map(bytes, columns.metadata)), dtype=pl.Binary).cast(pl.String)
    return {
        "timestamp": pl.Series(columns.timestamp, dtype=pl.Float64, strict=False).round().cast(pl.Int64).cast(TIME),
        "level": pl.Series(columns.level, dtype=LEVEL),
        "message": pl.Series(columns.message, dtype=pl.String),
        "service": pl.Series(columns.service, dtype=pl.String),
        "metadata": metadata,
        **{name: _text_or_empty(getattr(columns, name), count) for name in OPTIONAL},
    }


def _text_or_empty(values: Sequence[str], count: int) -> pl.Series:
    return pl.Series(values, dtype=pl.String) if values else pl.repeat("", count, dtype=pl.String, eager=True)
