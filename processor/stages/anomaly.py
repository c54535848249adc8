"""Flags a record as an anomaly, and says why: error level, status >= 500, slow response, an error code."""

from __future__ import annotations

import polars as pl

from processor.stages.labels import label_lists

FIRST_SERVER_ERROR = 500


def add_anomaly(frame: pl.DataFrame, slow_response_ms: float) -> pl.DataFrame:
    """Add `anomaly_reasons` and `anomaly`, which is whether there is a reason.

    Args:
        frame: with level, status_code, response_time_ms and error_code.
        slow_response_ms: from this response time on a record is an anomaly.
    """
    reasons = label_lists(
        frame,
        {
            "error_level": pl.col("level").is_in(["ERROR", "CRITICAL"]),
            "status_code": pl.col("status_code") >= FIRST_SERVER_ERROR,
            "slow_response": (pl.col("response_time_ms") >= slow_response_ms).fill_null(value=False),
            "error_code": pl.col("error_code") != "",
        },
    )
    return frame.with_columns(anomaly_reasons=reasons, anomaly=reasons.list.len() > 0)
