"""Logs that are dictionaries, as structlog makes them: their message and members, and a processor that sends them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from logmill.handler.values import text_of

# Under which name a dictionary has its message, the first that is there.
_MESSAGES = ("event", "message", "msg")
# What structlog adds for its own formatter.
_LEFT_OUT = frozenset({"_logger", "_name", "_record", "_from_structlog"})
# Where the event is from, as structlog's CallsiteParameterAdder says it.
_PLACE = ("pathname", "lineno", "func_name")
_LEVELS = {"exception": logging.ERROR, "err": logging.ERROR, "warn": logging.WARNING, "fatal": logging.CRITICAL}


def unfold(event: Mapping[str, Any]) -> tuple[str, dict[str, Any], Any]:
    """The message, the other members, and what `exc_info` is set to.

    A dictionary that names no message is one as a whole: its text, or what its class says that is. Its keys are members
    all the same.
    """
    members = {name: value for name, value in event.items() if name not in _LEFT_OUT}
    exc_info = members.pop("exc_info", None)
    named = next((name for name in _MESSAGES if name in members), None)
    if named is not None:
        message = text_of(members.pop(named))
    else:
        has_own_text = type(event).__str__ is not dict.__str__
        message = text_of(event if has_own_text else members)
    # The record says it anyway, where it is the name of one.
    if isinstance(members.get("level"), str):
        del members["level"]
    return message, members, exc_info


class LogmillProcessor:
    """A processor for structlog that sends each event to Logmill and passes it on as it was.

        structlog.configure(processors=[…, LogmillProcessor(handler), structlog.processors.JSONRenderer()])

    Put it before what makes text of the event. What `structlog.processors.CallsiteParameterAdder` and
    `structlog.stdlib.add_logger_name` add is used.

    Args:
        handler: a `LogmillHandler`, or any other.
    """

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Send the event, if its level is one that the handler takes; never raises."""
        level = _level(event.get("level"), method)
        if level >= self._handler.level:
            copy = dict(event)
            path, line, function = (copy.pop(name, None) for name in _PLACE)
            name = copy.pop("logger", None) or getattr(logger, "name", None) or "structlog"
            record = logging.LogRecord(
                str(name),
                level,
                str(path or ""),
                line if isinstance(line, int) else 0,
                copy,
                None,
                None,
                func=None if function is None else str(function),
            )
            self._handler.handle(record)
        return event


def _level(named: object, method: str) -> int:
    """The number of a level by its name, or by the method that was called."""
    for name in (named, method):
        if isinstance(name, str):
            known = _LEVELS.get(name.lower()) or logging.getLevelNamesMapping().get(name.upper())
            if known is not None:
                return known
    return logging.INFO
