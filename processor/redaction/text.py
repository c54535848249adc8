"""Redacts texts: every kind in turn, each in its mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from logmill.rules.sections import Mode
from processor.redaction.kinds import Kind, compiled
from processor.redaction.passwords import is_secret_name
from processor.redaction.placeholders import is_placeholder, placeholder
from processor.redaction.shipped import KINDS

NAMED = "password"
# Where two secrets touch, the second stands by itself once the first is gone; in no text of a log do so many touch.
_MAX_ROUNDS = 50


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
        self._named = next((rule for rule in rules if rule.kind.name == NAMED), None)
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
                for start, end in rule.kind.find(text):
                    value = text[start:end]
                    if len(value) >= _LEAST_CHARS and value not in names:
                        found[value] = placeholder(rule.kind.name, rule.mode, value, self._key)
        return found

    def is_secret(self, name: str, value: str) -> bool:
        """Whether the value of a member is redacted whatever it is, for its name says that it is secret."""
        return self._named is not None and is_secret_name(name, value)

    def hide(self, value: str) -> str:
        """What stands for a value that `is_secret`; one that was redacted already stays so."""
        if self._named is None or not value or is_placeholder(value):
            return value
        self.found[NAMED] += 1
        return placeholder(NAMED, self._named.mode, value, self._key)

    def _redact(self, text: str) -> str:
        for _round in range(_MAX_ROUNDS):
            if all(hint.search(text) is None for hint in self._any):
                break
            before = text
            for rule, hint in self._rules:
                if hint.search(text) is not None:
                    text = self._without(rule, text)
            if text == before:
                break
        return text

    def _without(self, rule: Rule, text: str) -> str:
        parts, done = [], 0
        for start, end in rule.kind.find(text):
            if start < done:
                continue
            parts += [text[done:start], placeholder(rule.kind.name, rule.mode, text[start:end], self._key)]
            done = end
            self.found[rule.kind.name] += 1
        return "".join((*parts, text[done:])) if parts else text
