"""The conditions of threshold rules: `count >= 10`, `error_share > 20% and count >= 50`, `distinct(user_id) > 5`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_PARTS = 5
_PART = re.compile(
    r"\s*(?P<measure>count|error_share|(?P<of>distinct|sum|avg|min|max|p95)\s*\(\s*(?P<field>[^()\s]{1,200})\s*\))"
    r"\s*(?P<sign>>=|<=|>|<)\s*(?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,9})?)(?P<percent>\s*%)?\s*"
)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison.

    Attributes:
        measure: count, error_share, distinct, sum, avg, min, max or p95.
        field: what it is taken of, "" for the logs themselves.
        sign: >=, >, <= or <.
        limit: the number on the right; a percentage as a share.
    """

    measure: str
    field: str
    sign: str
    limit: float

    def holds(self, value: float | None) -> bool:
        """Whether a value is beyond the limit; none is not."""
        return value is not None and _HOLDS[self.sign](value, self.limit)

    @property
    def text(self) -> str:
        """The comparison as a person reads it."""
        name = f"{self.measure}({self.field})" if self.field else self.measure
        limit = f"{self.limit * 100:g} %" if self.measure == "error_share" else f"{self.limit:g}"
        return f"{name} {self.sign} {limit}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparisons that must all hold; an alert shows the value of the first."""

    parts: tuple[Part, ...]

    def holds(self, values: list[float | None]) -> bool:
        """Whether all do, of these values of the parts."""
        return all(part.holds(value) for part, value in zip(self.parts, values, strict=True))

    @property
    def text(self) -> str:
        """The whole condition as a person reads it."""
        return " and ".join(part.text for part in self.parts)

    @property
    def only_grows(self) -> bool:
        """Whether more logs can make it hold but never end it, so that nobody need wait for late ones."""
        return all(part.measure in {"count", "distinct"} and part.sign in {">=", ">"} for part in self.parts)

    @property
    def holds_of_nothing(self) -> bool:
        """Whether it holds where there is no log at all."""
        return self.holds([0.0 if part.measure in {"count", "distinct", "sum"} else None for part in self.parts])


def parse(text: str) -> Condition:
    """The condition that a text says.

    Raises:
        ValueError: it says none; in words for its author.
    """
    pieces = _AND.split(text.strip())
    if len(pieces) > MAX_PARTS:
        raise ValueError(f"a condition has at most {MAX_PARTS} comparisons")
    return Condition(tuple(_part(piece) for piece in pieces))


def _part(text: str) -> Part:
    found = _PART.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text[:100]!r} is no comparison; it must be as count >= 10, error_share >= 20%, distinct(user_id) > 5, "
            "or sum, avg, min, max, p95 of a number in the place of distinct"
        )
    limit = float(found["number"])
    if found["percent"]:
        if found["measure"] != "error_share":
            raise ValueError(f"only error_share is a percentage, not {found['measure']}")
        limit /= 100
    return Part(found["of"] or found["measure"], found["field"] or "", found["sign"], limit)
