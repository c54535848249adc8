"""Redacts texts: every kind in turn, each in its mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logmill.rules.sections import Mode
from processor.redaction.kinds import Kind, Span, compiled
from processor.redaction.names import is_secret_name
from processor.redaction.placeholders import is_placeholder, placeholder, placeholder_end
from processor.redaction.shipped import KINDS
from processor.redaction.tokens import is_open_key

NAMED = "password"
KEYS = "private_key"
# What was redacted may uncover something: `_without` sees to what touches it, and so few rounds do.
_MAX_ROUNDS, _LEAST_ROUNDS, _MAX_CHARS = 10, 3, 1_000_000
# What stands for a text in which there is something sensitive after all of them; nobody writes such texts but to try.
WITHHELD = "withheld: what is sensitive in this text lies too close together"
# In so much of what touches a secret the next one is looked for.
_MAX_TOUCHING, _LONGEST_PLACEHOLDER = 1024, 90


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind and its mode: mask, hash or drop."""

    kind: Kind
    mode: Mode


# A shorter one may be part of anything.
_LEAST_CHARS = 6


class Redactor:
    """Redacts one text after the other.

    What it promises: a text without sensitive parts stays as it is; in others nothing changes but those parts; and
    redacting again changes nothing.

    Args:
        rules: in their order; a text that could be of two kinds is of the first.
        key: for mode hash.

    Attributes:
        hints: expressions for polars; a text that none of them is in has nothing sensitive in it.
        found: how many of each kind were redacted.
    """

    def __init__(self, rules: Sequence[Rule], key: bytes) -> None:
        self._rules = [(rule, compiled(rule.kind.hint)) for rule in rules]
        self._key = key
        self._modes = {rule.kind.name: rule.mode for rule in rules}
        self._own = frozenset(rule.kind.name for rule in rules if rule.kind not in KINDS)
        shipped = "|".join(f"(?:{rule.kind.hint})" for rule in rules if rule.kind in KINDS)
        own = [rule.kind.hint for rule in rules if rule.kind not in KINDS]
        self._any = [compiled(hint) for hint in (shipped, *own) if hint]
        # By \b both engines mean letters of ASCII then, and polars stays with its quick way on any text. What else
        # they may take for different letters only matters where there are others than those of ASCII.
        self.hints = tuple(hint.replace(r"\b", r"(?-u:\b)") for hint in (shipped, *own) if hint)
        if own:
            self.hints += (r"[^\x00-\x7F]",)
        self.found: Counter[str] = Counter()

    def redact(self, text: str, name: str = "") -> str:
        """The text without what is sensitive in it.

        Args:
            text: any.
            name: of the member whose value it is, which may say what the value is.
        """
        if name:
            before = f"{name}: "
            whole = self._redact(before + text)
            if whole.startswith(before):
                return whole.removeprefix(before)
        return self._redact(text)

    def found_in(self, text: str) -> dict[str, str]:
        """What is sensitive in the text, and what is put in its place; nothing that is too short to tell."""
        found = {}
        names = {rule.kind.name for rule, _hint in self._rules}
        for rule, hint in self._rules:
            if hint.search(text) is not None:
                for start, end in self._spans(rule, text):
                    value = text[start:end]
                    if len(value) >= _LEAST_CHARS and value not in names:
                        found[value] = placeholder(rule.kind.name, rule.mode, value, self._key)
        return found

    def places_in(self, text: str) -> set[Span]:
        """Where each kind finds something sensitive in the text; they may overlap."""
        return {span for rule, hint in self._rules if hint.search(text) for span in rule.kind.find(text)}

    def is_secret(self, name: str, value: str) -> bool:
        """Whether the value of a member is redacted whatever it is, for its name says that it is secret."""
        return NAMED in self._modes and is_secret_name(name, value)

    def opens_key(self, text: str) -> bool:
        """Whether a private key begins in the text and goes on in the next."""
        return KEYS in self._modes and is_open_key(text)

    def hide(self, value: str, kind: str = NAMED) -> str:
        """What stands for a value that `is_secret`; one that was redacted already stays so."""
        mode = self._modes.get(kind)
        if mode is None or not value or is_placeholder(value, self._own):
            return value
        self.found[kind] += 1
        return placeholder(kind, mode, value, self._key)

    def _redact(self, text: str) -> str:
        for _round in range(max(_LEAST_ROUNDS, min(_MAX_ROUNDS, _MAX_CHARS // (len(text) + 1)))):
            if all(hint.search(text) is None for hint in self._any):
                return text
            before = text
            for rule, hint in self._rules:
                if hint.search(text) is not None:
                    text = self._without(rule, text)
            if text == before:
                return text
        return WITHHELD

    def _without(self, rule: Rule, text: str) -> str:
        parts, done = [], 0
        for start, end in self._spans(rule, text):
            parts += [text[done:start], placeholder(rule.kind.name, rule.mode, text[start:end], self._key)]
            done = end
            self.found[rule.kind.name] += 1
        return "".join((*parts, text[done:])) if parts else text

    def _spans(self, rule: Rule, text: str) -> Iterator[Span]:
        """What the rule finds, in order and apart, and what stands by itself once it is gone."""
        done = 0
        for start, end in rule.kind.find(text):
            if start < done or self._is_redacted(rule, text, start, end):
                continue
            yield start, end
            done = end
            while (touching := _touching(rule, text, done)) > done:
                yield done, touching
                done = touching

    def _is_redacted(self, rule: Rule, text: str, start: int, end: int) -> bool:
        """Whether it is a placeholder of one's own kinds, or what such a kind finds in any placeholder."""
        if text[start] == "<" and is_placeholder(text[start:end], self._own):
            return True
        if rule.kind.name not in self._own:
            return False
        opening = text.rfind("<", max(0, start - _LONGEST_PLACEHOLDER), start + 1)
        return opening >= 0 and placeholder_end(text, opening, self._own) >= end


def _touching(rule: Rule, text: str, start: int) -> int:
    """Where a secret of this kind ends that begins right here, behind another; else `start`."""
    if not (text[start : start + 1].isalnum() or text[start : start + 1] == "_"):
        return start
    rest = text[start : start + _MAX_TOUCHING]
    begin, end = next(iter(rule.kind.find(rest)), (1, 0))
    is_whole = end < len(rest) or start + len(rest) == len(text)
    return start + end if begin == 0 and is_whole else start
