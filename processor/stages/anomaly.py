"""Flags a record as an anomaly by the rules of the section `anomalies`, and says why."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from logmill.rules.conditions import with_text
from logmill.rules.labels import label_lists


def add_anomaly(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Add `anomaly_reasons` and `anomaly`, which is whether there is a reason.

    Args:
        frame: with the columns that conditions look at.
        rules: whether a log is an anomaly for the reason, by reason.
    """
    reasons = label_lists(with_text(frame), rules)
    return frame.with_columns(anomaly_reasons=reasons, anomaly=reasons.list.len() > 0)
