"""Regular expressions that users type: only RE2's, which run in linear time, and of bounded size.

Linear means by the text's length times the expression's, with its counted repetitions written out. Measured on text of
1 MB: expressions of up to 500 parts took half a second at most, of 1000 parts 25 s; of 24 classes of Unicode, each of
which is hundreds of parts to RE2, 10 s, and 85 us on a line of 40 characters, where others take 1 us. Nobody can end a
search within a text, so that such are refused.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from logmill.errors import InvalidField

MAX_CHARS = 1000
MAX_PARTS = 500
_UNICODE_CLASS_PARTS = 50
_TOKEN = re.compile(
    r"""
      \\Q (?P<literal>.*?) (?:\\E|$)
    | (?P<many> \\[pP] (?:\{[^}]*\}|.) )
    | \\x\{[^}]*\} | \\.
    | \[ \^? \]? (?: \[:[^\]]*:\] | \\. | [^\]\\] )* \]
    | (?P<flags> \(\? [a-zA-Z-]* \) )
    | (?P<open> \( (?: \? (?: P?<[^>]*> | [a-zA-Z-]*: ) )? )
    | (?P<close> \) )
    | \{ (?P<least>\d+) (?P<range> , (?P<most>\d*) )? \}
    | (?P<other> [*+?|] )
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


class Budget:
    """What the expressions and wildcards of one request may have together: MAX_PARTS parts."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def spend(self, parts: int) -> None:
        """Take so many.

        Raises:
            InvalidField: there are not so many left.
        """
        self._left -= parts
        if self._left < 0:
            raise InvalidField(
                "q", f"the expressions and wildcards have more than {MAX_PARTS} parts together, with repetitions"
            )


def check_pattern(pattern: str) -> int:
    """Try the expression on nothing, and count its parts as `parts_of` does.

    Raises:
        InvalidField: RE2 does not take it, or it is too long, as it is or with its repetitions written out.
    """
    if len(pattern) > MAX_CHARS:
        raise InvalidField("q", f"the expression is {len(pattern)} characters long, {MAX_CHARS} at most")
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, UnicodeEncodeError) as error:
        raise InvalidField("q", f"RE2 does not take this expression: {str(error)[:200]}") from None
    parts = parts_of(pattern)
    if parts > MAX_PARTS:
        raise InvalidField("q", f"the expression has {parts} parts with its repetitions, {MAX_PARTS} at most")
    return parts


def parts_of(pattern: str) -> int:
    """How many characters and classes an expression has, each as often as counted repetitions say; not too few.

    Args:
        pattern: one that RE2 takes.
    """
    outer: list[int] = []
    total = last = 0
    for token in _TOKEN.finditer(pattern):
        if token["least"] is not None:
            times = max(int(token["least"]) + (token["most"] == ""), int(token["most"] or 0))
            total += last * (max(times, 1) - 1)
            last *= max(times, 1)
        elif token["open"] is not None:
            outer.append(total)
            total = 0
        elif token["close"] is not None:
            last, total = total, total + (outer.pop() if outer else 0)
        elif token["other"] is None and token["flags"] is None:
            last = _parts_of_one(token)
            total += last
    return total + sum(outer)


def _parts_of_one(token: re.Match[str]) -> int:
    if token["literal"] is not None:
        return len(token["literal"])
    text = token[0]
    is_many = token["many"] is not None or (text[0] == "[" and ("\\p" in text or "\\P" in text))
    return _UNICODE_CLASS_PARTS if is_many else 1
