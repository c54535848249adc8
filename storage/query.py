"""What a request for logs may ask: its parameters, checked, as the values of named predicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from logmill.errors import InvalidField
from logmill.parameters import whole_number
from logmill.record import LEVEL_SYNONYMS, PRIORITY_OF_LEVEL
from logmill.timestamps import to_us
from storage.engine.protocol import Value

DEFAULT_LIMIT = 100
_PRIORITIES = frozenset(PRIORITY_OF_LEVEL.values())
_BOOLS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Query:
    """A page of the newest logs.

    Attributes:
        filters: predicate names (those of `sql/predicates.sql`) and their values; all must hold.
        limit: how many logs at most.
    """

    filters: dict[str, Value]
    limit: int


def parse(args: Mapping[str, list[str]], max_limit: int) -> Query:
    """The query that a request's parameters ask for; an empty filter value asks nothing.

    Raises:
        InvalidField: names the parameter that is unknown, doubled or has no such value.
    """
    filters: dict[str, Value] = {}
    limit = min(DEFAULT_LIMIT, max_limit)
    for name, values in args.items():
        if name != "limit" and name not in _PARSERS:
            known = ", ".join(sorted([*_PARSERS, "limit"]))
            raise InvalidField(name[:100], f"there is no parameter {name[:100]!r}; known are {known}", code="unknown")
        if len(values) > 1:
            raise InvalidField(name, f"{name} is given {len(values)} times")
        if name == "limit":
            limit = parse_limit(values[0], max_limit)
        elif values[0] != "":
            filters[name] = _PARSERS[name](name, values[0])
    return Query(filters, limit)


def parse_limit(text: str, max_limit: int) -> int:
    """A number of records from 1 to `max_limit`."""
    return whole_number("limit", text, 1, max_limit)


def _level(name: str, text: str) -> Value:
    level = LEVEL_SYNONYMS.get(text.strip().upper())
    if level is None:
        raise InvalidField(name, f"there is no level {text[:100]!r}")
    return level


def _priority(name: str, text: str) -> Value:
    if text.lower() not in _PRIORITIES:
        raise InvalidField(name, f"{name} must be one of {', '.join(sorted(_PRIORITIES))}, not {text[:100]!r}")
    return text.lower()


def _bool(name: str, text: str) -> Value:
    if text.lower() not in _BOOLS:
        raise InvalidField(name, f"{name} must be true or false, not {text[:100]!r}")
    return _BOOLS[text.lower()]


def _between(least: int, most: int) -> Callable[[str, str], Value]:
    return lambda name, text: whole_number(name, text, least, most)


def _text(_: str, text: str) -> Value:
    return text


_PARSERS: dict[str, Callable[[str, str], Any]] = {
    "level": _level,
    "service": _text,
    "priority": _priority,
    "tag": _text,
    "anomaly": _bool,
    "since": lambda name, text: to_us(text, name),
    "until": lambda name, text: to_us(text, name),
    "status_code": _between(0, 65535),
    "min_severity": _between(0, 100),
    "trace_id": _text,
}
