"""What a request for logs may ask: its parameters, checked, as one filter; the same for every endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from logmill.errors import InvalidField
from logmill.parameters import whole_number
from storage.search import lucene
from storage.search.fields import field_of
from storage.search.filters import And, AnyOf, Between, Bounds, Filter, Or
from storage.search.patterns import Budget
from storage.search.times import time_us

Args: TypeAlias = Mapping[str, list[str]]

MAX_VALUES = 100
# Parameters that name a field; given more than once, any of the values will do.
FIELD_PARAMETERS = (
    *("level", "service", "priority", "tag", "anomaly", "status_code", "trace_id"),
    *("span_id", "request_id", "user_id", "host", "file", "reason", "fingerprint", "method", "path", "error_code"),
)
# What every read takes beside its filter; storage.routes.limits reads it.
COMMON_PARAMETERS = ("timeout",)
FILTER_PARAMETERS = ("q", *FIELD_PARAMETERS, "source", "min_severity", "since", "until")


def filter_of(args: Args, now_us: int, *others: str) -> Filter:
    """The filter that a request's parameters ask for: all of them must hold; an empty value asks nothing.

    Args:
        args: the values of each parameter.
        now_us: what relative times count from.
        others: parameters that the endpoint reads itself.

    Raises:
        InvalidField: names the parameter that is unknown, doubled or has no such value.
    """
    refuse_unknown(args, (*FILTER_PARAMETERS, *others))
    parts: list[Filter] = []
    for name in FILTER_PARAMETERS:
        given = args.get(name, [])
        if len(given) > MAX_VALUES:
            raise InvalidField(name, f"{name} is given {len(given)} times, {MAX_VALUES} at most")
        values = [value for value in given if value != ""]
        if values:
            parts.append(_PARTS.get(name, _any_of)(name, values, now_us))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def refuse_unknown(args: Args, names: Iterable[str]) -> None:
    """See that no parameter is given but these and those that every endpoint takes.

    Raises:
        InvalidField: names another.
    """
    for name in args.keys() - {*names, *COMMON_PARAMETERS}:
        known = ", ".join(sorted({*names, *COMMON_PARAMETERS}))
        raise InvalidField(name[:100], f"there is no parameter {name[:100]!r}; known are {known}", code="unknown")


def single(args: Args, name: str, default: str = "") -> str:
    """The value of a parameter that may be given once.

    Raises:
        InvalidField: it is given more than once.
    """
    values = args.get(name, [])
    if len(values) > 1:
        raise InvalidField(name, f"{name} is given {len(values)} times")
    return values[0] if values else default


def _any_of(name: str, values: list[str], now_us: int) -> Filter:
    field = field_of(name)
    if field is None:
        raise AssertionError(name)
    return AnyOf(field.name, tuple(dict.fromkeys(field.value(value, now_us) for value in values)))


def _search(_: str, values: list[str], now_us: int) -> Filter:
    budget = Budget()
    found = tuple(lucene.parse(value, now_us, budget) for value in values)
    return found[0] if len(found) == 1 else And(found)


def _source(_: str, values: list[str], __: int) -> Filter:
    """The host, the file, or both as `host:file`."""
    ways: list[Filter] = []
    for value in values:
        ways += [AnyOf("host", (value,)), AnyOf("file", (value,))]
        host, colon, file = value.partition(":")
        if colon:
            ways.append(And((AnyOf("host", (host,)), AnyOf("file", (file,)))))
    return Or(tuple(ways))


def _min_severity(name: str, values: list[str], _: int) -> Filter:
    return Between("severity", Bounds(low=min(whole_number(name, value, 0, 100) for value in values)))


def _since(name: str, values: list[str], now_us: int) -> Filter:
    return Between("timestamp", Bounds(low=max(time_us(value, now_us, name) for value in values)))


def _until(name: str, values: list[str], now_us: int) -> Filter:
    return Between("timestamp", Bounds(high=min(time_us(value, now_us, name) for value in values), with_high=False))


_PARTS: dict[str, Callable[[str, list[str], int], Filter]] = {
    "q": _search,
    "source": _source,
    "min_severity": _min_severity,
    "since": _since,
    "until": _until,
}
