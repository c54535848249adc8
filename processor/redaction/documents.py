"""Redacts JSON that is text: keys, and values at any depth, by what they are and by what they are called.

What is not sensitive stays letter by letter as it was sent: numbers keep their digits, and blanks their places.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import msgspec

from processor.redaction.members import is_key_at, look_ahead, text_of
from processor.redaction.names import SOME_CODE, SOME_SECRET
from processor.redaction.passwords import names_flag
from processor.redaction.text import KEYS, Redactor
from processor.redaction.tokens import ends_key

# Strings, numbers and words, and what stands between; each letter belongs to one of them, so it is linear in time.
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|[-+0-9.eE]+|[{}\[\]:,]|[^"{}\[\]:,\-+0-9.eE]+|"', re.DOTALL)
_DIGITS = frozenset("-0123456789")
# Sizes and times are numbers too, and some have the check digits of a card: a number that is not as long as most cards
# counts where its name says what it is.
_CARD_DIGITS = 15
_NUMBER_NAMES = re.compile(
    r"card|pan\b|account|iban|phone|tel|mobile|msisdn|fax|cell|cpf|pesel|bsn|sin\b|ssn|nhs|egn|oib|cnp|aadhaar|national|"
    r"personal|citizen|identity|tax"
    # And of these names, that it is none of these kinds: see `numbers`.
    r"|trace|span|(?:order|request|correlation)[ _.-]?id",
    re.IGNORECASE,
)
_MAX_NAMES = 10_000
# JSON in a string of JSON is looked at so deep; further down it is a text.
_MAX_DEPTH = 8
_IN_TEXT = 1
# A letter of ASCII as JSON may write it, or a slash; and a pair of backslashes, of which the second begins nothing.
_ESCAPE = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|(/)|\\)")
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Name:
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


@dataclass(slots=True)
class _Inside:
    """An object or array.

    Attributes:
        name: what its values are called.
        is_secret: whether all in it is.
        is_array: whether it is an array.
        pairs: whether its strings are names and values in turn.
        last: the last string of an array so far.
        count: how many there were.
        is_key: whether a private key goes on here.
    """

    name: Name
    is_secret: bool
    is_array: bool = False
    pairs: bool = False
    last: str = ""
    count: int = 0
    is_key: bool = False

    def opened(self, name: Name, bracket: str, size: int | None) -> _Inside:
        """What begins in it with this bracket, of so many items."""
        is_array = bracket == "["
        pairs = size == _PAIR if self.is_array else "headers" in name.redacted.lower()
        return _Inside(name, self.is_secret or name.is_secret, is_array=is_array, pairs=is_array and pairs)


class Documents:
    """Redacts one JSON object after the other; most have the same names, so what these say is kept.

    Args:
        redactor: for each text in them.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._names: dict[str, Name] = {}
        self._no_name = self._look_at("")

    def redact(self, document: str) -> str:
        """The object or array without what is sensitive in it; what is neither is redacted as a text."""
        return self._redact(document, 0)

    def redact_encoded(self, text: str) -> str:
        """The text without what is sensitive in it, decoded or not; letters that had to be decoded stay so.

        Args:
            text: JSON, a JSON object or array a line, or any other.
        """
        return self._redact_encoded(text, 0)

    def redact_message(self, text: str) -> str:
        """As `redact_encoded`, but whatever numbers are in it count, as they do in any text."""
        return self._redact_encoded(text, _IN_TEXT)

    def _redact_encoded(self, text: str, depth: int, says: str = "") -> str:
        if is_json(text):
            return self._redact(text, depth)
        lines = text.split("\n") if may_be_json(text) else []
        if lines and all(is_json(line) or not line.strip() for line in lines):
            return "\n".join(self._redact(line, depth) for line in lines)
        # No JSON, or broken: names and values cannot be told apart, so it is one text.
        decoded = _ESCAPE.sub(_letter, text) if "\\" in text else text
        redacted = self._redactor.redact(decoded, says)
        if decoded == text:
            return redacted
        return self._redactor.redact(text, says) if redacted == decoded else redacted

    def _redact(self, document: str, depth: int) -> str:
        if not may_be_json(document):
            return self._redactor.redact(document)
        parts = _PARTS.findall(document)
        before = look_ahead(parts, document)
        around: list[_Inside] = []
        inside = _Inside(self._no_name, is_secret=False)
        name, changed = self._no_name, False
        for index, part in enumerate(parts):
            first = part[0]
            if first == '"':
                if (text := text_of(part)) is None:
                    return self._redactor.redact(document)
                if is_key_at(parts, index):
                    name = self._of(before.names.get(index, text))
                    new = self._of(text).redacted
                else:
                    new = self._item(text, name, inside, depth)
            elif first in _DIGITS:
                text = part
                new = self._number(text, name, depth, is_secret=inside.is_secret)
            else:
                if first in "{[":
                    around.append(inside)
                    inside = inside.opened(name, first, before.sizes.get(index))
                elif first in "}]" and around:
                    name, inside = inside.name, around.pop()
                continue
            if new != text:
                parts[index] = msgspec.json.encode(new).decode()
                changed = True
        return "".join(parts) if changed else document

    def _item(self, text: str, name: Name, inside: _Inside, depth: int) -> str:
        """A string of an object, or one of an array in the light of the one before it."""
        if not inside.is_array:
            return self._value(text, name, depth, is_secret=inside.is_secret)
        name, last = inside.name, inside.last
        is_value = inside.pairs and inside.count % _PAIR == 1
        inside.count, inside.last = inside.count + 1, text
        if inside.is_key:
            inside.is_key = not ends_key(text)
            return self._redactor.hide(text, KEYS)
        inside.is_key = self._redactor.opens_key(text)
        is_flagged = not text.startswith("-") and names_flag(last) and self._redactor.is_secret("password", text)
        if is_value:
            name = self._of(last)
        return self._value(text, name, depth, is_secret=inside.is_secret or is_flagged)

    def _number(self, text: str, name: Name, depth: int, *, is_secret: bool) -> str:
        is_told = is_secret or name.is_secret or name.may_be_secret or name.says
        if not (is_told or depth >= _IN_TEXT or len(text) >= _CARD_DIGITS):
            return text
        return self._value(text, name, depth, is_secret=is_secret)

    def _value(self, text: str, name: Name, depth: int, *, is_secret: bool) -> str:
        if depth < _MAX_DEPTH and ("\\" in text or may_be_json(text)):
            new = self._redact_encoded(text, depth + 1, name.says)
        else:
            new = self._redactor.redact(text, name.says)
        if is_secret or ((name.is_secret or name.may_be_secret) and self._is_named_secret(name, text, new)):
            return self._redactor.hide(new)
        return new

    def _is_named_secret(self, name: Name, *values: str) -> bool:
        """Whether it is one as it came, or as it reads once what else is sensitive in it is gone."""
        return any(self._redactor.is_secret(name.redacted, value) for value in values)

    def _of(self, name: str) -> Name:
        return self._names.get(name) or self._look_at(name)

    def _look_at(self, name: str) -> Name:
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        is_secret = self._redactor.is_secret
        redacted = self._redactor.redact(name)
        found = Name(
            redacted=redacted,
            # As it is stored: redacting again must see the same.
            says=redacted if _NUMBER_NAMES.search(redacted) else "",
            is_secret=is_secret(name, "Zq7") and is_secret(name, "7"),
            may_be_secret=is_secret(name, SOME_SECRET) or is_secret(name, SOME_CODE),
        )
        self._names[name] = found
        return found


def may_be_json(text: str) -> bool:
    """Whether it begins as a JSON object or array does."""
    return text.lstrip()[:1] in {"{", "["}


def is_json(text: str) -> bool:
    """Whether it is a JSON object or array, to some at least: halves of letters and NaN are to Python."""
    if not may_be_json(text):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
    return True


def _letter(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2] or found[0]
