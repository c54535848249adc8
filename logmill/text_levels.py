"""Reads the level off a line of text: one rule, spelled for Python and for Rust's regex crate, of the same meaning."""

from __future__ import annotations

import re

from logmill.record import LEVEL_SYNONYMS

# Where loggers put a level, they put it near the start; a word further on is prose.
LEVEL_SEARCH_CHARS = 160

_WORDS = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|SEVERE|CRIT(?:ICAL)?|FATAL|EMERG(?:ENCY)?|ALERT|PANIC"


def _expression(boundary: str, ignore_case: str) -> str:
    """The rule; one of its four groups is the level's name.

    Args:
        boundary: the end of a word of ASCII.
        ignore_case: what begins a group of ASCII letters in which case does not count.
    """
    return (
        rf"{boundary}({_WORDS}){boundary}"  # 2026-01-31 12:00:00 ERROR …, as most loggers write it
        rf"|[\[<]({ignore_case}{_WORDS}))[\]>]"  # [error] of Apache and nginx
        rf"|{boundary}(?:level|lvl|severity)=\"?({ignore_case}{_WORDS})){boundary}"  # logfmt
        r"|^[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} +[0-9]+ +[0-9]+ ([VDIWEF]) "  # Android's logcat
    )


_LEVEL = re.compile("(?a)" + _expression(r"\b", "(?i:"))
# For whole columns of the first LEVEL_SEARCH_CHARS characters.
RUST_PATTERN = _expression(r"(?-u:\b)", "(?i-u:")


def level_of(line: str) -> str:
    """The level that a line of text names, or "" where it names none."""
    match = _LEVEL.search(line, 0, LEVEL_SEARCH_CHARS)
    return LEVEL_SYNONYMS[match[match.lastindex or 0].upper()] if match else ""
