"""A severity from 0 to 100 out of level and anomaly reasons, and its class."""

from __future__ import annotations

import polars as pl

from logmill.record import SEVERITY_CLASSES, SEVERITY_OF_LEVEL

FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 400, 500
SERVER_ERROR, CLIENT_ERROR, SLOW, ERROR_CODE = 15, 5, 10, 5
CLASSES = pl.Enum([name for name, _from in reversed(SEVERITY_CLASSES)])


def add_severity(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `severity` and `severity_class`; needs `anomaly_reasons`."""
    status, reasons = pl.col("status_code"), pl.col("anomaly_reasons")
    score = (
        pl.col("level").replace_strict(SEVERITY_OF_LEVEL, return_dtype=pl.UInt16)
        + pl.when(status >= FIRST_SERVER_ERROR)
        .then(SERVER_ERROR)
        .when(status >= FIRST_CLIENT_ERROR)
        .then(CLIENT_ERROR)
        .otherwise(0)
        + pl.when(reasons.list.contains("slow_response")).then(SLOW).otherwise(0)
        + pl.when(pl.col("error_code") != "").then(ERROR_CODE).otherwise(0)
    )
    frame = frame.with_columns(severity=score.clip(0, 100).cast(pl.UInt8))
    severity_class = pl.coalesce(
        pl.when(pl.col("severity") >= bound).then(pl.lit(name, dtype=CLASSES)) for name, bound in SEVERITY_CLASSES
    )
    return frame.with_columns(severity_class=severity_class)
