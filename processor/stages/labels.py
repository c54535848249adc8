"""Turns a few yes/no columns into one column of label lists, without building a list a row."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress, product

import polars as pl

MAX_FLAGS = 12


def label_lists(frame: pl.DataFrame, flags: Mapping[str, pl.Expr], none: str | None = None) -> pl.Series:
    """For each row the names of the flags that hold, in the order of `flags`, or `[none]` where none does.

    n flags have 2**n combinations: each is made once, and rows pick theirs by number.

    Args:
        frame: what the flags are computed on.
        flags: at most MAX_FLAGS, boolean and without nulls, by name.
        none: the label of a row where no flag holds; without it such a row has an empty list.
    """
    names = list(flags)
    if len(names) > MAX_FLAGS:
        raise ValueError(f"2**n lists are made for n flags; {MAX_FLAGS} at most")
    lists = [list(compress(names, bits)) for bits in product((0, 1), repeat=len(names))]
    if none is not None:
        lists[0] = [none]
    code = pl.sum_horizontal(
        expr.cast(pl.UInt32) * (1 << (len(names) - 1 - position)) for position, expr in enumerate(flags.values())
    )
    return pl.Series(lists, dtype=pl.List(pl.String)).gather(frame.select(code).to_series())
