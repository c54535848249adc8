"""Makes typed columns of the attributes that people filter on, which are in each record's metadata."""

from __future__ import annotations

import polars as pl

from logmill.parsing.attributes import attribute_columns


def add_attributes(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the attributes; what `attribute_columns` gives, of `metadata`."""
    return frame.hstack(attribute_columns(frame["metadata"]))
