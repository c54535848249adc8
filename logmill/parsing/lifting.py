"""Finds message, level and time among the fields of a message, under the names that loggers use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from logmill.coerce import MALFORMED
from logmill.errors import InvalidField
from logmill.parsing.found import Found
from logmill.record import LEVEL_SYNONYMS
from logmill.timestamps import MAX_US, MIN_US, datetime_to_us, to_us

# Of each the first that has a usable value is taken. `@m`, `@l` and `@t` are Serilog's, `event` is structlog's, `log`
# is that of Docker's files.
MESSAGE_NAMES = ("message", "msg", "@m", "event", "log")
LEVEL_NAMES = ("level", "lvl", "severity", "log.level", "levelname", "loglevel", "@l")
TIME_NAMES = ("timestamp", "@timestamp", "time", "ts", "@t")
# A number under these names is as often a duration or a count: it is a time where it is near to that of arrival.
MOST_AGE_US, MOST_AHEAD_US = 2 * 366 * 86_400_000_000, 86_400_000_000
# A smaller number is no time at all.
LEAST_NUMBER_US = 946_684_800_000_000  # the year 2000
MOST_TIME_CHARS = 64
# pino and Bunyan count otherwise than Python, and always name both of these.
PINO_MARKS = ("pid", "hostname")
_PINO_LEVELS = {10: "DEBUG", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "CRITICAL"}
# Small numbers and single letters are as often the level of something else; beside these or a time it is a logger's.
_LOGGER_MARKS = frozenset(
    ["logger", "logger_name", "loggername", "log.logger", "pid", "process", "process.pid", "hostname", "caller",
     "thread", "thread_name", "threadname", "short_message", "facility", "syslog_facility", "@version"]
)  # fmt: skip
_MOST_SEVERITY = 7
_decode = msgspec.json.Decoder().decode
_HTTP_DATE = "%d/%b/%Y:%H:%M:%S %z"
# What a column of microseconds has no room for.
_FINER = re.compile(r"[.,][0-9]{6}[0-9]*?[1-9]")
_UNITS = (Decimal(1_000_000), Decimal(1000), Decimal(1), Decimal("0.001"))


def lift(
    fields: dict[str, Any], received_us: int, message_names: Sequence[str] = MESSAGE_NAMES, *, is_sure: bool = False
) -> Found:
    """What a message's fields say, with its message, level and time taken out of them.

    A level or time stays among the fields too where it may be none after all, or has more digits than the log's has.

    Args:
        fields: by name; values as in `Found`. Changed.
        received_us: when the message arrived.
        message_names: where the message may be.
        is_sure: whether somebody said that these names mean what they say.
    """
    found = Found(fields)
    for name in message_names:
        if name in fields:
            text = scalar(fields[name])
            if isinstance(text, str) and text.strip():
                found.message = text
                del fields[name]
                break
    time_name, is_number = _find_time(found, received_us, is_sure=is_sure)
    is_marked = is_sure or bool(time_name) or any(name.lower() in _LOGGER_MARKS for name in fields)
    for name in LEVEL_NAMES:
        if name in fields:
            is_pino = all(mark in fields for mark in PINO_MARKS)
            found.level, is_doubtful = _level(name, scalar(fields[name]), is_pino=is_pino, is_marked=is_marked)
            if found.level:
                if is_sure or not is_doubtful:
                    found.level_field = (name, fields.pop(name))
                break
    is_logged = is_sure or found.level_field is not None
    if time_name and (is_logged or not is_number) and _is_whole(fields[time_name], found.time_us):
        found.time_field = (time_name, fields.pop(time_name))
    return found


def _find_time(found: Found, received_us: int, *, is_sure: bool) -> tuple[str, bool]:
    """Set the time; the name under which it was found, or "", and whether it was a number."""
    for name in TIME_NAMES:
        if name not in found.fields:
            continue
        value = scalar(found.fields[name])
        moment = time_us(value)
        is_number = not isinstance(value, str)
        if moment is None:
            continue
        if is_sure or not is_number or received_us - MOST_AGE_US <= moment <= received_us + MOST_AHEAD_US:
            found.time_us = moment
            return name, is_number
    return "", False


def _is_whole(value: Any, moment_us: int | None) -> bool:
    """Whether these microseconds are all that the value says."""
    text = bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)
    if text[:1] == '"' or isinstance(value, str):
        return is_in_us(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return any(number * unit == moment_us for unit in _UNITS)


def is_in_us(text: str) -> bool:
    """Whether a time that is written so has no parts of microseconds."""
    return _FINER.search(text) is None


def scalar(value: Any) -> Any:
    """The value of a JSON scalar; None for arrays and objects, and for what cannot be read."""
    if not isinstance(value, msgspec.Raw):
        return value
    try:
        found = _decode(value)
    except MALFORMED:
        return None
    return None if isinstance(found, dict | list) else found


def sure_level(said: Iterable[tuple[str, Any]], *, is_pino: bool) -> str:
    """The level that `lift` finds in these fields whatever is beside them, "" where that depends or there is none.

    Args:
        said: those of LEVEL_NAMES that are there, in that order, with what each says.
        is_pino: whether the fields PINO_MARKS are there.
    """
    for name, value in said:
        level, is_doubtful = _level(name, value, is_pino=is_pino, is_marked=True)
        if is_doubtful:
            return ""
        if level:
            return level
    return ""


def _level(name: str, value: Any, *, is_pino: bool, is_marked: bool) -> tuple[str, bool]:
    """One of LEVELS, or "", and whether it may be one of something else.

    A number under `severity` may be of any scale, so it is none; see `logmill.coerce`.
    """
    if isinstance(value, str):
        text = value.strip().upper()
        if not (text.isascii() and text.isdigit()):
            is_doubtful = len(text) == 1
            return (LEVEL_SYNONYMS.get(text, ""), is_doubtful) if is_marked or not is_doubtful else ("", False)
        value = int(text) if len(text) <= 2 else None  # noqa: PLR2004 - no level is greater
    if isinstance(value, bool) or not isinstance(value, int) or name == "severity":
        return "", False
    if is_pino:
        return _PINO_LEVELS.get(value, ""), False
    if 0 <= value <= _MOST_SEVERITY:
        return (LEVEL_SYNONYMS.get(str(value), "") if is_marked else ""), True
    return (LEVEL_SYNONYMS.get(str(value), "") if value in _PINO_LEVELS else ""), False


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
