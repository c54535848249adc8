"""Messages that are a JSON object: its members become fields."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from logmill.coerce import MALFORMED, mend_surrogates
from logmill.parsing.found import Format, Found
from logmill.parsing.lifting import lift, scalar
from logmill.submitted import MAX_LABEL_BYTES

# The member stays: its parts are added. In the others it may be one level deeper, as pino has it in `err`.
STACK_NAMES = (
    "stack", "stack_trace", "stacktrace", "stackTrace", "exception", "exc_info", "exc_text", "error.stack",
    "error.stack_trace", "exception.stacktrace",
)  # fmt: skip
_ERROR_NAMES = ("err", "error", "exception")
HOST_NAMES = ("hostname", "host.name", "host")
_OF_OTHERS = frozenset(
    [
        "method",
        "request_method",
        "request",
        "uri",
        "request_uri",
        "url",
        "path",
        "status",
        "status_code",
        "http_host",
        "port",
        "remote_addr",
        "client_ip",
    ]
)
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read(messages: pl.Series, received: pl.Series) -> list[Found | None]:
    """The members of each object; of a name given twice the last one."""
    return [_read(message, received_us) for message, received_us in zip(messages, received, strict=True)]


def _read(message: str, received_us: int) -> Found | None:
    """With its host, and with the text in which more may be: a line that Docker wrapped, or a stack trace."""
    body: str | bytes = message
    if "\\ud" in message or "\\uD" in message:
        body = mend_surrogates(message.encode()) or message
    try:
        fields = _decode(body)
    except MALFORMED:
        return None
    if not fields:
        return None
    had_log = "log" in fields
    found = lift(fields, received_us)
    found.host = _host(fields)
    if had_log and "log" not in fields:
        # Docker keeps the end of the line that it wrapped.
        found.message = (found.message or "").removesuffix("\n").removesuffix("\r")
        found.inner = found.message
    # As JSON writes it, a text of several lines has this; most objects have none.
    elif "\\n" in message:
        found.is_quoted = True
        found.inner = _stack(fields) or (found.message if found.message and "\n" in found.message else None)
    return found


def _host(fields: dict[str, Any]) -> str:
    """The machine that the fields name, which stays among them; `host` beside a request or a port is another's."""
    for name in HOST_NAMES:
        if name in fields and (name != "host" or _OF_OTHERS.isdisjoint(fields)):
            text = scalar(fields[name])
            if isinstance(text, str) and text.strip() and len(text.encode()) <= MAX_LABEL_BYTES:
                return text.strip()
    return ""


def _stack(fields: dict[str, Any]) -> str | None:
    """The text of several lines where loggers put stack traces, or None."""
    for name in STACK_NAMES:
        if name in fields:
            text = _lines(fields[name])
            if text is not None:
                return text
    for name in _ERROR_NAMES:
        if name in fields and bytes(fields[name])[:1] == b"{":
            try:
                members = _decode(fields[name])
            except MALFORMED:
                continue
            text = next((text for one in STACK_NAMES if one in members and (text := _lines(members[one]))), None)
            if text is not None:
                return text
    return None


def _lines(raw: msgspec.Raw) -> str | None:
    text = scalar(raw) if b"\\n" in bytes(raw) else None
    return text if isinstance(text, str) and "\n" in text else None


JSON = Format("json", r"[ \t\r\n]*\{", read)
