"""The forms of a local copy that is a file of lines: JSON lines, and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Protocol

import msgspec
import polars as pl
from msgspec import Raw

from collector.outputs.structured import COLUMNS
from logmill.csv_cells import BETWEEN_ITEMS, cell

_encode_lines = msgspec.json.Encoder().encode_lines


class Form(Protocol):
    """A way to write records."""

    def begin(self) -> bytes:
        """What a file begins with."""

    def rows(self, frame: pl.DataFrame) -> bytes:
        """The records, in the columns of `structured.COLUMNS`."""


class _Record(msgspec.Struct, gc=False):
    """A line; the fields are COLUMNS."""

    timestamp: str
    level: str
    service: str
    host: str
    file: str
    message: str
    tags: list[str]
    fields: Raw


class JsonLines:
    """A JSON object a line, all of the same members."""

    def begin(self) -> bytes:
        """As `Form.begin`."""
        return b""

    def rows(self, frame: pl.DataFrame) -> bytes:
        """As `Form.rows`."""
        rows = frame.with_columns(pl.col("fields").cast(pl.Binary)).rows(named=True)
        return _encode_lines([_Record(**{**row, "fields": Raw(row["fields"])}) for row in rows])


class Csv:
    """RFC 4180 in UTF-8, the names of the columns first; lists and formulas as in an export of storage."""

    def begin(self) -> bytes:
        """As `Form.begin`."""
        return _sheet([COLUMNS])

    def rows(self, frame: pl.DataFrame) -> bytes:
        """As `Form.rows`."""
        texts = frame.with_columns(pl.col("tags").list.join(BETWEEN_ITEMS))
        return _sheet([[cell(text) for text in row] for row in texts.rows()])


def _sheet(rows: Sequence[Sequence[str]]) -> bytes:
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(rows)
    return sheet.getvalue().encode()
