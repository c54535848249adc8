"""Priority by level: ERROR and CRITICAL are high, WARNING is medium, the rest low."""

from __future__ import annotations

import polars as pl

from logmill.record import PRIORITY_OF_LEVEL

PRIORITY = pl.Enum(["low", "medium", "high"])


def add_priority(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `priority`."""
    return frame.with_columns(priority=pl.col("level").replace_strict(PRIORITY_OF_LEVEL, return_dtype=PRIORITY))
