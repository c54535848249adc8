"""The filters a search is made of: one small frozen type each, without text from the engine or the library below.

Every filter holds or does not hold for a record; there is no third value. `storage.search.sql` and
`storage.search.masks` give the same answer for each, which a property test holds them to.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

Scalar: TypeAlias = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """From `low` to `high`; None is open."""

    low: float | None = None
    high: float | None = None
    with_low: bool = True
    with_high: bool = True


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold; true where there is none."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any part holds; false where there is none."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Filter


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The column has one of these values; a list, where it has one of them as an item."""

    column: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The number or time (microseconds) lies in these bounds; false where there is none."""

    column: str
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Exists:
    """The column has a value other than its absent one: "", null, 0 of a whole number, an empty list."""

    column: str


@dataclass(frozen=True, slots=True)
class Matches:
    """An RE2 expression is found in the text, or in an item of the list.

    Attributes:
        column: of text, labels or lists of labels.
        pattern: in RE2's syntax, which is linear in time.
        lowered: whether the text is lowered first.
    """

    column: str
    pattern: str
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The message has these words one after the other; `storage.search.words` says what a word is.

    Attributes:
        words: lowered, at least one.
        is_prefix: whether the last one may be the beginning of a longer word.
    """

    words: tuple[str, ...]
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Contains:
    """The lowered message contains this lowered text."""

    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """The one record of this id."""

    batch_id: UUID
    ordinal: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is at this path of the metadata, or in the list that is there, passes a test.

    Attributes:
        path: names from the outside in. Names may hold dots themselves: `("a", "b")` also finds `{"a.b": …}`.
        test: text that the value equals (a number or boolean where it is written so), bounds of a number, an RE2
            expression to be found in text, or None where any value but null will do.
    """

    path: tuple[str, ...]
    test: str | Bounds | Matches | None

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The path, and it as one name with dots; once where they are the same."""
        return tuple(dict.fromkeys((self.path, (".".join(self.path),))))


Filter: TypeAlias = And | Or | Not | AnyOf | Between | Exists | Matches | Words | Contains | Identity | Metadata
EVERYTHING = And(())


def both(first: Filter, second: Filter) -> Filter:
    """Where both hold, without a level more than is needed."""
    parts = tuple(part for one in (first, second) for part in (one.parts if isinstance(one, And) else (one,)))
    return parts[0] if len(parts) == 1 else And(parts)


def lowest(wanted: Filter, column: str) -> float | None:
    """A number that a column of whole numbers is not below in any record that passes; None where nothing is certain."""
    return _end(wanted, column, lambda bounds: _beside(bounds.low, 1, held=bounds.with_low), max, min)


def highest(wanted: Filter, column: str) -> float | None:
    """A number that a column of whole numbers is not above in any record that passes; None where nothing is certain."""
    return _end(wanted, column, lambda bounds: _beside(bounds.high, -1, held=bounds.with_high), min, max)


def apart(wanted: Filter, column: str) -> tuple[Bounds, Filter]:
    """The range that a filter asks of a column of whole numbers, from and before, and what it asks beside that."""
    parts = wanted.parts if isinstance(wanted, And) else (wanted,)
    low: float | None = None
    high: float | None = None
    others = []
    for part in parts:
        if not (isinstance(part, Between) and part.column == column):
            others.append(part)
            continue
        bounds = part.bounds
        if bounds.low is not None:
            first = bounds.low if bounds.with_low else bounds.low + 1
            low = first if low is None else max(low, first)
        if bounds.high is not None:
            end = bounds.high + 1 if bounds.with_high else bounds.high
            high = end if high is None else min(high, end)
    return Bounds(low, high, with_high=False), others[0] if len(others) == 1 else And(tuple(others))


def is_about(wanted: Filter, columns: Set[str]) -> bool:
    """Whether a filter looks at nothing but these columns, and at each of them as a whole."""
    match wanted:
        case And(parts) | Or(parts):
            return all(is_about(part, columns) for part in parts)
        case Not(part):
            return is_about(part, columns)
        case AnyOf(column) | Exists(column) | Matches(column) | Between(column):
            return column in columns
        case _:
            return False


def _beside(bound: float | None, step: int, *, held: bool) -> float | None:
    """The bound where it belongs to its range, else the number within beside it."""
    return bound if bound is None or held else bound + step


def _end(
    wanted: Filter,
    column: str,
    end: Callable[[Bounds], float | None],
    tighter: Callable[[list[float]], float],
    wider: Callable[[list[float]], float],
) -> float | None:
    """The end of the range that a filter leaves of a column: the tighter of what all must pass, the wider of any."""
    if isinstance(wanted, Between) and wanted.column == column:
        return end(wanted.bounds)
    if not isinstance(wanted, And | Or):
        return None
    ends = [_end(part, column, end, tighter, wider) for part in wanted.parts]
    known = [one for one in ends if one is not None]
    if not known or (isinstance(wanted, Or) and len(known) < len(ends)):
        return None
    return tighter(known) if isinstance(wanted, And) else wider(known)


def only_values(wanted: Filter, column: str) -> frozenset[Scalar] | None:
    """The values of the column that records which pass can have; None where nothing is certain."""
    if isinstance(wanted, AnyOf) and wanted.column == column:
        return frozenset(wanted.values)
    if isinstance(wanted, And):
        known = [values for part in wanted.parts if (values := only_values(part, column)) is not None]
        return frozenset.intersection(*known) if known else None
    if isinstance(wanted, Or) and wanted.parts:
        sets = [only_values(part, column) for part in wanted.parts]
        return None if None in sets else frozenset().union(*(one for one in sets if one is not None))
    return None
