"""Redacts the parts that a message was taken apart into: what was sensitive in the whole is so in each part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from processor.redaction.documents import Documents, Name
from processor.redaction.encoded import redact_message
from processor.redaction.kinds import Span
from processor.redaction.text import Redactor

# A letter that begins a word, or is none of one; a secret may begin with either.
_BEGIN = re.compile(r"(?<!\w).", re.DOTALL)
# All secrets that are looked for are at least as long.
_FIRST_CHARS = 6
_JOINS = re.compile(r"[-_./: ]")
# By so much of what stands beside a word its place is known again.
_LEAST_BESIDE, _MOST_BESIDE = 3, 8


def without_parts(whole: str, message: str, metadata: str, redactor: Redactor) -> tuple[str, str]:
    """Message and metadata without what is sensitive in the text that they are from.

    A word before a secret (`password: `) may have gone to another part; alone the secret is a word as any. What could
    be a word of the language (`secret=production`) is only redacted where it was secret in the whole.

    Args:
        whole: the message as it came.
        message: what is left of it, redacted.
        metadata: a JSON object with the rest, redacted. Its names stay.
        redactor: by which rules.
    """
    known = redactor.found_in(whole)
    if not known:
        return message, metadata
    secrets = _Secrets(whole, known, redactor)
    return redact_message(secrets.hidden(message), redactor), _Parts(redactor, secrets).redact(metadata)


class _Parts(Documents):
    """Redacts JSON objects, and in their values also some texts that are sensitive wherever they are."""

    def __init__(self, redactor: Redactor, secrets: _Secrets) -> None:
        super().__init__(redactor)
        self._secrets = secrets

    def _value(self, text: str, name: Name, depth: int, *, is_secret: bool) -> str:
        return super()._value(self._secrets.hidden(text), name, depth, is_secret=is_secret)


class _Secrets:
    """Texts that are sensitive in a whole, which are looked for in its parts.

    Args:
        whole: the text they are from.
        known: each, and what stands in its place.
        redactor: what found them.
    """

    def __init__(self, whole: str, known: dict[str, str], redactor: Redactor) -> None:
        self._known = known
        self._lengths: dict[str, set[int]] = {}
        for value in known:
            self._lengths.setdefault(value[:_FIRST_CHARS], set()).add(len(value))
        # Of the words that also stand elsewhere in the whole: what is before and behind them where they are secret.
        self._beside: dict[str, tuple[set[str], set[str]]] = {}
        if words := set(filter(_is_word, known)):
            self._look_around(whole, words, redactor)

    def _look_around(self, whole: str, words: set[str], redactor: Redactor) -> None:
        places = [span for span in redactor.places_in(whole) if whole[slice(*span)] in words]
        secret = Counter(whole[start:end] for start, end in places)
        others = Counter(whole[start:end] for start, end in self._found(whole))
        self._beside = {word: (set(), set()) for word in words if others[word] > secret[word]}
        for start, end in places:
            if beside := self._beside.get(whole[start:end]):
                for count in range(_LEAST_BESIDE, _MOST_BESIDE + 1):
                    beside[0].add(whole[max(0, start - count) : start])
                    beside[1].add(whole[end : end + count])

    def hidden(self, text: str) -> str:
        """The text, with what stands for these secrets in their places."""
        parts, done = [], 0
        for start, end in self._found(text):
            value = text[start:end]
            if self._is_secret_here(text, start, end, self._beside.get(value)):
                parts += [text[done:start], self._known[value]]
                done = end
        return "".join((*parts, text[done:])) if parts else text

    def _found(self, text: str) -> Iterator[Span]:
        """Where they stand alone, the longest first, and apart."""
        done = 0
        for match in _BEGIN.finditer(text):
            start = match.start()
            lengths = self._lengths.get(text[start : start + _FIRST_CHARS])
            if lengths is None or start < done:
                continue
            for length in sorted(lengths, reverse=True):
                end = start + length
                behind = text[end : end + 1]
                if text[start:end] in self._known and not (behind.isalnum() or behind == "_"):
                    yield start, end
                    done = end
                    break

    def _is_secret_here(self, text: str, start: int, end: int, beside: tuple[set[str], set[str]] | None) -> bool:
        if beside is None:
            return True
        before, behind = text[max(0, start - _MOST_BESIDE) : start], text[end : end + _MOST_BESIDE]
        return any(
            len(one) >= _LEAST_BESIDE and one in known for one, known in zip((before, behind), beside, strict=True)
        )


def _is_word(value: str) -> bool:
    """Whether it could be a word of the language or some joined, and not only a secret."""
    letters = _JOINS.sub("", value)
    return letters.isalpha() and (letters.islower() or letters.isupper() or letters.istitle())
