"""What is taken of a log record at the moment of the call, so that nothing of it can change before it is sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from logmill.handler import problems, tracing
from logmill.handler.event_dicts import unfold
from logmill.handler.values import MAX_TEXT_CHARS, PLAIN, Room, cut, plain, text_of

Variables = Sequence[tuple[str, ContextVar[Any]]]
# A plain tuple, since one is made for every call: about how many bytes of memory it takes; the time in seconds; number
# and name of the level; the message; the logger's name; file, line and function; thread, task and process by name; the
# other members; the trace.
Taken = tuple[
    int, float, int, str, str, str, str, int, str | None, str | None, str | None, str | None, dict[str, Any] | None,
    tracing.Trace,
]  # fmt: skip

# As long as a message may be for the producer, in UTF-8; in characters no longer either.
MAX_MESSAGE_BYTES = 1024 * 1024
# No longer than all metadata of a record may be.
_MAX_MEMBER_CHARS = 256 * 1024
# What a record takes in memory beside its texts, and a member of it, about.
RECORD_BYTES, _MEMBER_BYTES = 600, 100

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime"}
_STANDARD_COUNT = len(_STANDARD) - 2


def take(record: logging.LogRecord, formatter: logging.Formatter | None, variables: Variables) -> Taken:
    """All of a record that is sent.

    Args:
        record: it is not changed.
        formatter: what renders its message, None for what the record itself says.
        variables: context variables whose values join it, by name.
    """
    attributes = record.__dict__
    members: dict[str, Any] = {}
    if len(attributes) > _STANDARD_COUNT:
        members = {name: value for name, value in attributes.items() if name not in _STANDARD}
    message, exc_info = _message(record, formatter, members)
    if variables:
        for name, variable in variables:
            value = variable.get(None)
            if value is not None:
                members.setdefault(name, value)
    size = RECORD_BYTES + len(message)
    trace = tracing.NO_TRACE
    if members:
        size += _make_plain(members)
        if not tracing.NAMES.isdisjoint(members):
            trace = tracing.taken_from(members)
    if exc_info or record.exc_text or record.stack_info:
        size += _add_stacks(members, exc_info, record, with_trace=formatter is None)
    if trace is tracing.NO_TRACE:
        trace = tracing.current()
    return (
        size,
        record.created,
        record.levelno,
        record.levelname,
        message,
        record.name,
        record.pathname,
        record.lineno,
        record.funcName,
        record.threadName,
        getattr(record, "taskName", None),
        record.processName,
        members or None,
        trace,
    )


def _message(
    record: logging.LogRecord, formatter: logging.Formatter | None, members: dict[str, Any]
) -> tuple[str, Any]:
    """The message and the exception of a record; members that the message holds join the others."""
    exc_info: Any = record.exc_info
    try:
        if formatter is not None:
            message = formatter.format(record)
        elif type(record.msg) is dict and not record.args:
            message, more, inner = unfold(record.msg)
            members.update(more)
            exc_info = exc_info or inner
        else:
            message = record.getMessage()
        if type(message) is not str:
            message = text_of(message)
    except Exception as error:  # noqa: BLE001 - arguments that do not fit, or fail to become text: the log is kept
        message = f"{text_of(record.msg)} {text_of(record.args)}"
        members["logging_error"] = f"{type(error).__name__}: {text_of(error)}"
    return cut(message, MAX_MESSAGE_BYTES), exc_info


def _make_plain(members: dict[str, Any]) -> int:
    """Replace what could change, or is no JSON, by plain copies; about how many bytes of memory all of it takes."""
    # Loguru has what was bound, and structlog what its formatter needs, in members of their own.
    extra = members.get("extra")
    if type(extra) is dict:
        del members["extra"]
        members.update({name: value for name, value in extra.items() if name not in members})
    if "_logger" in members:
        members.pop("_logger")
        members.pop("_name", None)
    size = _MEMBER_BYTES * len(members)
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
    found = problems.members_of(exc_info, record.exc_text, with_trace=with_trace)
    if record.stack_info and with_trace:
        found["stack_info"] = cut(record.stack_info)
    for name, value in found.items():
        members.setdefault(name, value)
    return sum(len(value) for value in found.values() if isinstance(value, str))
