"""Brings fields to one form: trimmed services, upper-case methods, trace ids wherever they were given."""

from __future__ import annotations

import polars as pl

from logmill.record import DEFAULT_SERVICE


def normalise(frame: pl.DataFrame) -> pl.DataFrame:
    """Trim `service`, upper-case `method`, take trace and span ids from metadata where the record has none."""
    service = pl.col("service").str.strip_chars()
    return frame.with_columns(
        service=pl.when(service == "").then(pl.lit(DEFAULT_SERVICE)).otherwise(service),
        method=pl.col("method").str.to_uppercase(),
        trace_id=_first(pl.col("trace_id"), pl.col("meta_trace_id")),
        span_id=_first(pl.col("span_id"), pl.col("meta_span_id")),
    ).drop("meta_trace_id", "meta_span_id")


def _first(own: pl.Expr, fallback: pl.Expr) -> pl.Expr:
    return pl.when(own == "").then(fallback).otherwise(own)
