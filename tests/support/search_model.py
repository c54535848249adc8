"""What a filter means, in plain Python over rows as dictionaries: what the engine and memory are compared with."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from logmill.record import KINDS, Kind
from storage.search.filters import (
    And,
    AnyOf,
    Between,
    Bounds,
    Contains,
    Exists,
    Filter,
    Identity,
    Matches,
    Metadata,
    Not,
    Or,
    Words,
)


class _Written(float):
    """A number that knows how it was written: with an exponent it does not equal anything."""

    def __new__(cls, text: str) -> _Written:
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str


def passes(row: dict[str, Any], wanted: Filter) -> bool:
    """Whether the row passes; patterns must mean the same to Python's `re` as to RE2."""
    match wanted:
        case And(parts):
            return all(passes(row, part) for part in parts)
        case Or(parts):
            return any(passes(row, part) for part in parts)
        case Not(part):
            return not passes(row, part)
        case AnyOf(column, values):
            held = row[column]
            return (
                any(value in values for value in held)
                if isinstance(held, list)
                else _single(column, held) in {_single(column, value) for value in values}
            )
        case Between(column, bounds):
            return row[column] is not None and _within(_single(column, row[column]), bounds, column)
        case Exists(column):
            held = row[column]
            return isinstance(held, float | bool) or column == "timestamp" or held not in ("", 0, None, [])
        case Matches(column, pattern, lowered):
            held = row[column] if isinstance(row[column], list) else [row[column]]
            return any(_found(pattern, text.lower() if lowered else text) for text in held)
        case Words(words, is_prefix):
            return _has_words(row["message"], words, is_prefix)
        case Contains(text):
            return text in row["message"].lower()
        case Identity(batch_id, ordinal):
            return (row["batch_id"], row["ordinal"]) == (batch_id.bytes, ordinal)
        case Metadata(path, test):
            decoded = json.loads(row["metadata"], parse_float=_Written)
            return any(_value_passes(value, test) for value in _at(decoded, path))


def _found(pattern: str, text: str) -> bool:
    """As RE2 has it, where $ is the very end, and not the place before a last newline."""
    return re.search(pattern.replace("$", r"\Z"), text) is not None


def _single(column: str, value: Any) -> Any:
    return np.float32(value) if KINDS[column] is Kind.F32_OR_NULL and value is not None else value


def _within(value: Any, bounds: Bounds, column: str | None) -> bool:
    low, high = (one if one is None or column is None else _single(column, one) for one in (bounds.low, bounds.high))
    above = low is None or (value >= low if bounds.with_low else value > low)
    below = high is None or (value <= high if bounds.with_high else value < high)
    return bool(above and below)


def _has_words(message: str, words: tuple[str, ...], is_prefix: bool) -> bool:
    found = re.findall(r"[^\W_]+|[^\x00-\x7f]+", message.lower()) if message.isascii() else _words(message.lower())
    for at in range(len(found) - len(words) + 1):
        window = found[at : at + len(words)]
        *firsts, last = window
        if firsts == list(words[:-1]) and (last.startswith(words[-1]) if is_prefix else last == words[-1]):
            return True
    return False


def _words(text: str) -> list[str]:
    found, word = [], ""
    for character in text + " ":
        if not character.isascii() or character.isalnum():
            word += character
        elif word:
            found.append(word)
            word = ""
    return found


def _at(decoded: Any, path: tuple[str, ...]) -> list[Any]:
    ways = [path] if len(path) == 1 else [path, (".".join(path),)]
    found = []
    for way in ways:
        value = decoded
        for name in way:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            found.append(value)
    return found


def _item_text(item: Any) -> str | None:
    """A whole number or a boolean in a list, as it is found."""
    if isinstance(item, _Written):
        return item.text.split(".")[0] if item.is_integer() and "e" not in item.text.lower() else None
    return json.dumps(item) if isinstance(item, int) else None


def _value_passes(value: Any, test: str | Bounds | Matches | None) -> bool:
    if test is None:
        return True
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        value = str(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(test, Bounds):
        return is_number and _within(value, test, None)
    if isinstance(test, Matches):
        return isinstance(value, str) and _found(test.pattern, value)
    if isinstance(value, bool):
        return test == ("true" if value else "false")
    if isinstance(value, list):
        return any(item == test if isinstance(item, str) else _item_text(item) == test for item in value)
    if is_number:
        try:
            return Decimal(test) == Decimal(value.text if isinstance(value, _Written) else value) and not (
                isinstance(value, _Written) and "e" in value.text.lower()
            )
        except InvalidOperation:
            return False
    return bool(value == test)
