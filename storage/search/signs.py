"""Signs that people type, as luqum reads them, with the way back to the text as typed.

`&&`, `||` and `!` of other programs are AND, OR and NOT. A minus right after a field's colon belongs to the value. What
comes right after an expression shows that none was meant: `path:/api/items`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

# What is text wherever a sign stands in it: escapes, quotes, and expressions where a term begins.
_EXPRESSION = r'(?<![^\s():!&|+"-])/(?:[^/\\]|\\.)*/'
_TEXT = rf'\\.|"(?:[^"\\]|\\.)*"|(?P<expression>{_EXPRESSION})'
# May stand right after an expression.
_AFTER = frozenset(" \t\r\n)]}&|~^")
# A term may begin with it, and nothing else; != is no operator of searches.
_BEFORE = r"(?:(?<![^\s(:])|(?<=&&)|(?<=\|\|))!(?!=)"
_MINUS = r"(?<=:)-(?=[^\s(\"/])|(?<=:[<>])-|(?<=:[<>]=)-"
_SIGN = re.compile(rf"{_TEXT}|(?P<sign>&&|\|\||{_BEFORE}|{_MINUS})", re.DOTALL)
_WORDS = {"&&": " AND ", "||": " OR ", "!": " NOT ", "-": "\\-"}


@dataclass(frozen=True, slots=True)
class Spelled:
    """A search text whose operators are words.

    Attributes:
        text: with AND, OR and NOT.
        starts: where each piece of the text as typed begins in `text`.
        shifts: how far each of them lies behind its place in the text as typed.
    """

    text: str
    starts: tuple[int, ...]
    shifts: tuple[int, ...]

    def typed_position(self, position: int) -> int:
        """The place, in the text as it was typed, of a character of `text`."""
        piece = bisect_right(self.starts, position) - 1
        return max(0, position - self.shifts[piece])


def after_expression(text: str) -> int | None:
    """Where text goes on right after an expression; None where it does nowhere."""
    ends = (found.end() for found in _SIGN.finditer(text) if found["expression"])
    return next((end for end in ends if end < len(text) and text[end] not in _AFTER), None)


def spelled(text: str) -> Spelled:
    """The text with its signs spelled out."""
    pieces, starts, shifts = [], [0], [0]
    end = length = 0
    for found in _SIGN.finditer(text):
        if found["sign"] is None:
            continue
        word = _WORDS[found["sign"]]
        pieces += [text[end : found.start()], word]
        length += found.start() - end
        # An error at the word is one at the sign.
        starts += [length, length + len(word)]
        blanks = len(word) - len(word.lstrip())
        shifts += [length + blanks - found.start(), length + len(word) - found.end()]
        length += len(word)
        end = found.end()
    return Spelled("".join([*pieces, text[end:]]), tuple(starts), tuple(shifts))
