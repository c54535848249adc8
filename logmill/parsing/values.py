"""Values that several formats read."""

from __future__ import annotations

from typing import Any

from logmill.record import LEVEL_SYNONYMS

# As many digits as a 64-bit number has for certain.
MOST_DIGITS = 18


def whole_number(text: str) -> int | str:
    """The number that these ASCII digits are, or the text where there are too many, or others among them."""
    return int(text) if len(text) <= MOST_DIGITS and text.isascii() and text.isdigit() else text


def level_of(name: str) -> str:
    """One of LEVELS for a logger's name of it, or ""."""
    return LEVEL_SYNONYMS.get(name.upper(), "")


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: neither None nor empty."""
    return {name: value for name, value in fields.items() if value not in {None, ""}}
