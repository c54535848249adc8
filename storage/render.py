"""Logs as JSON answers show them, from Arrow rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
import pyarrow as pa

from logmill import parts, timestamps
from logmill.ids import log_id
from logmill.record import COLUMNS, Kind
from storage.engine.protocol import MAX_BLOCK_ROWS

# One log, as JSON answers show it.
Log: TypeAlias = dict[str, Any]

# Shown only where a log has them: the absent value of each such column.
OPTIONAL: dict[str, Any] = {
    **dict.fromkeys(("original_level", "client_id", "method", "path", "user_id", "request_id", "error_code"), ""),
    "status_code": 0,
    "response_time_ms": None,
}
SOURCE = ("host", "file", "protocol")
_SPECIAL = {"batch_id", "ordinal", "metadata", "fingerprint", *SOURCE, *OPTIONAL}
_TIMES = [column.name for column in COLUMNS if column.kind is Kind.TIME]
_PLAIN = [column.name for column in COLUMNS if column.name not in _SPECIAL]
# What a log may show.
FIELDS = ("id", *_PLAIN, "metadata", "fingerprint", "source", *OPTIONAL)
PARTS_OF_SOURCE = tuple(f"source.{part}" for part in SOURCE)
time_text = timestamps.time_text
_is_json = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode


def logs(rows: pa.Table) -> list[Log]:
    """Each row as a JSON object for `msgspec.json`; at most MAX_BLOCK_ROWS."""
    return list(_logs(rows.slice(0, MAX_BLOCK_ROWS)))


def chosen(rows: pa.Table, fields: Collection[str]) -> list[Log]:
    """As `logs`, with these fields only, or parts of them as `metadata.order.id` and `source.host`; none for all."""
    found = logs(rows)
    if not fields:
        return found
    tree = parts.tree_of(fields)
    return [dict(_chosen(log, tree)) for log in found]


def json_line(log: dict[str, Any]) -> bytes:
    """A log as JSON in one line, without its end; metadata that was sent with line ends in it loses them."""
    found = _encode(log)
    return msgspec.json.format(found, indent=-1) if b"\n" in found or b"\r" in found else found


def fingerprint_text(number: int) -> str:
    """A fingerprint as logs show it and searches take it: 16 hexadecimal digits."""
    return f"{number:016x}"


def counted_text(column: str, text: str | None) -> str:
    """A value that logs were counted by, as logs show it; "" for those that have none."""
    if column == "fingerprint":
        return fingerprint_text(int(text or "0"))
    return "" if text is None or text == str(OPTIONAL.get(column, "")) else text


def times_us(rows: pa.Table, name: str) -> list[int]:
    """A column of times as microseconds, which needs no time zone data."""
    values: list[int] = rows[name].cast(pa.int64()).to_pylist()
    return values


def _logs(rows: pa.Table) -> Iterator[Log]:
    columns = {name: _values(rows, name) for name in rows.column_names}
    plain = [columns[name] for name in _PLAIN]
    optional = [(name, absent, columns[name]) for name, absent in OPTIONAL.items()]
    sources = [columns[name] for name in SOURCE]
    for at, (batch_id, ordinal) in enumerate(zip(columns["batch_id"], columns["ordinal"], strict=True)):
        log: Log = {"id": log_id(UUID(bytes=batch_id), ordinal)}
        for name, values in zip(_PLAIN, plain, strict=True):
            log[name] = values[at]
        log["metadata"] = _metadata(columns["metadata"][at])
        log["fingerprint"] = fingerprint_text(columns["fingerprint"][at])
        log["source"] = {name: values[at] for name, values in zip(SOURCE, sources, strict=True)}
        for name, absent, values in optional:
            if values[at] != absent:
                log[name] = values[at]
        yield log


def _chosen(log: Log, tree: parts.Tree) -> Iterator[tuple[str, Any]]:
    for name, value in log.items():
        if name not in tree:
            continue
        inner = tree[name]
        if inner is None:
            yield name, value
        elif name == "source":
            yield name, {part: value[part] for part in SOURCE if part in inner}
        else:
            picked = parts.pick(as_raw(value), inner)
            if picked:
                yield name, picked


def as_raw(metadata: Any) -> msgspec.Raw:
    """Metadata, as logs show it, as JSON."""
    return metadata if isinstance(metadata, msgspec.Raw) else msgspec.Raw(_encode(metadata))


def _values(rows: pa.Table, name: str) -> list[Any]:
    if name in _TIMES:
        return [time_text(us) for us in times_us(rows, name)]
    if name == "response_time_ms":
        # The shortest decimal that is the same 32-bit float: 12.3, not 12.300000190734863.
        numbers = (None if value is None else float(value) for value in rows[name].cast(pa.string()).to_pylist())
        # A foreign client may have stored what is no number to JSON.
        return [number if number is not None and math.isfinite(number) else None for number in numbers]
    values: list[Any] = rows[name].to_pylist()
    return values


def _metadata(text: str) -> msgspec.Raw | dict[str, str]:
    """The stored JSON as it is; text that is none (from a foreign client) as a string: the answer stays JSON."""
    try:
        return _is_json(text.encode())
    except (msgspec.DecodeError, RecursionError):
        return {"text": text}
