"""Plain copies of the values that an application logs: what they are at the moment of the call, as JSON can have it.

Nothing here raises, whatever it is given, and nothing here takes long: what is deep, long or large is cut.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time
from enum import Enum
from numbers import Integral, Rational, Real
from typing import Any

# Immutable, and JSON as they are (but for floats that are no numbers, which `json_members` sees to).
PLAIN = frozenset({str, int, float, bool, type(None)})
MAX_DEPTH = 8
# What one value may have in all, and what counts for an item besides its text.
MAX_TEXT_CHARS = 64 * 1024
ITEM_CHARS = 16
_MAX_NAME_CHARS = 256
# Longer whole numbers are no JSON that anybody reads; and Python refuses to write very long ones.
_MAX_INT_BITS = 1024
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def cut(text: str, max_chars: int = MAX_TEXT_CHARS) -> str:
    """The text, or its beginning with a mark that says how long it was."""
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… [cut, {len(text)} characters in all]"


def text_of(value: object) -> str:
    """`str(value)`, else its `repr`, else its type; never raises."""
    for render in (str, repr):
        try:
            return render(value)
        except Exception:  # noqa: BLE001, S112 - code of the application, which may raise anything
            continue
    return f"<{type(value).__name__}>"


class Room:
    """How much of one value there is still room for.

    Attributes:
        chars: how many more, ITEM_CHARS of them for each item.
    """

    __slots__ = ("chars",)

    def __init__(self, chars: int = MAX_TEXT_CHARS) -> None:
        self.chars = chars

    def taken(self, text: str = "") -> str:
        """The text, cut to what there is room for, which is then less."""
        found = cut(text, max(0, self.chars))
        self.chars -= len(found) + ITEM_CHARS
        return found


def plain(value: Any, room: Room | None = None) -> Any:
    """A copy that is JSON and that nobody can change: text, numbers, and lists and objects of them.

    Args:
        value: anything; what has no place in JSON becomes text.
        room: how much of it is taken, and afterwards how much would still have been.
    """
    return _plain(value, MAX_DEPTH, room or Room(), frozenset())


def _plain(value: Any, depth: int, room: Room, within: frozenset[int]) -> Any:
    """The same, `depth` levels deep, in containers with these ids."""
    try:
        if isinstance(value, Mapping | list | tuple | AbstractSet):
            if depth == 0 or id(value) in within:
                return "…"
            return _copied(value, depth - 1, room, within | {id(value)})
        return _short(value if type(value) in PLAIN else _scalar(value), room)
    except Exception:  # noqa: BLE001 - code of the application, or a container that another thread changes
        return room.taken(text_of(value))


def _copied(value: Any, depth: int, room: Room, within: frozenset[int]) -> Any:
    if isinstance(value, Mapping):
        members: dict[str, Any] = {}
        for name, item in value.items():
            if room.chars <= 0:
                members["…"] = f"[cut, {len(value)} members in all]"
                break
            members[room.taken(name_of(name))] = _plain(item, depth, room, within)
        return members
    items: list[Any] = []
    for item in value:
        if room.chars <= 0:
            items.append(f"… [cut, {len(value)} items in all]")
            break
        items.append(_plain(item, depth, room, within))
    return items


def _short(value: Any, room: Room) -> Any:
    """A plain value in bounds."""
    if isinstance(value, str):
        return room.taken(value)
    room.taken()
    if isinstance(value, int) and value.bit_length() > _MAX_INT_BITS:
        return f"<a number of {value.bit_length()} bits>"
    return value


def _scalar(value: Any) -> Any:
    """The plain value that stands for one that is not, and is no container."""
    for kinds, convert in _SCALARS:
        if isinstance(value, kinds):
            return convert(value)
    return text_of(value)


# How values become plain, by the first of these types that they are of.
_SCALARS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value if type(value.value) in PLAIN else text_of(value)),
    (str, str.__str__),  # of a class of its own
    (
        bytes | bytearray | memoryview,
        lambda value: bytes(value[: MAX_TEXT_CHARS + 1]).decode(errors="backslashreplace"),
    ),
    (Integral, int),
    (Rational, text_of),
    (Real, float),  # of other libraries too
    (datetime | date | time, lambda value: value.isoformat()),
    (BaseException, lambda value: f"{type(value).__name__}: {text_of(value)}"),
)


def name_of(name: object) -> str:
    """A name that a member of an object can have."""
    return cut(name if type(name) is str else text_of(name), _MAX_NAME_CHARS)


def json_members(members: Mapping[str, Any]) -> str:
    """Members of an object as JSON, without the brackets; values as `plain` gives them, or plain themselves.

    Args:
        members: one at least.
    """
    try:
        return _encode(members)[1:-1]
    except (ValueError, TypeError, RecursionError):
        return _encode({name_of(name): _finite(plain(value)) for name, value in members.items()})[1:-1]


def _finite(value: Any) -> Any:
    """The value with floats that are no numbers as text, since JSON has none."""
    if isinstance(value, float):
        return value if value - value == 0.0 else str(value)
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
