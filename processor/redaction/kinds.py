"""What a kind of sensitive text is: how it looks, and what tells it from what looks alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import re2

Span = tuple[int, int]
# From a text, the spans that are of the kind, in order and apart.
Finder = Callable[[str], Iterator[Span]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Attributes:
        name: what stands in its place: `<name>`.
        hint: an expression that every text has which holds one: of ASCII, for Rust's regex crate and for RE2 alike.
        find: where they are.
    """

    name: str
    hint: str
    find: Finder


def compiled(pattern: str) -> re2._Regexp:
    """The expression for RE2, which matches in linear time.

    Raises:
        re2.error: it is none.
    """
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def finder(pattern: str, accepts: Callable[[str, Span], bool] | None = None, group: str = "") -> Finder:
    """Finds what an expression matches.

    Args:
        pattern: of RE2.
        accepts: whether a span of the text is one, where the expression alone cannot say.
        group: the name of the group that is sensitive; without one all of it is.
    """
    expression = compiled(pattern)
    number = expression.groupindex[group] if group else 0

    def find(text: str) -> Iterator[Span]:
        for match in expression.finditer(text):
            span = match.span(number)
            if span[0] >= 0 and span[0] < span[1] and (accepts is None or accepts(text, span)):
                yield span

    return find


def stands_alone(text: str, span: Span, joining: str = "._") -> bool:
    """Whether no letter, digit or one of `joining` touches the span, as in a longer number or a name.

    A minus before it is part of what is before: `blk_-1608999687919862906` is one name.
    """
    start, end = span
    before = text[start - 1] if start else " "
    if before == "-" and start > 1:
        before = text[start - 2]
    after = text[end] if end < len(text) else " "
    if after == "." and (end + 1 >= len(text) or not text[end + 1].isalnum()):
        after = " "  # the end of a sentence
    return not (before.isalnum() or before in joining or after.isalnum() or after == "_" or after in joining)


_UUID = compiled(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UUID_CHARS = 36
# Names under which machines write numbers: as long as a card's, and some with its check digit.
_MACHINE_ID = compiled(
    r"(?i)(?:(?:trace|span|parent|correlation|request|req|event|message|msg|order|job|task|run|build|block|blk)"
    r"[ _.-]?(?:ids?|no|nr|number)[\\\"']{0,3}[ :=#_]{1,3}|(?:^|[^a-z])(?:trace|span|blk)[\\\"']{0,3} ?[:=#_]{1,2} ?)"
    r"[\\\"']{0,3}$"
)
_LONGEST_NAME = 40


def is_machine_id(text: str, span: Span) -> bool:
    """Whether the digits are of an id that no person has: part of a UUID, or after a name such as `trace_id`."""
    start, end = span
    if _MACHINE_ID.search(text[max(0, start - _LONGEST_NAME) : start]):
        return True
    first = max(0, start - _UUID_CHARS)
    return any(
        first + match.start() < end and first + match.end() > start
        for match in _UUID.finditer(text[first : end + _UUID_CHARS])
    )
