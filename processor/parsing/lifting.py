"""Finds message, level and time among the fields of a message, under the names that loggers use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from logmill.coerce import MALFORMED
from logmill.errors import InvalidField
from logmill.record import LEVEL_SYNONYMS
from logmill.timestamps import MAX_US, MIN_US, datetime_to_us, to_us
from processor.parsing.found import Found

# Of each the first that has a usable value is taken. `@m`, `@l` and `@t` are Serilog's, `event` is structlog's, `log`
# is that of Docker's files.
MESSAGE_NAMES = ("message", "msg", "@m", "event", "log")
LEVEL_NAMES = ("level", "lvl", "severity", "log.level", "levelname", "loglevel", "@l")
TIME_NAMES = ("timestamp", "@timestamp", "time", "ts", "@t")
# A smaller number under `time` is rather a duration than a time.
LEAST_NUMBER_US = 946_684_800_000_000  # the year 2000
MOST_TIME_CHARS = 64
# pino and Bunyan count otherwise than Python, and always name both of these.
_PINO_MARKS = ("pid", "hostname")
_PINO_LEVELS = {10: "DEBUG", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "CRITICAL"}
_decode = msgspec.json.Decoder().decode
_HTTP_DATE = "%d/%b/%Y:%H:%M:%S %z"


def lift(fields: dict[str, Any], message_names: Sequence[str] = MESSAGE_NAMES) -> Found:
    """What a message's fields say, with its message, level and time taken out of them.

    Args:
        fields: by name; values as in `Found`. Changed.
        message_names: where the message may be.
    """
    found = Found(fields)
    for name in message_names:
        if name in fields:
            text = scalar(fields[name])
            if isinstance(text, str) and text.strip():
                found.message = text
                del fields[name]
                break
    for name in LEVEL_NAMES:
        if name in fields:
            found.level = _level(name, scalar(fields[name]), fields)
            if found.level:
                found.level_field = (name, fields.pop(name))
                break
    for name in TIME_NAMES:
        if name in fields:
            found.time_us = time_us(scalar(fields[name]))
            if found.time_us is not None:
                found.time_field = (name, fields.pop(name))
                break
    return found


def scalar(value: Any) -> Any:
    """The value of a JSON scalar; None for arrays and objects, and for what cannot be read."""
    if not isinstance(value, msgspec.Raw):
        return value
    try:
        found = _decode(value)
    except MALFORMED:
        return None
    return None if isinstance(found, dict | list) else found


def _level(name: str, value: Any, fields: dict[str, Any]) -> str:
    """One of LEVELS, or "". A number under `severity` may be of any scale, so it is none; see `logmill.coerce`."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, int) and name != "severity":
        if all(mark in fields for mark in _PINO_MARKS):
            return _PINO_LEVELS.get(value, "")
        return LEVEL_SYNONYMS.get(str(value), "") if 0 <= value <= max(_PINO_LEVELS) else ""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return "" if name == "severity" and text.isdigit() else LEVEL_SYNONYMS.get(text.upper(), "")


def time_us(value: Any) -> int | None:
    """Microseconds since 1970-01-01 UTC of a full time with a zone, or None.

    Args:
        value: ISO 8601 text, that of access logs, or Unix time as a number, whose unit follows from its size.
    """
    try:
        if isinstance(value, str):
            moment = _moment(value.strip()) if len(value) <= MOST_TIME_CHARS else None
            found = None if moment is None or moment.tzinfo is None else datetime_to_us(moment)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found = to_us(value)
            found = found if found >= LEAST_NUMBER_US else None
        else:
            found = None
    except (ValueError, OverflowError, InvalidField):
        return None
    return found if found is not None and MIN_US <= found <= MAX_US else None


def _moment(text: str) -> datetime:
    if text[2:3] == "/":
        return datetime.strptime(text, _HTTP_DATE)  # noqa: DTZ007 - it ends with %z
    return datetime.fromisoformat(text)
