"""Parameters of requests, read strictly: the same text means the same on every service."""

from __future__ import annotations

import math

from logmill.errors import InvalidField

FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_MAX_DIGITS = 9


def whole_number(name: str, text: str, least: int, most: int) -> int:
    """The number that a parameter's text says.

    Raises:
        InvalidField: it is none from `least` to `most`, or written with signs, spaces, underscores or other digits.
    """
    is_plain = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not (is_plain and least <= int(text) <= most):
        raise InvalidField(name, f"{name} must be a whole number from {least} to {most}, not {text[:100]!r}")
    return int(text)


def flag(name: str, text: str) -> bool:
    """Whether a parameter's text says yes.

    Raises:
        InvalidField: it says neither yes nor no.
    """
    if text.lower() not in FLAGS:
        raise InvalidField(name, f"{name} must be true or false, not {text[:100]!r}")
    return FLAGS[text.lower()]


def finite_number(text: str) -> float | None:
    """The number that a text says; None where it is none, or not a finite one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
