"""A severity from 0 to 100 out of level and anomaly reasons, and its class."""

from __future__ import annotations

import polars as pl

OF_LEVEL = {"DEBUG": 10, "INFO": 20, "WARNING": 45, "ERROR": 70, "CRITICAL": 90}
FIRST_CLIENT_ERROR, FIRST_SERVER_ERROR = 400, 500
SERVER_ERROR, CLIENT_ERROR, SLOW, ERROR_CODE = 15, 5, 10, 5
CLASSES = pl.Enum(["low", "medium", "high", "critical"])
MEDIUM_FROM, HIGH_FROM, CRITICAL_FROM = 40, 65, 90


def add_severity(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `severity` and `severity_class`; needs `anomaly_reasons`."""
    status, reasons = pl.col("status_code"), pl.col("anomaly_reasons")
    score = (
        pl.col("level").replace_strict(OF_LEVEL, return_dtype=pl.UInt16)
        + pl.when(status >= FIRST_SERVER_ERROR)
        .then(SERVER_ERROR)
        .when(status >= FIRST_CLIENT_ERROR)
        .then(CLIENT_ERROR)
        .otherwise(0)
        + pl.when(reasons.list.contains("slow_response")).then(SLOW).otherwise(0)
        + pl.when(pl.col("error_code") != "").then(ERROR_CODE).otherwise(0)
    )
    frame = frame.with_columns(severity=score.clip(0, 100).cast(pl.UInt8))
    severity = pl.col("severity")
    return frame.with_columns(
        severity_class=pl.when(severity >= CRITICAL_FROM)
        .then(pl.lit("critical"))
        .when(severity >= HIGH_FROM)
        .then(pl.lit("high"))
        .when(severity >= MEDIUM_FROM)
        .then(pl.lit("medium"))
        .otherwise(pl.lit("low"))
        .cast(CLASSES)
    )
