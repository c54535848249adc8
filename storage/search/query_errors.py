"""What is said of a search text that cannot be read, and where."""

from __future__ import annotations

import re
from collections.abc import Callable

from logmill.errors import InvalidField

_POSITION = re.compile(r"at position (\d+)")


class QueryError(InvalidField):
    """The search text cannot be read.

    Args:
        message: what is wrong.
        position: the character at which it is, from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        where = f"{message} (at position {position} of q)"
        super().__init__("q", where, code="invalid_query", more={"position": position})
        self.what = message
        self.position = position


def syntax_error(words_of_luqum: str, text: str, typed_position: Callable[[int], int]) -> QueryError:
    """The error for a text that luqum gave up on.

    Args:
        words_of_luqum: its error.
        text: what was typed.
        typed_position: the place in that of a character of what luqum was given.
    """
    found = _POSITION.search(words_of_luqum)
    if found is None:
        return QueryError("the search ends too early; is a bracket or a quote left open?", len(text))
    at = typed_position(int(found[1]))
    rest = text[at : at + 20]
    if rest[:1] in {'"', "/"}:
        return QueryError(f"{rest[:1]} is opened and not closed", at)
    return QueryError(f"{rest!r} was not expected here; quote or escape what is no operator", at)
