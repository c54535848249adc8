"""What a log tells of an exception: its parts as members to search by, and the stack trace as text."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any

from logmill.handler.values import MAX_TEXT_CHARS, cut, text_of

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
_MAX_MESSAGE_CHARS = 8 * 1024
# Of a long stack trace the end tells more: it has the frames nearest to the error, and the error.
_HEAD_CHARS = MAX_TEXT_CHARS // 4
_TAIL_CHARS = MAX_TEXT_CHARS - _HEAD_CHARS


def members_of(exc_info: Any, exc_text: str | None, *, with_trace: bool) -> dict[str, str | int]:
    """The members, under the names that the processors give to what they read out of a stack trace.

    Args:
        exc_info: as `logging` takes it: a tuple, an exception, or true for the one being handled.
        exc_text: the stack trace where somebody has written it already.
        with_trace: whether it is among them.
    """
    found: dict[str, str | int] = {}
    known = _known(exc_info)
    if known is not None:
        kind, error, trace = known
        found["exception.type"] = _name(kind)
        found["exception.message"] = cut(text_of(error), _MAX_MESSAGE_CHARS)
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            code = trace.tb_frame.f_code
            found["exception.innermost.function"] = code.co_name
            found["exception.innermost.file"] = code.co_filename
            found["exception.innermost.line"] = trace.tb_lineno
    if with_trace:
        # Loguru gives an empty line, so that nobody writes the trace anew.
        text = exc_text if exc_text and exc_text.strip() else _written(known) if known else ""
        if text:
            found["stack_trace"] = _shortened(text)
    return found


def _known(exc_info: Any) -> ExcInfo | None:
    """The three parts; None where there is no exception."""
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    found = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else None
    return found if found is not None and len(found) == 3 and found[1] is not None else None  # noqa: PLR2004


def _name(kind: type[BaseException]) -> str:
    """As Python's own traces have it."""
    module = kind.__module__
    return kind.__qualname__ if module in {"builtins", "__main__"} else f"{module}.{kind.__qualname__}"


def _written(known: ExcInfo) -> str:
    try:
        return "".join(traceback.format_exception(*known)).rstrip("\n")
    except Exception as error:  # noqa: BLE001 - an exception whose own code fails
        return f"(the stack trace cannot be written: {type(error).__name__})"


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:_HEAD_CHARS]}\n… [cut, {len(text)} characters in all]\n{text[-_TAIL_CHARS:]}"
