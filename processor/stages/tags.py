"""Tags a record by the rules of the section `tags`; general where none is for it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from logmill.rules.conditions import with_text
from processor.stages.labels import label_lists

NO_TAG = "general"


def add_tags(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Add `tags`.

    Args:
        frame: with the columns that conditions look at.
        rules: whether a log has the tag, by tag.
    """
    return frame.with_columns(tags=label_lists(with_text(frame), rules, NO_TAG))
