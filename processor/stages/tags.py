"""Tags a record by the rules of the section `tags`, and with the tags it came with."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from logmill.rules.tags import tags_of


def add_tags(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Add `tags`.

    Args:
        frame: with the columns that conditions look at.
        rules: whether a log has the tag, by tag.
    """
    return frame.with_columns(tags=tags_of(frame, rules))
