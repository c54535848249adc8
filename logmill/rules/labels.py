"""Turns yes/no columns into one column of label lists, without building a list a row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

import polars as pl

# Flags that one number holds.
_BITS = 63


def label_lists(frame: pl.DataFrame, flags: Mapping[str, pl.Expr], none: str | None = None) -> pl.Series:
    """For each row the names of the flags that hold, in the order of `flags`, or `[none]` where none does.

    Few combinations of flags occur: each is made into a list once, and rows pick theirs.

    Args:
        frame: what the flags are computed on.
        flags: boolean and without nulls, by name.
        none: the label of a row where no flag holds; without it such a row has an empty list.
    """
    names = list(flags)
    empty = [] if none is None else [none]
    if not names:
        return pl.repeat(empty, frame.height, dtype=pl.List(pl.String), eager=True)
    parts = [names[start : start + _BITS] for start in range(0, len(names), _BITS)]
    codes = frame.select(_code([flags[name] for name in part]).alias(str(n)) for n, part in enumerate(parts))
    distinct = codes.unique(maintain_order=True)
    lists = [
        [name for code, part in zip(row, parts, strict=True) for bit, name in enumerate(part) if code >> bit & 1]
        or empty
        for row in distinct.iter_rows()
    ]
    found = distinct.with_columns(labels=pl.Series(lists, dtype=pl.List(pl.String)))
    return codes.join(found, on=list(codes.columns), how="left", maintain_order="left")["labels"]


def _code(flags: list[pl.Expr]) -> pl.Expr:
    """The flags as the bits of one number."""
    return reduce(or_, (flag.cast(pl.Int64) * (1 << bit) for bit, flag in enumerate(flags)))
