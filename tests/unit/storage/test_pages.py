"""Parameters of a request become a filter and a page, or an error that names them; a cursor leads to the next page."""

from __future__ import annotations

import json
import uuid
from typing import Any

import msgspec
import pytest

from logmill.errors import InvalidField
from storage import pages
from storage.blocks import decode
from storage.pages import parse, shown
from storage.search.filters import EVERYTHING, And, AnyOf, Between, Bounds, Or, Words
from tests.support.storage_blocks import batch, row, stream

NOW_US = 1_800_000_000_000_000


def read(args: dict[str, Any], max_limit: int = 10_000) -> pages.Page:
    return parse(
        {name: value if isinstance(value, list) else [value] for name, value in args.items()}, max_limit, NOW_US
    )


def test_without_parameters_the_newest_hundred_are_asked_for() -> None:
    found = read({})
    assert (found.wanted, found.limit, found.before, found.fields) == (EVERYTHING, 100, None, ())


def test_the_default_limit_respects_a_small_maximum() -> None:
    assert read({}, 10).limit == 10


@pytest.mark.parametrize("text", ["error", "ERROR", " Err ", "3"])
def test_levels_are_known_in_any_case_and_by_their_synonyms(text: str) -> None:
    assert read({"level": text}).wanted == AnyOf("level", ("ERROR",))


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"service": "a\0'\\\t\n{x:String}"}, AnyOf("service", ("a\0'\\\t\n{x:String}",))),
        ({"service": ["a", "b", "a"]}, AnyOf("service", ("a", "b"))),
        ({"priority": "HIGH"}, AnyOf("priority", ("high",))),
        ({"tag": "t"}, AnyOf("tags", ("t",))),
        ({"anomaly": "True"}, AnyOf("anomaly", (True,))),
        ({"status_code": "503"}, AnyOf("status_code", (503,))),
        ({"min_severity": "70"}, Between("severity", Bounds(low=70))),
        ({"since": "2026-01-01T00:00:00Z"}, Between("timestamp", Bounds(low=1767225600_000000))),
        ({"until": "1767225601"}, Between("timestamp", Bounds(high=1767225601_000000, with_high=False))),
        ({"since": "15m"}, Between("timestamp", Bounds(low=NOW_US - 900_000_000))),
        ({"since": "now-1h"}, Between("timestamp", Bounds(low=NOW_US - 3600_000_000))),
        ({"source": "h"}, Or((AnyOf("host", ("h",)), AnyOf("file", ("h",))))),
        ({"q": "timeout"}, Words(("timeout",))),
        ({"q": "timeout", "level": "error"}, And((Words(("timeout",)), AnyOf("level", ("ERROR",))))),
        ({"service": "", "level": ""}, EVERYTHING),
    ],
)
def test_every_parameter_is_read(args: dict[str, Any], wanted: object) -> None:
    assert read(args).wanted == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("limit", text) for text in ("abc", "-1", "0", "11", "", "1.5", "1e1", "+5", " 5", "1_0", "٣", "9" * 40)),
        ("level", "loud"), ("priority", "urgent"), ("anomaly", "maybe"), ("status_code", "70000"),
        ("min_severity", "101"), ("since", "../x"), ("until", "yesterday"), ("since", "9" * 400), ("what", "1"),
        ("since", "999999999w"), ("q", "(a"), ("fields", "message,what"), ("cursor", "abc"), ("cursor", "é"),
        *(("fields", text) for text in ("order.id", "metadata.", "metadatax.a", "source.", "source.what", "level.a")),
        ("fields", ",".join(f"metadata.a{number}" for number in range(51))), ("fields", "metadata" + ".a" * 11),
        ("limit", ["1", "2"]), ("service", ["a"] * 101), ("service", [""] * 101),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_the_name_of_its_parameter(name: str, value: Any) -> None:
    with pytest.raises(InvalidField) as raised:
        read({name: value}, 10)
    assert raised.value.field == name
    assert raised.value.status == 400


def test_a_cursor_names_the_last_row_and_keeps_what_now_was() -> None:
    rows, _ = decode(stream(batch(4, uuid.UUID(int=5))))
    asked = read({"since": "15m", "limit": "3"})
    answer = shown(rows, asked)
    assert (answer["count"], answer["truncated"]) == (3, True)
    following = parse({"since": ["15m"], "limit": ["7"], "cursor": [answer["next_cursor"]]}, 10, NOW_US + 60_000_000)
    assert following.before is not None
    assert (following.before.batch_id, following.before.ordinal) == (uuid.UUID(int=5).bytes, 2)
    assert following.wanted == asked.wanted
    with pytest.raises(InvalidField) as raised:
        read({"since": "16m", "cursor": answer["next_cursor"]})
    assert raised.value.field == "cursor"


@pytest.mark.parametrize("limit", ["3", "4"])
def test_a_page_with_no_row_after_it_is_the_last(limit: str) -> None:
    rows, _ = decode(stream(batch(3)))
    answer = shown(rows, read({"limit": limit}))
    assert (answer["count"], answer["truncated"], answer["next_cursor"]) == (3, False, None)


def test_only_the_fields_that_are_asked_for_are_shown() -> None:
    rows, _ = decode(stream(batch(1)))
    assert shown(rows, read({"fields": "message, level"}))["logs"] == [{"message": "message 0", "level": "INFO"}]


def parts_of(metadata: str, fields: str) -> Any:
    rows, _ = decode(stream([row(uuid.UUID(int=1), 0, metadata=metadata, message="m", host="h", file="f")]))
    return json.loads(msgspec.json.encode(shown(rows, read({"fields": fields}))["logs"][0]))


def test_parts_of_the_metadata_and_of_the_source_are_shown_where_they_are_in_the_whole() -> None:
    metadata = '{"order": {"id": 4711, "lines": [1]}, "user": {"name": "x"}, "region": "eu"}'
    assert parts_of(metadata, "metadata.order.id, source.host, message") == {
        "metadata": {"order": {"id": 4711}}, "source": {"host": "h"}, "message": "m",
    }  # fmt: skip
    assert parts_of(metadata, "metadata.order.id,metadata.region")["metadata"] == {
        "order": {"id": 4711},
        "region": "eu",
    }


@pytest.mark.parametrize("fields", ["metadata.a,metadata.a.b", "metadata.a.b,metadata.a", "metadata,metadata.a.b"])
def test_the_whole_takes_in_its_parts(fields: str) -> None:
    assert parts_of('{"a": {"b": 1, "c": 2}}', fields) == {"metadata": {"a": {"b": 1, "c": 2}}}
    assert parts_of("{}", "source,source.host") == {"source": {"host": "h", "file": "f", "protocol": ""}}


def test_a_name_with_dots_in_it_is_found_as_a_search_finds_it() -> None:
    assert parts_of('{"a.b": 1, "a": {"b": 2}, "b": 3}', "metadata.a.b") == {"metadata": {"a.b": 1, "a": {"b": 2}}}
    assert parts_of('{"a.b": 1}', "metadata.a.b") == {"metadata": {"a.b": 1}}


@pytest.mark.parametrize("metadata", ["{}", '{"a": 1}', '{"a": [{"b": 1}]}', '{"a": {}}', "no json", "[1]", '"a"'])
def test_what_a_log_has_not_is_left_out(metadata: str) -> None:
    assert parts_of(metadata, "metadata.a.b,message") == {"message": "m"}


def test_parts_are_as_they_were_sent() -> None:
    rows, _ = decode(stream([row(uuid.UUID(int=1), 0, metadata='{"a": {"n": 1.50, "big": 12345678901234567890123}}')]))
    answer = msgspec.json.encode(shown(rows, read({"fields": "metadata.a.n,metadata.a.big"}))["logs"])
    assert answer == b'[{"metadata":{"a":{"n":1.50,"big":12345678901234567890123}}}]'
