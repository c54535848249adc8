"""A severity from 0 to 100, of the level and the rules of the section `severity`, and its class."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from logmill.record import SEVERITY_CLASSES, SEVERITY_OF_LEVEL
from logmill.rules.conditions import with_text

CLASSES = pl.Enum([name for name, _from in reversed(SEVERITY_CLASSES)])


def add_severity(frame: pl.DataFrame, rules: Sequence[tuple[pl.Expr, int]]) -> pl.DataFrame:
    """Add `severity` and `severity_class`.

    Args:
        frame: with the columns that conditions look at.
        rules: for which logs how much is added.
    """
    score = pl.col("level").replace_strict(SEVERITY_OF_LEVEL, return_dtype=pl.Int32)
    for condition, points in rules:
        score += condition.cast(pl.Int32) * points
    severity = with_text(frame).select(severity=score.clip(0, 100).cast(pl.UInt8)).to_series()
    frame = frame.with_columns(severity=severity)
    severity_class = pl.coalesce(
        pl.when(pl.col("severity") >= bound).then(pl.lit(name, dtype=CLASSES)) for name, bound in SEVERITY_CLASSES
    )
    return frame.with_columns(severity_class=severity_class)
