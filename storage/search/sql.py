"""A filter as a condition of the engine's SQL: the text comes from `sql/predicates.sql`, every value is bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from logmill.parameters import finite_number
from logmill.record import KINDS, Kind
from storage.engine.protocol import Value
from storage.search import words
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


def condition(wanted: Filter) -> tuple[str, dict[str, Value]]:
    """The condition and the values of its parameters."""
    writer = _Writer()
    return writer.write(wanted), writer.params


class _Writer:
    """Writes one condition and gathers what it binds."""

    def __init__(self) -> None:
        self.params: dict[str, Value] = {}

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
                return statement("predicates", "contains", value=self._bind(text, "String"))
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
        """The whole words are looked up in the index; order and the beginning of a word are seen in the text."""
        pattern = words.phrase_pattern(wanted.words, is_prefix=wanted.is_prefix)
        seen = statement("predicates", "matches_lowered", column="message", value=self._bind(pattern, "String"))
        whole = wanted.words[:-1] if wanted.is_prefix else wanted.words
        if not whole:
            return seen
        indexed = statement("predicates", "has_words", values=self._bind(whole, "Array(String)"))
        return indexed if len(whole) == len(wanted.words) == 1 else f"({indexed}) AND ({seen})"

    def _metadata(self, wanted: Metadata) -> str:
        return _joined(" OR ", [self._at_path(path, wanted.test) for path in wanted.paths], "0")

    def _at_path(self, path: Sequence[str], test: str | Bounds | Matches | None) -> str:
        at = ", ".join(self._bind(name, "String") for name in path)
        if test is None:
            return statement("predicates", "metadata_exists", path=at)
        if isinstance(test, Matches):
            return statement("predicates", "metadata_matches", path=at, value=self._bind(test.pattern, "String"))
        number = statement("predicates", "metadata_float", path=at)
        if isinstance(test, Bounds):
            within = self._within(number, lambda value: self._bind(float(value), "Float64"), test)
            return statement("predicates", "metadata_number", path=at, condition=within)
        value = self._bind(test, "String")
        ways = [statement("predicates", name, path=at, value=value) for name in ("metadata_text", "metadata_item")]
        if test in {"true", "false"}:
            ways.append(statement("predicates", "metadata_bool", path=at, value=self._bind(test == "true", "Bool")))
        as_number = finite_number(test)
        if as_number is not None:
            same = statement("predicates", "equals", column=number, value=self._bind(as_number, "Float64"))
            ways.append(statement("predicates", "metadata_number", path=at, condition=same))
        return _joined(" OR ", ways, "0")

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
        name = f"f{len(self.params)}"
        self.params[name] = value
        return f"{{{name}:{kind}}}"


def _joined(by: str, parts: Sequence[str], none: str) -> str:
    if not parts:
        return none
    return parts[0] if len(parts) == 1 else by.join(f"({part})" for part in parts)
