"""Tags a record by what it is known to be, the rules of the section `tags`, and what it came with; else as general."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from logmill.rules.tags import tags_of


def add_tags(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Add `tags`.

    Args:
        frame: with the columns that conditions look at, and `tag`: one that the log has whatever the rules say.
        rules: whether a log has the tag, by tag.
    """
    known = _known(frame, rules)
    flags = {**known, **{tag: holds for tag, holds in rules.items() if tag not in known}}
    return frame.with_columns(tags=tags_of(frame, flags))


def _known(frame: pl.DataFrame, rules: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Whether a log has the tag, for those that any of these is known to have."""
    if "tag" not in frame.columns:
        return {}
    tags = [tag for tag in frame["tag"].unique().sort() if tag]
    return {tag: rules[tag] | (pl.col("tag") == tag) if tag in rules else pl.col("tag") == tag for tag in tags}
