"""Reads Lucene's query syntax, as people know it from Kibana and Graylog, into filters.

luqum parses; this module gives its tree a meaning. Words side by side must all be there (AND). A field that no record
has as a column is looked for in the metadata. Not supported, and said so with the position: fuzzy words, proximity and
boosts, which rank results where logs are ordered by time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import cast

from luqum import tree
from luqum.exceptions import ParseError
from luqum.thread import parse as parse_lucene

from logmill.errors import InvalidField
from logmill.ids import parse_log_id
from storage.search import words
from storage.search.fields import Field, Holds, field_of
from storage.search.filters import (
    EVERYTHING,
    And,
    AnyOf,
    Between,
    Bounds,
    Exists,
    Filter,
    Identity,
    Matches,
    Metadata,
    Not,
    Or,
)
from storage.search.numbers import number_of
from storage.search.patterns import Budget, check_pattern
from storage.search.query_errors import QueryError, syntax_error
from storage.search.signs import after_expression, spelled
from storage.search.terms import ANY, in_message, pieces_of
from storage.search.words import Piece, Wildcard

MAX_CHARS = 8192
MAX_DEPTH = 40
MAX_TERMS = 200

# Where these stand as words of their own, they would be words that no message has.
_OTHER_SIGNS = {"&&": "AND", "||": "OR", "!": "NOT"}
# Zero where a log has none, which lies in no range.
_ZERO_IS_NONE = frozenset({"status_code"})
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DEGREE = re.compile(r"[~^][0-9.]+")


def parse(text: str, now_us: int, budget: Budget | None = None) -> Filter:
    """The filter that a search text asks for; an empty one asks for everything.

    Args:
        text: at most MAX_CHARS characters, MAX_TERMS terms and MAX_DEPTH brackets within each other.
        now_us: what relative times count from.
        budget: what the expressions of all texts of a request take from; None: one for this text.

    Raises:
        QueryError: it cannot be read; says where.
    """
    if len(text) > MAX_CHARS:
        raise QueryError(f"q is {len(text)} characters long, {MAX_CHARS} at most", MAX_CHARS)
    if not text.strip():
        return EVERYTHING
    glued = after_expression(text)
    if glued is not None:
        raise QueryError("an expression ends before this; quote what is a path, or write \\/ for each slash", glued)
    typed = spelled(text)
    try:
        item = parse_lucene(typed.text)
    except ParseError as error:
        raise syntax_error(str(error), text, typed.typed_position) from None
    except InvalidOperation:
        # luqum reads what follows ~ and ^ as a decimal, which several dots are not.
        found = _DEGREE.search(text)
        raise QueryError("~ and ^ are not supported", found.start() if found else 0) from None
    try:
        return _Reader(now_us, budget or Budget()).read(item, None, 0)
    except QueryError as error:
        raise QueryError(error.what, typed.typed_position(error.position)) from None


def _check_sign(text: str, item: tree.Item) -> None:
    """Refuse a sign that stands where no operator can, rather than find nothing."""
    sign = text if text in _OTHER_SIGNS else text[:1]
    if sign in _OTHER_SIGNS:
        raise QueryError(f"write {_OTHER_SIGNS[sign]} for {sign}, or quote it where it is meant as text", _at(item))


@dataclass(frozen=True, slots=True)
class _Target:
    """What a term is looked for in: a field of the record, or a path of its metadata."""

    name: str
    field: Field | None = None
    path: tuple[str, ...] = ()


class _Reader:
    """Turns luqum's tree into filters; one for each search text."""

    def __init__(self, now_us: int, budget: Budget) -> None:
        self._now_us = now_us
        self._terms = 0
        self._budget = budget

    def read(self, item: tree.Item, target: _Target | None, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise QueryError(f"there are more than {MAX_DEPTH} brackets within each other", _at(item))
        match item:
            case tree.OrOperation():
                return Or(tuple(self.read(one, target, depth + 1) for one in item.operands))
            case tree.AndOperation() | tree.UnknownOperation():
                return And(tuple(self.read(one, target, depth + 1) for one in item.operands))
            case tree.Not() | tree.Prohibit():
                return Not(self.read(item.a, target, depth + 1))
            case tree.Plus():
                return self.read(item.a, target, depth + 1)
            case tree.Group() | tree.FieldGroup():
                return self.read(item.expr, target, depth + 1)
            case tree.SearchField():
                return self._field(item, target, depth)
            case tree.Fuzzy() | tree.Proximity():
                raise QueryError("~ (fuzzy words, proximity) is not supported; * and ? are", _at(item))
            case tree.Boost():
                raise QueryError("^ (boosts) is not supported: logs are ordered by time", _at(item))
            case _:
                return self._single(item, target)

    def _single(self, item: tree.Item, target: _Target | None) -> Filter:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise QueryError(f"there are more than {MAX_TERMS} terms", _at(item))
        if isinstance(item, tree.Word):
            _check_sign(item.value, item)
        try:
            return self._term(item, target)
        except QueryError:
            raise
        except InvalidField as error:
            raise QueryError(str(error), _at(item)) from None

    def _field(self, item: tree.SearchField, target: _Target | None, depth: int) -> Filter:
        if target is not None:
            raise QueryError(f"{item.name} is asked for inside {target.name}", _at(item))
        _check_sign(item.name, item)
        name = _ESCAPED.sub(r"\1", item.name)
        if name == "_exists_":
            return self._named_exists(item)
        if name == "*":
            return self.read(item.expr, None, depth + 1)
        if name == "id":
            return self._identity(item)
        if name == "source":
            return self._source(item, depth)
        return self.read(item.expr, _target(name), depth + 1)

    def _source(self, item: tree.SearchField, depth: int) -> Filter:
        """The host, the file, or both as `host:file`, as the parameter of this name has it."""
        ways = [self.read(item.expr, _target(name), depth + 1) for name in ("host", "file")]
        if isinstance(item.expr, tree.Word | tree.Phrase):
            host, colon, file = _plain_text(item.expr).partition(":")
            if colon:
                ways.append(And((AnyOf("host", (host,)), AnyOf("file", (file,)))))
        return Or(tuple(ways))

    def _term(self, item: tree.Item, target: _Target | None) -> Filter:
        match item:
            case tree.Range():
                bounds = (item.low, item.high, item.include_low, item.include_high)
                return self._between(item, target, *bounds)
            case tree.From():
                return self._between(item, target, item.a, None, item.include, True)
            case tree.To():
                return self._between(item, target, None, item.a, True, item.include)
            case tree.Regex():
                return self._regex(item.value[1:-1].replace("\\/", "/"), target)
            case tree.Phrase():
                return self._text([_plain_text(item)], target)
            case tree.Word():
                return self._text(pieces_of(item.value), target)
            case _:
                raise QueryError(f"{str(item)[:40]!r} cannot be searched for", _at(item))

    def _text(self, pieces: list[Piece], target: _Target | None) -> Filter:
        self._budget.spend(sum(isinstance(piece, Wildcard) for piece in pieces))
        if target is None or (target.field is not None and target.field.holds is Holds.MESSAGE):
            return in_message(pieces, is_bare=target is None)
        if pieces == ANY:
            return _exists(target)
        if any(isinstance(piece, Wildcard) for piece in pieces):
            return self._wildcards(pieces, target)
        text = "".join(str(piece) for piece in pieces)
        if target.field is None:
            return Metadata(target.path, text)
        return AnyOf(target.field.name, (target.field.value(text, self._now_us),))

    def _wildcards(self, pieces: list[Piece], target: _Target) -> Filter:
        if target.name == "level":  # its values are in capitals, and are asked for in any case
            pieces = [piece.upper() if isinstance(piece, str) else piece for piece in pieces]
        pattern = words.wildcard_pattern(pieces, whole=True)
        if target.field is None:
            return Metadata(target.path, Matches("metadata", pattern))
        if target.field.holds not in {Holds.TEXT, Holds.LIST}:
            raise InvalidField("q", f"{target.name} holds {target.field.holds.value}; it takes no wildcards")
        return Matches(target.field.name, pattern)

    def _regex(self, pattern: str, target: _Target | None) -> Filter:
        self._budget.spend(check_pattern(pattern))
        pattern = f"(?s:{pattern})"  # the engine's dot takes a line break unless told otherwise; so does memory's
        if target is None:
            return Matches("message", pattern)
        if target.field is None:
            return Metadata(target.path, Matches("metadata", pattern))
        if target.field.holds not in {Holds.MESSAGE, Holds.TEXT, Holds.LIST}:
            raise InvalidField("q", f"{target.name} holds {target.field.holds.value}; it takes no expression")
        return Matches(target.field.name, pattern)

    def _between(
        self,
        item: tree.Item,
        target: _Target | None,
        low: tree.Item | None,
        high: tree.Item | None,
        with_low: bool,
        with_high: bool,
    ) -> Filter:
        if target is None:
            raise QueryError("a range needs a field, as in severity:>=70", _at(item))
        if target.field is not None and target.field.holds not in {Holds.NUMBER, Holds.TIME}:
            raise QueryError(f"{target.name} holds {target.field.holds.value}; it takes no range", _at(item))
        bounds = Bounds(self._bound(low, target), self._bound(high, target), with_low, with_high)
        if bounds.low is None and bounds.high is None:
            return _exists(target)
        if target.name in _ZERO_IS_NONE and (bounds.low is None or bounds.low <= 0):
            bounds = Bounds(0, bounds.high, False, bounds.with_high)
        return Metadata(target.path, bounds) if target.field is None else Between(target.field.name, bounds)

    def _bound(self, item: tree.Item | None, target: _Target) -> float | None:
        if item is None:
            return None
        text = _plain_text(item)
        if text == "*":
            return None
        if target.field is not None:
            return cast("float", target.field.value(text, self._now_us))
        number = number_of(text)
        if number is None:
            raise QueryError(f"{text[:40]!r} is no number", _at(item))
        return number

    def _named_exists(self, item: tree.SearchField) -> Filter:
        name = _plain_text(item.expr)
        if not name:
            raise QueryError("_exists_ needs the name of a field", _at(item))
        return _exists(_target(name))

    def _identity(self, item: tree.SearchField) -> Filter:
        found = parse_log_id(_plain_text(item.expr))
        if found is None:
            raise QueryError("this is no id of a log; one looks like <batch id>-<number>", _at(item.expr))
        return Identity(*found)


def _exists(target: _Target) -> Filter:
    return Metadata(target.path, None) if target.field is None else Exists(target.field.name)


def _target(name: str) -> _Target:
    field = field_of(name)
    if field is not None:
        return _Target(name, field)
    return _Target(name, None, tuple(name.removeprefix("metadata.").split(".")))


def _plain_text(item: tree.Item) -> str:
    """The text of a bound or a name, without quotes and escapes."""
    if isinstance(item, tree.Prohibit):
        return f"-{_plain_text(item.a)}"
    if isinstance(item, tree.Phrase):
        return _ESCAPED.sub(r"\1", item.value[1:-1])
    if isinstance(item, tree.Word):
        return _ESCAPED.sub(r"\1", item.value)
    raise QueryError("a single value is expected here", _at(item))


def _at(item: tree.Item) -> int:
    return item.pos or 0
