"""Stack traces that arrive as one message, of Python, Java or Go: their parts become fields, the record stays one."""

from __future__ import annotations

import polars as pl

from processor.parsing import trace_go, trace_java, trace_python
from processor.parsing.found import Format, Found
from processor.parsing.trace_parts import lines_of

_READERS = (trace_python.read, trace_java.read, trace_go.read)


def read(messages: pl.Series, _received: pl.Series) -> list[Found | None]:
    """The first trace in each message. The message stays."""
    return [_read(message) for message in messages]


def _read(message: str) -> Found | None:
    lines = lines_of(message)
    if lines is None:
        return None
    return next((found for reader in _READERS if (found := reader(lines)) is not None), None)


TRACE = Format(
    "trace",
    r"(?m)Traceback \(most recent call last\):|^[ \t]+at [^ (\n]+\([^)\n]*\)|^goroutine [0-9]+ ",
    read,
    is_anchored=False,
    has_lines=True,
)
