"""What is taken of a log record at the moment of the call, so that nothing of it can change before it is sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from operator import itemgetter
from typing import Any

from logmill.handler import problems, tracing
from logmill.handler.event_dicts import unfold
from logmill.handler.values import MAX_TEXT_CHARS, PLAIN, Room, cut, plain, text_of

Variables = Sequence[tuple[str, ContextVar[Any]]]
# Where a log is from, and its level: what `SITE_NAMES` names.
Site = tuple[Any, ...]
# A plain tuple, since one is made for every call: about how many bytes of memory it takes; the time in seconds; the
# message, or the whole line where it is written already; the site; the other members, the last first; the trace.
Taken = tuple[int, float, str | bytes, Site, dict[str, Any] | None, tracing.Trace]

# As long as a message may be for the producer, in UTF-8; in characters no longer either.
MAX_MESSAGE_BYTES = 1024 * 1024
# No longer than all metadata of a record may be.
_MAX_MEMBER_CHARS = 256 * 1024
# What a record takes in memory beside its texts, and a member of it, about.
RECORD_BYTES, _MEMBER_BYTES = 600, 100
# The same for one whose line is written.
LINE_BYTES = 300

# What every record has, in its order; those of later versions of Python too.
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
# What formatters add, before or after members of the application.
_OF_FORMATTERS = frozenset({"message", "asctime"})
# Members that are not what they seem: see `_make_plain`.
_SPECIAL = tracing.NAMES | _OF_FORMATTERS | {"extra", "_logger"}
SITE_NAMES = ("levelno", "levelname", "name", "pathname", "lineno", "funcName", "threadName", "processName") + (
    ("taskName",) if "taskName" in _STANDARD else ()
)
_site_of = itemgetter(*SITE_NAMES)


def take(record: logging.LogRecord, formatter: logging.Formatter | None, variables: Variables) -> Taken:
    """All of a record that is sent.

    Args:
        record: it is not changed.
        formatter: what renders its message, None for what the record itself says.
        variables: context variables whose values join it, by name.
    """
    attributes = record.__dict__
    members: dict[str, Any] = {}
    size = RECORD_BYTES
    is_plain = (
        formatter is None
        and type(record.msg) is str
        and not (record.exc_info or record.exc_text or record.stack_info or variables)
    )
    # What the application gave stands behind the standard attributes.
    for name in reversed(attributes):
        if name in _STANDARD:
            break
        value = members[name] = attributes[name]
        kind = type(value)
        if kind is str:
            size += len(value)
        if kind not in PLAIN or name in _SPECIAL:
            is_plain = False
    message, trace = "", tracing.NO_TRACE
    is_plain = is_plain and size <= _MAX_MEMBER_CHARS
    if is_plain:
        try:
            message = record.getMessage()
            is_plain = len(message) <= MAX_MESSAGE_BYTES
        except Exception:  # noqa: BLE001 - arguments that do not fit, or fail to become text
            is_plain = False
    if not is_plain:
        message, size, trace = _take_with_care(record, formatter, variables, members)
    if trace is tracing.NO_TRACE:
        trace = tracing.current()
    try:
        site = _site_of(attributes)
    except KeyError:  # somebody took an attribute away
        site = tuple(attributes.get(name) for name in SITE_NAMES)
    size += len(message) + _MEMBER_BYTES * len(members)
    return size, record.created, message, site, members or None, trace


def _take_with_care(
    record: logging.LogRecord, formatter: logging.Formatter | None, variables: Variables, members: dict[str, Any]
) -> tuple[str, int, tracing.Trace]:
    """The message, bytes for all but it, and the trace; `members` are made what is sent of them."""
    exc_info: Any = record.exc_info
    try:
        if formatter is not None:
            message = formatter.format(record)
        elif isinstance(record.msg, dict) and not record.args:
            message, more, inner = unfold(record.msg)
            members.update(more)
            exc_info = exc_info or inner
        else:
            message = record.getMessage()
    except Exception as error:  # noqa: BLE001 - as above; the log is kept
        message = f"{text_of(record.msg)} {text_of(record.args)}"
        members["logging_error"] = f"{type(error).__name__}: {text_of(error)}"
    for name, variable in variables:
        value = variable.get(None)
        if value is not None:
            members.setdefault(name, value)
    size = RECORD_BYTES + _make_plain(members)
    trace = tracing.taken_from(members)
    if exc_info or record.exc_text or record.stack_info:
        size += _add_stacks(members, exc_info, record, with_trace=formatter is None)
    return cut(text_of(message), MAX_MESSAGE_BYTES), size, trace


def _make_plain(members: dict[str, Any]) -> int:
    """Replace what could change, or is no JSON, by plain copies; about how many bytes their texts take."""
    for name in _OF_FORMATTERS.intersection(members):
        del members[name]
    # Loguru has what was bound, and structlog what its formatter needs, in members of their own.
    extra = members.get("extra")
    if type(extra) is dict:
        del members["extra"]
        members.update({name: value for name, value in extra.items() if name not in members})
    if "_logger" in members:
        members.pop("_logger")
        members.pop("_name", None)
    size = 0
    for name, value in members.items():
        kind = type(value)
        if kind is str:
            if len(value) > _MAX_MEMBER_CHARS:
                members[name] = cut(value, _MAX_MEMBER_CHARS)
            size += min(len(value), _MAX_MEMBER_CHARS)
        elif kind not in PLAIN:
            room = Room()
            members[name] = plain(value, room)
            size += MAX_TEXT_CHARS - room.chars
    return size


def _add_stacks(members: dict[str, Any], exc_info: Any, record: logging.LogRecord, *, with_trace: bool) -> int:
    """Add what there is to say of an exception; about how many bytes its texts take."""
    found = problems.members_of(exc_info, record.exc_text, with_trace=with_trace)
    if record.stack_info and with_trace:
        found["stack_info"] = cut(record.stack_info)
    for name, value in found.items():
        members.setdefault(name, value)
    return sum(len(value) for value in found.values() if isinstance(value, str))
