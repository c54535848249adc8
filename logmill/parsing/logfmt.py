"""Messages in logfmt: `key=value` pairs and nothing else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import polars as pl

from logmill.parsing.found import Format, Found, free_name, number_or_text
from logmill.parsing.lifting import MESSAGE_NAMES, TIME_NAMES, lift

# Each pair is matched where the last one ended, and possessive repetitions never go back: linear in time.
_PAIR = re.compile(
    r'([A-Za-z_@][A-Za-z0-9_.@/-]*+)=(?:"((?:[^"\\]++|\\.)*+)"|([^\s"]*+))(?:[ \t]++|\Z)',
    re.DOTALL,
)
# The same of a whole line for Rust's regex crate, to know it without reading it.
PAIRS = r'^\s*(?:[A-Za-z_@][A-Za-z0-9_.@/-]*=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)(?:[ \t]+|\s*$)){2,}$'
# One pair alone is logfmt where it can be nothing else.
_SINGLE = re.compile(r'(?:msg|message)="')
# What stands under `log` in a pair is rather a file.
_MESSAGE_NAMES = tuple(name for name in MESSAGE_NAMES if name != "log")
# Pairs that these stand between are a list of some other form, whose values would have them at their end.
_BETWEEN = (",", ";")
MOST_PAIRS = 256
_WORDS = {"true": msgspec.Raw(b"true"), "false": msgspec.Raw(b"false")}


def read(messages: pl.Series, received: pl.Series) -> list[Found | None]:
    """The pairs of each message: two or more, or a quoted message. Numbers and booleans are such in JSON too."""
    return [_read(message, received_us) for message, received_us in zip(messages, received, strict=True)]


def _read(message: str, received_us: int) -> Found | None:
    text = message.strip()
    fields: dict[str, Any] = {}
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None or len(fields) >= MOST_PAIRS:
            return None
        key, quoted, bare = match.groups()
        if bare is not None and bare.endswith(_BETWEEN) and match.end() < len(text):
            return None
        name = key if key not in fields else free_name(fields, key)
        if bare is None:
            fields[name] = _unquoted(quoted)
        else:
            fields[name] = _WORDS.get(bare) or number_or_text(bare, is_time=name in TIME_NAMES)
        position = match.end()
    if len(fields) < 2 and not _SINGLE.match(text):  # noqa: PLR2004 - one pair is prose
        return None
    return lift(fields, received_us, _MESSAGE_NAMES)


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(msgspec.json.decode(f'"{text}"'))
    except msgspec.DecodeError:
        return text.replace('\\"', '"')


LOGFMT = Format("logfmt", r"[A-Za-z_@][A-Za-z0-9_.@/-]*=", read)
