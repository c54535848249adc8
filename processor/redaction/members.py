"""What the parts of a JSON text say of each other: which member is called by another, and how long arrays are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import msgspec

_HALVES = re.compile("[\ud800-\udfff]")
# Members of which one says what the other is called.
_NAMED_BY, _VALUES = frozenset(["name", "key", "header", "field"]), frozenset(["value", "values", "val"])
_decode = msgspec.json.Decoder(str).decode


@dataclass(slots=True)
class Siblings:
    """What is known of a text before it is redacted.

    Attributes:
        names: by the place of a key, what another member says that its value is called.
        sizes: by the place of a bracket, how many items follow.
    """

    names: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Members:
    """Of an object or array: where it begins, its commas, the name a member says, and where the keys of values are."""

    begin: int
    commas: int = 0
    name: str = ""
    values: list[int] = field(default_factory=list)

    def add(self, parts: list[str], index: int) -> None:
        """The member whose key is here."""
        key = parts[index][1:-1].lower()
        if key in _VALUES:
            self.values.append(index)
        elif key in _NAMED_BY and not self.name:
            self.name = _string_after(parts, index)


def look_ahead(parts: list[str], document: str) -> Siblings:
    """Which members are called by what another says, by the place of their key; and how many items arrays have."""
    found = Siblings()
    if not any(sign in document for sign in ("alue", '"val"', "[")):
        return found
    around: list[_Members] = []
    for index, part in enumerate(parts):
        if part in {"{", "["}:
            around.append(_Members(index))
        elif not around:
            continue
        elif part in {"}", "]"}:
            members = around.pop()
            found.sizes[members.begin] = members.commas + 1
            if members.name:
                found.names.update(dict.fromkeys(members.values, members.name))
        elif part == ",":
            around[-1].commas += 1
        elif part[0] == '"' and is_key_at(parts, index):
            around[-1].add(parts, index)
    return found


def _string_after(parts: list[str], index: int) -> str:
    """The string that is the value of the key here, or ""."""
    following = [part for part in parts[index + 1 : index + 5] if not part.isspace()]
    value = following[1] if len(following) > 1 else ""
    return text_of(value) or "" if value[:1] == '"' else ""


def text_of(part: str) -> str | None:
    """A string's text; None where it is no JSON."""
    if "\\" not in part:
        return part[1:-1] if len(part) > 1 else None
    try:
        return str(_decode(part.encode()))
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    try:  # half of a letter (a lone surrogate) is JSON for some; what is looked for can have none
        return _HALVES.sub("\ufffd", json.loads(part))
    except ValueError:
        return None


def is_key_at(parts: list[str], index: int) -> bool:
    """Whether a colon follows."""
    following = parts[index + 1 : index + 3]
    return following[:1] == [":"] or (following[1:] == [":"] and following[0].isspace())
