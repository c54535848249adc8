"""A filter as a condition of the engine's SQL: the text comes from `sql/predicates.sql`, every value is bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from logmill.record import KINDS, Kind
from storage.engine import schema
from storage.engine.protocol import Value
from storage.search import numbers, words
from storage.search.filters import (
    And,
    AnyOf,
    Between,
    Bounds,
    Contains,
    Exists,
    Filter,
    Identity,
    Matches,
    Metadata,
    Not,
    Or,
    Scalar,
    Words,
)
from storage.statements import statement

_BOUND_TYPES = {
    Kind.BOOL: "Bool",
    Kind.U8: "UInt8",
    Kind.U16: "UInt16",
    Kind.U32: "UInt32",
    Kind.U64: "UInt64",
}
# A boolean or a time is always there.
_EXISTS = {
    Kind.LABEL: "exists_text",
    Kind.TEXT: "exists_text",
    Kind.U8: "exists_number",
    Kind.U16: "exists_number",
    Kind.U64: "exists_number",
    Kind.F32_OR_NULL: "exists_nullable",
    Kind.LABELS: "exists_list",
}
_ALL_WORDS = statement("expressions", "all_words")
_PLAIN_WORDS = statement("expressions", "plain_words")
_METADATA_WORDS = statement("expressions", "metadata_words")
_ANY_WORD = "anyword"
_LIKE_SPECIAL, _LIKE_ESCAPE = re.compile(r"([\\%_])"), r"\\\1"


def condition(wanted: Filter, names: str = "f") -> tuple[str, dict[str, Value]]:
    """The condition and the values of its parameters, whose names begin with `names`."""
    writer = _Writer(names)
    return writer.write(wanted), writer.params


class _Writer:
    """Writes one condition and gathers what it binds."""

    def __init__(self, names: str) -> None:
        self.params: dict[str, Value] = {}
        self._names = names

    def write(self, wanted: Filter) -> str:
        match wanted:
            case And(parts):
                return _joined(" AND ", [self.write(part) for part in parts], "1")
            case Or(parts):
                return _joined(" OR ", [self.write(part) for part in parts], "0")
            case Not(part):
                return f"NOT ({self.write(part)})"
            case AnyOf(column, values):
                return self._any_of(column, values)
            case Between(column, bounds):
                within = self._within(column, lambda value: self._value(value, column), bounds)
                is_open = bounds.low is None and bounds.high is None
                if is_open and KINDS[column] is Kind.F32_OR_NULL:
                    return self.write(Exists(column))
                return self._never_null(column, within)
            case Exists(column):
                name = _EXISTS.get(KINDS[column])
                return "1" if name is None else statement("predicates", name, column=column)
            case Matches(column, pattern, lowered):
                kind = "list_matches" if KINDS[column] is Kind.LABELS else "matches_lowered" if lowered else "matches"
                return statement("predicates", kind, column=column, value=self._bind(pattern, "String"))
            case Words():
                return self._words(wanted)
            case Contains(text):
                like = f"%{_LIKE_SPECIAL.sub(_LIKE_ESCAPE, text)}%"
                return statement("predicates", "contains", text=_ALL_WORDS, value=self._bind(like, "String"))
            case Identity(batch_id, ordinal):
                identity = {"batch_id": self._bind(batch_id.hex, "String"), "ordinal": self._bind(ordinal, "UInt32")}
                return statement("predicates", "identity", **identity)
            case Metadata():
                return self._metadata(wanted)

    @staticmethod
    def _never_null(column: str, found: str) -> str:
        """The condition with false in the place of null: else NOT of it would be null too."""
        is_nullable = KINDS[column] is Kind.F32_OR_NULL
        return statement("predicates", "nullable", condition=found) if is_nullable else found

    def _any_of(self, column: str, values: Sequence[Scalar]) -> str:
        of_list = "list_has" if KINDS[column] is Kind.LABELS else "equals"
        each = [statement("predicates", of_list, column=column, value=self._value(value, column)) for value in values]
        found = _joined(" OR ", each, "0")
        return self._never_null(column, found) if each else found

    def _words(self, wanted: Words) -> str:
        """The whole words are looked up in the indexes; order and the beginning of a word are seen in the text."""
        pattern = words.phrase_pattern(wanted.words, is_prefix=wanted.is_prefix)
        seen = statement("predicates", "matches_lowered", column="message", value=self._bind(pattern, "String"))
        whole = wanted.words[:-1] if wanted.is_prefix else wanted.words
        plain = [word for word in whole if not words.has_digit(word)]
        parts = [self._has_word(_ALL_WORDS, word) for word in whole if words.has_digit(word)]
        if plain:
            values = self._bind(plain, "Array(String)")
            parts.append(statement("predicates", "has_plain_words", plain_words=_PLAIN_WORDS, values=values))
        if len(whole) != 1 or wanted.is_prefix:
            parts.append(seen)
        return _joined(" AND ", parts, "1")

    def _has_word(self, text: str, word: str) -> str:
        return statement("predicates", "has_word", text=text, value=self._bind(word, "String"))

    def _metadata(self, wanted: Metadata) -> str:
        return _joined(" OR ", [self._at_path(path, wanted.test) for path in wanted.paths], "0")

    def _at_path(self, path: Sequence[str], test: str | Bounds | Matches | None) -> str:
        """Whether the value at this path passes; the words it must have are looked up in the index first."""
        at = ", ".join(self._bind(name, "String") for name in path)
        names = [word for name in path for word in words.words_in(name)]
        if test is None:
            return self._within_words(names, statement("predicates", "metadata_exists", path=at))
        if isinstance(test, Matches):
            found = statement("predicates", "metadata_matches", path=at, value=self._bind(test.pattern, "String"))
            return self._within_words(names, found)
        if isinstance(test, Bounds):
            return self._within_words(names, self._number_within(at, test))
        value = self._bind(test, "String")
        # What a mark may stand for is not in the text that is indexed.
        is_marked = path[-1] in schema.MARKS
        forms = ["metadata_text", "metadata_item"]
        if numbers.is_plain_item(test):
            forms.append("metadata_plain_item")
        ways = [statement("predicates", form, path=at, value=value) for form in forms]
        if test in {"true", "false"}:
            ways.append(statement("predicates", "metadata_bool", path=at, value=self._bind(test == "true", "Bool")))
        needed = names if is_marked else [*names, *words.words_in(test)]
        as_text = self._within_words(needed, _joined(" OR ", ways, "0"))
        as_number = numbers.number_of(test)
        if as_number is None:
            return as_text
        needed = names if is_marked else [*names, *numbers.words_of_number(as_number)]
        same = self._number_within(at, Bounds(as_number, as_number))
        return _joined(" OR ", [as_text, self._within_words(needed, same)], "0")

    def _number_within(self, at: str, bounds: Bounds) -> str:
        """Whether there is a number at this path, and it lies within the bounds."""
        is_large = any(bound is not None and numbers.is_large(bound) for bound in (bounds.low, bounds.high))
        forms = ("signed", "unsigned", "float") if is_large else ("float",)
        tests = {
            form: self._within(statement("predicates", f"metadata_{form}", path=at), self._number, bounds)
            for form in forms
        }
        if is_large:
            return statement("predicates", "metadata_large", path=at, **tests)
        return statement("predicates", "metadata_number", path=at, condition=tests["float"])

    def _number(self, value: float) -> str:
        return self._bind(int(value), "Int128") if numbers.is_large(value) else self._bind(float(value), "Float64")

    def _within_words(self, needed: Sequence[str], found: str) -> str:
        """The condition, for rows whose metadata may have these words."""
        if not needed:
            return found
        there = _joined(" AND ", [self._has_word(_METADATA_WORDS, word) for word in dict.fromkeys(needed)], "1")
        any_word = self._has_word(_METADATA_WORDS, _ANY_WORD)
        return f"(({there}) OR {any_word}) AND ({found})"

    def _within(self, column: str, bind: Callable[[float], str], bounds: Bounds) -> str:
        parts = []
        if bounds.low is not None:
            name = "at_least" if bounds.with_low else "above"
            parts.append(statement("predicates", name, column=column, value=bind(bounds.low)))
        if bounds.high is not None:
            name = "at_most" if bounds.with_high else "below"
            parts.append(statement("predicates", name, column=column, value=bind(bounds.high)))
        return _joined(" AND ", parts, "1")

    def _value(self, value: Scalar, column: str) -> str:
        """The value, bound as what the column holds."""
        kind = KINDS[column]
        if kind is Kind.TIME:
            return statement("predicates", "time_value", value=self._bind(value, "Int64"))
        if kind is Kind.F32_OR_NULL:
            return statement("predicates", "float_value", value=self._bind(value, "Float64"))
        return self._bind(value, _BOUND_TYPES.get(kind, "String"))

    def _bind(self, value: Value, kind: str) -> str:
        name = f"{self._names}{len(self.params)}"
        self.params[name] = value
        return f"{{{name}:{kind}}}"


def _joined(by: str, parts: Sequence[str], none: str) -> str:
    # What holds for every row would hide from the engine that an index alone can count the others.
    parts = [part for part in parts if part != none]
    if not parts:
        return none
    return parts[0] if len(parts) == 1 else by.join(f"({part})" for part in parts)
