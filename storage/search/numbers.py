"""Numbers of the metadata, which has no types: what a text says, and where floats do not tell neighbours apart."""

from __future__ import annotations

import re
from typing import Any

from logmill.parameters import finite_number

_WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
# From here on floats leave whole numbers out.
FLOATS_END = 2**53
_PLAIN_ITEM = re.compile(r"-?(?:0|[1-9][0-9]*)|true|false")
_LEAST, _MOST = -(2**63), 2**64 - 1


def number_of(text: str) -> int | float | None:
    """The number that a text says: an int where floats would not tell it apart; None where it is none."""
    if _WHOLE.fullmatch(text) and is_large(whole := int(text)):
        return whole
    return finite_number(text)


def is_large(number: float) -> bool:
    """Whether whole numbers must be compared with this one as such, and not as floats."""
    return FLOATS_END <= abs(number) <= _MOST + 1


def is_plain_item(text: str) -> bool:
    """Whether an item of a list that is written so is found: a whole number or a boolean, and no fraction."""
    return _PLAIN_ITEM.fullmatch(text) is not None


def as_engine_has_it(value: Any) -> Any:
    """A decoded value of JSON; whole numbers of more than 64 bits are text to the engine."""
    return str(value) if isinstance(value, int) and not _LEAST <= value <= _MOST else value


def words_of_number(number: float) -> tuple[str, ...]:
    """The words that JSON has wherever it has this number, unless it is written with an exponent.

    None where a number cannot be told from its neighbours, and is written in several ways.
    """
    return (str(int(abs(number))),) if isinstance(number, int) or abs(number) < FLOATS_END else ()
