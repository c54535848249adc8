"""Reads the attributes that people filter on out of the metadata of logs, and makes typed columns of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import polars as pl

from logmill.parsing.attribute_names import (
    FIRST_STATUS,
    LAST_STATUS,
    NAMES,
    STATUS_NAMES,
    TEXT_NAMES,
    TIME_NAMES,
    TRACE_NAMES,
)

_FIELDS = pl.Struct(dict.fromkeys(NAMES, pl.String))


def attribute_columns(metadata: pl.Series) -> pl.DataFrame:
    """The attributes of each metadata object as columns of the types that storage keeps.

    Missing text is "", a missing status 0; a value that its column cannot have is passed over. `meta_trace_id` and
    `meta_span_id` are for records that name none of their own.

    Args:
        metadata: JSON objects as text.
    """
    texts = _read(metadata).struct.unnest()
    return texts.select(
        status_code=_first(texts, STATUS_NAMES, _status).fill_null(0).cast(pl.UInt16),
        response_time_ms=_first(texts, TIME_NAMES, _milliseconds).cast(pl.Float32),
        **{name: pl.col(name).fill_null("") for name in TEXT_NAMES},
        **{f"meta_{name}": pl.col(name).fill_null("") for name in TRACE_NAMES},
    )


def _first(texts: pl.DataFrame, names: Sequence[str], valid: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """The value of the first name that has a valid one; names that nobody used cost nothing."""
    used = [valid(pl.col(name)) for name in names if texts[name].null_count() < texts.height]
    return pl.coalesce(used) if used else pl.repeat(None, pl.len(), dtype=pl.Float32)


def _status(text: pl.Expr) -> pl.Expr:
    """A whole number that a status can be, else null: under `status` a word is as frequent."""
    number = text.cast(pl.Float32, strict=False)
    return pl.when(number.is_between(FIRST_STATUS, LAST_STATUS) & (number == number.floor())).then(number)


def _milliseconds(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float32, strict=False)
    return pl.when(number.is_finite()).then(number)


def _read(metadata: pl.Series) -> pl.Series:
    """The fields as text. An array or object among them fails the whole column; then each row is read alone."""
    try:
        found = metadata.str.json_decode(_FIELDS)
    except pl.exceptions.ComputeError:
        found = None
    # A row that is no JSON at all would be left out, and every later one would slip up by one.
    if found is None or len(found) != len(metadata):
        return pl.Series([_read_one(text) for text in metadata], dtype=_FIELDS)
    return found


def _read_one(text: str) -> dict[str, str]:
    try:
        fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return {}
    found = {}
    for name in NAMES:
        if name in fields:
            value = _scalar(fields[name])
            if value is not None:
                found[name] = value
    return found


def _scalar(raw: msgspec.Raw) -> str | None:
    """A JSON scalar as text, as the column reader above would give it; None for null, arrays and objects."""
    text = bytes(raw).strip()
    if text[:1] in {b"[", b"{", b"n"}:
        return None
    if text[:1] == b'"':
        try:
            return str(msgspec.json.decode(text))
        except msgspec.DecodeError:
            return None
    return text.decode()
