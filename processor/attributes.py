"""Reads the attributes that people filter on out of each record's metadata, in one typed pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl
from msgspec import Raw

Text = str | int | float | None
STATUS_END = 1000


class Attributes(msgspec.Struct, gc=False):
    """What metadata may say under the names that people use; a name that is missing here stays metadata only."""

    status_code: int | str | float | None = None
    status: Any = None
    http_status: int | str | float | None = None
    response_time_ms: float | str | None = None
    response_time: float | str | None = None
    duration_ms: float | str | None = None
    method: str | None = None
    path: str | None = None
    user_id: Text = None
    request_id: Text = None
    error_code: Text = None
    trace_id: Text = None
    span_id: Text = None


NOTHING = Attributes()
_decode = msgspec.json.Decoder(Attributes).decode


def read_attributes(metadata: Sequence[Raw]) -> list[Attributes]:
    """The attributes of each metadata object; a value of a type that its name cannot have is passed over."""
    try:
        return [_decode(raw) for raw in metadata]
    except (msgspec.DecodeError, RecursionError):
        return [_read_one(raw) for raw in metadata]


def _read_one(raw: Raw) -> Attributes:
    try:
        return _decode(raw)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Raw])
    except (msgspec.DecodeError, RecursionError):
        return NOTHING
    found = Attributes()
    for name in Attributes.__struct_fields__:
        if name in fields:
            try:
                one = _decode(b'{"%s":%s}' % (name.encode(), bytes(fields[name])))
            except (msgspec.DecodeError, RecursionError):
                continue
            setattr(found, name, getattr(one, name))
    return found


def attribute_columns(found: Sequence[Attributes]) -> dict[str, pl.Series]:
    """The attributes as columns of the types that storage keeps; missing text is "", a missing status 0.

    `meta_trace_id` and `meta_span_id` are for records that name none of their own.
    """
    return {
        "status_code": pl.Series("status_code", [_status(a) for a in found], dtype=pl.UInt16),
        "response_time_ms": pl.Series("response_time_ms", [_milliseconds(a) for a in found], dtype=pl.Float32),
        **{name: _texts(name, [getattr(a, name) for a in found]) for name in ("method", "path", "user_id")},
        **{name: _texts(name, [getattr(a, name) for a in found]) for name in ("request_id", "error_code")},
        "meta_trace_id": _texts("meta_trace_id", [a.trace_id for a in found]),
        "meta_span_id": _texts("meta_span_id", [a.span_id for a in found]),
    }


def _texts(name: str, values: list[Any]) -> pl.Series:
    try:
        series = pl.Series(name, values, dtype=pl.String)
    except TypeError:  # numbers among them
        series = pl.Series(name, [None if v is None else str(v) for v in values], dtype=pl.String)
    return series.fill_null("")


def _status(found: Attributes) -> int:
    code = found.status_code
    if type(code) is int:
        return code if 0 < code < STATUS_END else 0
    for value in (code, found.http_status, found.status):
        number = _number(value)
        if number is not None and number == int(number) and 0 < number < STATUS_END:
            return int(number)
    return 0


def _milliseconds(found: Attributes) -> float | None:
    sent = found.response_time_ms
    if type(sent) is float:
        return sent
    for value in (sent, found.response_time, found.duration_ms):
        number = _number(value)
        if number is not None:
            return number
    return None


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None
