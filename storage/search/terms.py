"""A term of a search text: its literal pieces and wildcards, and the filter that it is for the message."""

from __future__ import annotations

from storage.search import words
from storage.search.filters import EVERYTHING, Contains, Exists, Filter, Matches, Words
from storage.search.words import Piece, Wildcard

ANY: list[Piece] = [Wildcard.RUN]


def pieces_of(text: str) -> list[Piece]:
    """The literal texts and wildcards of a term; a backslash takes the next character as it is."""
    found: list[Piece] = []
    literal = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            literal += next(characters, "\\")
        elif character in "*?":
            if literal:
                found.append(literal)
                literal = ""
            if character != "*" or found[-1:] != ANY:
                found.append(Wildcard(character))
        else:
            literal += character
    return [*found, literal] if literal or not found else found


def in_message(pieces: list[Piece], *, is_bare: bool) -> Filter:
    """What a term finds in the message.

    Args:
        pieces: at least one.
        is_bare: whether no field was named: then a lone star asks for nothing.
    """
    if pieces == ANY:
        return EVERYTHING if is_bare else Exists("message")
    lowered = [piece.lower() if isinstance(piece, str) else piece for piece in pieces]
    match lowered:
        case [str(text)]:
            found = words.words_of(text)
            return Words(found) if found else Contains(text)
        case [Wildcard.RUN, str(text), Wildcard.RUN]:
            return Contains(text)
        case [str(text), Wildcard.RUN]:
            found = words.words_of(text)
            if found and text.endswith(found[-1]):
                return Words(found, is_prefix=True)
        case _:
            pass
    return Matches("message", words.wildcard_pattern(lowered, whole=False), lowered=True)
