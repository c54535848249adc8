"""Parameters of a request become values of predicates, or an error that names them."""

from __future__ import annotations

import pytest

from logmill.errors import InvalidField
from storage.query import parse


def test_without_parameters_the_newest_hundred_are_asked_for() -> None:
    found = parse({}, 10_000)
    assert (found.filters, found.limit) == ({}, 100)


def test_the_default_limit_respects_a_small_maximum() -> None:
    assert parse({}, 10).limit == 10


@pytest.mark.parametrize("text", ["error", "ERROR", " Err ", "3"])
def test_levels_are_known_in_any_case_and_by_their_synonyms(text: str) -> None:
    assert parse({"level": [text]}, 10).filters == {"level": "ERROR"}


def test_every_filter_is_converted() -> None:
    args = {
        "service": "a\0'\\\t\n{x:String}", "priority": "HIGH", "tag": "t", "anomaly": "True", "status_code": "503",
        "min_severity": "70", "trace_id": "x", "since": "2026-01-01T00:00:00Z", "until": "1767225601",
    }  # fmt: skip
    found = parse({name: [value] for name, value in args.items()}, 10).filters
    assert found == {
        "service": "a\0'\\\t\n{x:String}", "priority": "high", "tag": "t", "anomaly": True, "status_code": 503,
        "min_severity": 70, "trace_id": "x", "since": 1767225600_000000, "until": 1767225601_000000,
    }  # fmt: skip


def test_an_empty_filter_asks_nothing() -> None:
    assert parse({"service": [""], "level": [""]}, 10).filters == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", text) for text in ("abc", "-1", "0", "11", "", "1.5", "1e1", "+5", " 5", "1_0", "٣", "9" * 40)),
        ("level", "loud"), ("priority", "urgent"), ("anomaly", "maybe"), ("status_code", "70000"),
        ("min_severity", "101"), ("since", "../x"), ("until", "yesterday"), ("since", "9" * 400), ("what", "1"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(name: str, value: str) -> None:
    with pytest.raises(InvalidField) as raised:
        parse({name: [value]}, 10)
    assert raised.value.field == name
    assert raised.value.status == 400


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(InvalidField):
        parse({"level": ["INFO", "ERROR"]}, 10)
