"""Stack traces that arrive as one message, of Python, Java or Go: their parts become fields, the record stays one."""

from __future__ import annotations

from functools import partial

import polars as pl

from logmill.parsing import trace_go, trace_java, trace_python
from logmill.parsing.found import Format, Found
from logmill.parsing.secrets import Secrets
from logmill.parsing.times import times_of
from logmill.parsing.trace_parts import lines_of

_GATE = r"(?m)Traceback \(most recent call last\):|^[ \t]+at [^ (\n]+\([^)\n]*\)|^goroutine [0-9]+ "
_READERS = (trace_python.read, trace_java.read, trace_go.read)


def read(messages: pl.Series, _received: pl.Series, secrets: Secrets) -> list[Found | None]:
    """The first trace in each message, and the time that the message begins with. The message stays."""
    found = [_read(message, secrets) for message in messages]
    for one, (time_us, time) in zip(found, times_of(messages).rows(), strict=True):
        if one is not None and time_us is not None:
            one.time_us, one.time_field = time_us, ("time", time)
    return found


def _read(message: str, secrets: Secrets) -> Found | None:
    lines = lines_of(message)
    if lines is None:
        return None
    return next((found for reader in _READERS if (found := reader(lines, secrets)) is not None), None)


def traces(secrets: Secrets) -> Format:
    """The format, which keeps types and messages together where that tells of a secret."""
    return Format("trace", _GATE, partial(read, secrets=secrets), is_anchored=False, has_lines=True)
