"""What a word is, what a wildcard stands for, and how both are said as an RE2 expression.

A word is a run of ASCII letters and digits and of all characters beyond ASCII, as the engine's `splitByNonAlpha` has
it; the case of letters does not count. `user_id=7` has the words user, id and 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TypeAlias

_WORD = re.compile(r"[0-9a-zA-Z\u0080-\U0010ffff]+")
_DIGIT = re.compile(r"[0-9]")
_BETWEEN = r"[^0-9a-z\x{80}-\x{10ffff}]"
# What RE2 takes for more than itself.
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class Wildcard(Enum):
    """What stands for other characters: any number of them, or one."""

    RUN = "*"
    ONE = "?"


Piece: TypeAlias = str | Wildcard


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, lowered."""
    return tuple(_WORD.findall(text.lower()))


def words_in(text: str) -> tuple[str, ...]:
    """The words of a text in their own case."""
    return tuple(_WORD.findall(text))


def has_digit(word: str) -> bool:
    """Whether the word has an ASCII digit."""
    return _DIGIT.search(word) is not None


def quoted(text: str) -> str:
    """The RE2 expression that is found where the text is."""
    return _SPECIAL.sub(r"\\\1", text).replace("\n", r"\n").replace("\0", r"\x00")


def phrase_pattern(words: Iterable[str], *, is_prefix: bool) -> str:
    """The expression that is found in a lowered text where the words stand one after the other."""
    body = f"{_BETWEEN}+".join(quoted(word) for word in words)
    return f"(?:^|{_BETWEEN}){body}" + ("" if is_prefix else f"(?:$|{_BETWEEN})")


def wildcard_pattern(pieces: Sequence[Piece], *, whole: bool) -> str:
    """The expression for a text with wildcards.

    Args:
        pieces: literal texts and wildcards, at least one.
        whole: whether it must be the whole value. Else it is searched for in a lowered message, where a wildcard stands
            for characters other than white space, and an end without one is the end of a word.
    """
    any_one = "(?s:.)" if whole else r"\S"
    wild = {Wildcard.RUN: f"{any_one}*", Wildcard.ONE: any_one}
    body = "".join(wild[piece] if isinstance(piece, Wildcard) else quoted(piece) for piece in pieces)
    if whole:
        return f"^(?:{body})$"
    first, last = pieces[0], pieces[-1]
    before = f"(?:^|{_BETWEEN})" if isinstance(first, str) and _WORD.match(first[:1]) else ""
    after = f"(?:$|{_BETWEEN})" if isinstance(last, str) and _WORD.match(last[-1:]) else ""
    return f"{before}{body}{after}"
