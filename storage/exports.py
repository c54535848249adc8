"""The forms that logs are exported in: lines of JSON, CSV, and one JSON array; written piece by piece, without I/O."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol

import msgspec
import pyarrow as pa

from logmill.csv_cells import BETWEEN_ITEMS, cell
from logmill.parts import METADATA, first, ways_to
from storage import render

_encode = msgspec.json.Encoder().encode
_NUMERIC = frozenset("-0123456789")


class Form(Protocol):
    """A writer of one export: `begin`, `rows` for each piece in turn, `end`; without the end it is incomplete."""

    @property
    def media_type(self) -> str:
        """For Content-Type."""

    def begin(self) -> bytes:
        """What stands before the first log."""

    def rows(self, rows: pa.Table) -> bytes:
        """These logs; at least one."""

    def end(self) -> bytes:
        """What stands after the last log."""


class Lines:
    """A JSON object a line (NDJSON).

    Args:
        fields: those that are shown; none for all.
    """

    media_type = "application/x-ndjson"

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields

    def begin(self) -> bytes:
        """As `Form.begin`."""
        return b""

    def rows(self, rows: pa.Table) -> bytes:
        """As `Form.rows`."""
        return b"".join(json_lines(rows, self._fields))

    def end(self) -> bytes:
        """As `Form.end`."""
        return b""


def json_lines(rows: pa.Table, fields: Sequence[str] = ()) -> Iterator[bytes]:
    """Each log as a line of JSON with its end; these fields only, or parts of them, none for all."""
    return (render.json_line(log) + b"\n" for log in render.chosen(rows, fields))


class Array:
    """One JSON array, which is closed only where it is complete.

    Args:
        fields: those that are shown; none for all.
    """

    media_type = "application/json"

    def __init__(self, fields: Sequence[str]) -> None:
        self._fields = fields
        self._before = b"\n"

    def begin(self) -> bytes:
        """As `Form.begin`."""
        return b"["

    def rows(self, rows: pa.Table) -> bytes:
        """As `Form.rows`."""
        found = self._before + b",\n".join(map(_encode, render.chosen(rows, self._fields)))
        self._before = b",\n"
        return found

    def end(self) -> bytes:
        """As `Form.end`."""
        return b"\n]\n"


class Csv:
    """Comma-separated values as RFC 4180 has them, in UTF-8, the names of the columns first.

    Metadata is JSON text, lists are joined by semicolons, the source is three columns; a part of the metadata is a
    column of its own, named as it was asked for. Text that a spreadsheet would take for a formula has an apostrophe
    before it, as OWASP advises against CSV injection; numbers stay as they are.

    Args:
        fields: those that are shown, in this order; none for all.
    """

    media_type = "text/csv; charset=utf-8; header=present"

    def __init__(self, fields: Sequence[str]) -> None:
        self._cells: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        for field in fields or render.FIELDS:
            self._cells.update(_cells_of(field))

    def begin(self) -> bytes:
        """As `Form.begin`."""
        return _csv([self._cells])

    def rows(self, rows: pa.Table) -> bytes:
        """As `Form.rows`."""
        cells = self._cells.values()
        return _csv([[_cell(read(log)) for read in cells] for log in render.logs(rows)])

    def end(self) -> bytes:
        """As `Form.end`."""
        return b""


FORMS: Mapping[str, Callable[[Sequence[str]], Form]] = MappingProxyType({"ndjson": Lines, "csv": Csv, "json": Array})


def _cells_of(field: str) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """The columns of a field, or of a part of one, and what reads them from a log."""
    if field == "source":
        return _SOURCES
    if field in _SOURCES:
        return {field: _SOURCES[field]}
    name, _, part = field.partition(".")
    return {field: _part_of_metadata(field) if part else lambda log: log.get(name)}


def _part_of_source(part: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda log: log["source"][part]


def _part_of_metadata(field: str) -> Callable[[Mapping[str, Any]], Any]:
    ways = [way[1:] for way in ways_to(field)]

    def read(log: Mapping[str, Any]) -> Any:
        found = first(render.as_raw(log[METADATA]), ways)
        return None if found is None else _plain(found)

    return read


def _plain(value: msgspec.Raw) -> Any:
    """A value of the metadata for a cell; numbers with all their digits, what holds others as JSON."""
    text = str(memoryview(value), "utf-8")
    if text.startswith(("{", "[")):
        return value
    try:
        return msgspec.json.decode(value, type=Decimal if text[0] in _NUMERIC else Any)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text


_SOURCES = {name: _part_of_source(part) for name, part in zip(render.PARTS_OF_SOURCE, render.SOURCE, strict=True)}


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = BETWEEN_ITEMS.join(value)
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | float | Decimal):
        return value
    return _cell(_encode(value).decode())  # metadata


def _csv(rows: Sequence[Any]) -> bytes:
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue().encode()
