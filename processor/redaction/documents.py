"""Redacts JSON objects that are text: keys, and values at any depth, by what they are and by what they are called.

What is not sensitive stays letter by letter as it was sent: numbers keep their digits, and blanks their places.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import msgspec

from processor.redaction.passwords import SOME_SECRET
from processor.redaction.text import Redactor

# Strings, numbers and words, and what stands between; each letter belongs to one of them, so it is linear in time.
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[-+0-9.eE]+|[{}\[\]:,]|[^"{}\[\]:,\-+0-9.eE]+|"', re.DOTALL)
_DIGITS = frozenset("-0123456789")
# Sizes and times are numbers too, and some have the check digits of a card: a number that is not as long as most cards
# counts where its name says what it is.
_CARD_DIGITS = 15
_NUMBER_NAMES = re.compile(
    r"card|pan\b|account|iban|phone|tel|mobile|msisdn|fax|cell|cpf|pesel|bsn|sin\b|ssn|nhs|egn|oib|cnp|aadhaar|national|"
    r"personal|citizen|identity|tax",
    re.IGNORECASE,
)
_HALVES = re.compile("[\ud800-\udfff]")
_MAX_NAMES = 10_000
_decode = msgspec.json.Decoder(str).decode


@dataclass(frozen=True, slots=True)
class _Name:
    """What the name of a member says of its value.

    Attributes:
        redacted: the name itself, redacted.
        says: the name, where it may say what kind of number the value is, else "".
        is_secret: whether anything in it is secret.
        may_be_secret: whether that depends on the value.
    """

    redacted: str
    says: str
    is_secret: bool
    may_be_secret: bool


class Documents:
    """Redacts one JSON object after the other; most have the same names, so what these say is kept.

    Args:
        redactor: for each text in them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._names: dict[str, _Name] = {}
        self._no_name = self._look_at("")

    def redact(self, document: str) -> str:
        """The object or array without what is sensitive in it; what is neither is redacted as a text."""
        if document.lstrip()[:1] not in {"{", "["}:
            return self._redactor.redact(document)
        parts = _PARTS.findall(document)
        around: list[tuple[_Name, bool]] = []
        name, is_secret, changed = self._no_name, False, False
        for index, part in enumerate(parts):
            first = part[0]
            if first == '"':
                if (text := _text_of(part)) is None:
                    return self._redactor.redact(document)
                if _is_key(parts, index):
                    name = self._names.get(text) or self._look_at(text)
                    new = name.redacted
                else:
                    new = self._value(text, name, is_secret=is_secret)
            elif first in _DIGITS:
                text = part
                new = self._number(text, name, is_secret=is_secret)
            else:
                if first in "{[":
                    around.append((name, is_secret))
                    is_secret = is_secret or name.is_secret
                elif first in "}]" and around:
                    name, is_secret = around.pop()
                continue
            if new != text:
                parts[index] = msgspec.json.encode(new).decode()
                changed = True
        return "".join(parts) if changed else document

    def _number(self, text: str, name: _Name, *, is_secret: bool) -> str:
        is_told = is_secret or name.is_secret or name.says
        return self._value(text, name, is_secret=is_secret) if is_told or len(text) >= _CARD_DIGITS else text

    def _value(self, text: str, name: _Name, *, is_secret: bool) -> str:
        new = self._redactor.redact(text, name.says)
        if is_secret or ((name.is_secret or name.may_be_secret) and self._redactor.is_secret(name.redacted, text)):
            return self._redactor.hide(new)
        return new

    def _look_at(self, name: str) -> _Name:
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        is_secret = self._redactor.is_secret(name, SOME_SECRET)
        found = _Name(
            redacted=self._redactor.redact(name),
            says=name if _NUMBER_NAMES.search(name) else "",
            is_secret=is_secret and self._redactor.is_secret(name, "Zq7"),
            may_be_secret=is_secret,
        )
        self._names[name] = found
        return found


def _text_of(part: str) -> str | None:
    """A string's text; None where it is no JSON."""
    if "\\" not in part:
        return part[1:-1] if len(part) > 1 else None
    try:
        return str(_decode(part.encode()))
    except msgspec.DecodeError:
        pass
    try:  # half of a letter (a lone surrogate) is JSON for some; what is looked for can have none
        return _HALVES.sub("\ufffd", json.loads(part))
    except ValueError:
        return None


def _is_key(parts: list[str], index: int) -> bool:
    """Whether a colon follows."""
    following = parts[index + 1 : index + 3]
    return following[:1] == [":"] or (following[1:] == [":"] and following[0].isspace())
