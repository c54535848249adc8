"""What is taken, and what is refused and why."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.errors import InvalidField, Refused
from logmill.ids import new_batch_id
from logmill.intake import Limits, from_array, from_lines, from_object
from logmill.record import ARRIVAL, DEFAULTED, LEVELS, Entry, Lane
from logmill.wire import pack, unpack
from tests.support.taking import LIMITS, NOW_US, many, one

MIN_TIME, MAX_TIME = datetime(1900, 1, 2), datetime(2199, 12, 31)  # noqa: DTZ001 - hypothesis adds the zone


def test_every_field_is_optional():
    entry = one({"message": "hello"})
    assert (entry.level, entry.service, bytes(entry.metadata), entry.timestamp) == ("INFO", "unknown", b"{}", NOW_US)
    assert one({"level": "ERROR"}).message == ""


@pytest.mark.parametrize(
    "sent",
    [
        {"level": "ERROR"}, {"level": "INFO"}, {"service": "unknown"}, {"service": ""}, {"metadata": {}},
        {"message": ""}, {"log_data": {"level": "INFO"}}, {"level": "INFO", "lane": "bulk"},
    ],
)  # fmt: skip
def test_any_field_with_a_value_makes_a_log_also_where_it_says_the_default(sent):
    found = one(sent)
    assert (found.level, found.message, found.service) == (sent.get("level", "INFO"), "", "unknown")
    assert len(many([sent]).columns) == 1


@pytest.mark.parametrize(
    "sent", [{}, {"level": None}, {"metadata": None}, {"level": None, "timestamp": None}, {"source": None},
             {"lane": "urgent"}, {"log_data": {}}, {"log_data": {"level": None}}, {"other": None}, {"severity": None}],
)  # fmt: skip
def test_what_names_no_field_with_a_value_is_no_log(sent):
    with pytest.raises(Refused, match="an empty log"):
        one(sent)
    assert [fault.code for fault in many([sent, {"message": "m"}]).rejected] == ["empty"]


@pytest.mark.parametrize(
    ("sent", "level"),
    [
        ("warn", "WARNING"), ("Err", "ERROR"), ("fatal", "CRITICAL"), (" notice ", "INFO"), ("trace", "DEBUG"),
        (0, "CRITICAL"), (3, "ERROR"), (4, "WARNING"), (6, "INFO"), (7, "DEBUG"),
        (10, "DEBUG"), (20, "INFO"), (30, "WARNING"), (40, "ERROR"), (50, "CRITICAL"), ("40", "ERROR"),
        (30.0, "WARNING"),
    ],
)  # fmt: skip
def test_level_synonyms_of_loggers_syslog_and_python(sent, level):
    entry = one({"level": sent, "message": "m"})
    assert (entry.level, entry.original_level) == (level, "")


@pytest.mark.parametrize("sent", ["loud", "", "13", 99, 2.5])
def test_an_unknown_level_never_costs_a_log_and_is_kept(sent):
    entry = one({"level": sent, "message": "m"})
    assert (entry.level, entry.original_level) == ("INFO", str(sent))


@pytest.mark.parametrize(
    ("sent", "us"),
    [
        ("2026-01-31T12:00:00Z", 1769860800000000),
        ("2026-01-31T12:00:00.123456+02:00", 1769853600123456),
        ("2026-01-31 12:00:00", 1769860800000000),
        ("2026-01-31", 1769817600000000),
        ("20260131T120000Z", 1769860800000000),
        (1769860800, 1769860800000000),
        (1769860800.5, 1769860800500000),
        (1769860800123, 1769860800123000),
        (1769860800123456, 1769860800123456),
        (1769860800123456789, 1769860800123456),
        ("1769860800", 1769860800000000),
        (1, 1_000_000),
        ("-1", -1_000_000),
        (None, NOW_US),
    ],
)
def test_client_timestamps_are_kept(sent, us):
    assert one({"message": "m", "timestamp": sent}).timestamp == us
    assert one({"message": "m", "timestamp": sent, "and": "a field that needs care"}).timestamp == us


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp", "../x"), ("timestamp", "2026-13-01"), ("timestamp", True), ("timestamp", [1]),
        ("timestamp", 1e30),
        ("timestamp", "0001-01-01T00:00:00Z"), ("timestamp", "nan"), ("timestamp", "inf"),
        ("level", ["ERROR"]), ("level", True), ("level", {}), ("message", None), ("message", 5), ("message", {}),
        ("service", 5), ("service", "x" * 300), ("metadata", []), ("metadata", "text"), ("trace_id", 1),
        ("source", 5), ("source", 0), ("source", []), ("source", {"host": 1}), ("id", "x" * 600),
        ("log_data", 5), ("log_data", ""),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_the_field_named(field, value):
    with pytest.raises(InvalidField) as caught:
        one({"message": "m", field: value})
    assert caught.value.field == field
    assert caught.value.status == 400


def test_a_log_without_a_time_says_that_it_has_that_of_arrival():
    times = [{"timestamp": 5}, {}, {"timestamp": None}, {"timestamp": "2026-01-31T12:00:00Z"}]
    expected = ["", ARRIVAL, ARRIVAL, ""]
    assert [one({"message": "m", **sent}).timestamp_from for sent in times] == expected
    quick = many([{"message": "m", **sent} for sent in times]).columns
    careful = many([{"message": "m", "own": 1, **sent} for sent in times]).columns
    assert list(quick.timestamp_from) == list(careful.timestamp_from) == expected
    assert not many([{"message": "m", "timestamp": "2026-01-31T12:00:00Z"}]).columns.timestamp_from
    crossed = unpack(pack(quick, batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=NOW_US))
    assert list(crossed.columns.timestamp_from) == expected


def test_a_log_without_a_level_says_that_it_has_the_default():
    sent = [{"level": "INFO"}, {}, {"level": None}, {"level": "odd"}, {"level": 20}]
    expected = ["", DEFAULTED, DEFAULTED, "", ""]
    assert [one({"message": "m", **item}).level_from for item in sent] == expected
    quick = many([{"message": "m", **item} for item in sent]).columns
    careful = many([{"message": "m", "own": 1, **item} for item in sent]).columns
    assert list(quick.level_from) == list(careful.level_from) == expected
    assert list(quick.level) == list(careful.level) == ["INFO"] * 5
    assert not many([{"message": "m", "level": "INFO"}]).columns.level_from


@pytest.mark.parametrize("field", ["level", "service", "metadata", "timestamp", "trace_id", "source", "id"])
def test_null_is_taken_as_absent_where_there_is_a_default(field):
    assert one({"message": "m", field: None}) == one({"message": "m"})


def test_lengths_are_counted_in_bytes():
    limits = Limits(max_message_bytes=16, max_metadata_bytes=16)
    assert one({"message": "x" * 16}, limits).message == "x" * 16
    for item in ({"message": "x" * 17}, {"message": "ä" * 9}, {"message": "m", "metadata": {"a": "x" * 17}}):
        with pytest.raises(InvalidField) as caught:
            one(item, limits)
        assert caught.value.code == "too_long"


@pytest.mark.parametrize(
    ("sent", "metadata"),
    [
        ({"user": 7, "a": "outer", "metadata": {"a": 1, "b": 2}}, {"a": 1, "b": 2, "user": 7, "a_2": "outer"}),
        ({"a": 1, "metadata": {"a": 1}}, {"a": 1}),
        ({"a": 3, "metadata": {"a": 1, "a_2": 2}}, {"a": 1, "a_2": 2, "a_3": 3}),
        ({"a": 1, "metadata": None}, {"a": 1}),
        ({"source": {"host": "h", "pid": 7}}, {"source": {"host": "h", "pid": 7}}),
        ({"log_data": {"message": "in", "metadata": {"a": 1}}, "metadata": {"b": 2}}, {"a": 1, "metadata_2": {"b": 2}}),
        ({"log_data": "in"}, {}),
        ({"host": "a", "source": {"host": "b"}}, {"source": {"host": "b"}}),
        ({"source": "y", "file": "x"}, {"source": "y"}),
        ({"source": {"host": "a"}, "host": "a"}, {}),
        ({"a": None, "metadata": {"a": 1}}, {"a": 1}),
        ({"a": 1, "metadata": {"a": None}}, {"a": 1}),
    ],
)
def test_fields_that_are_not_known_join_metadata_and_none_is_lost(sent, metadata):
    assert json.loads(bytes(one({"message": "m", **sent}).metadata)) == (
        {**metadata, "message_2": "m"} if "log_data" in sent else metadata
    )


def test_metadata_is_kept_to_the_letter_but_for_line_breaks():
    assert bytes(one(b'{"metadata": {"n": 1.10, "big": 12345678901234567890}, "message": ""}').metadata) == (
        b'{"n": 1.10, "big": 12345678901234567890}'
    )
    entry = one(b'{"metadata": {\n  "a": "x\\ny",\r\n "b": [1,\n 2]}, "message": "m"}')
    assert b"\n" not in bytes(entry.metadata)
    assert json.loads(bytes(entry.metadata)) == {"a": "x\ny", "b": [1, 2]}


@pytest.mark.parametrize("sent", [{"severity": "fatal"}, {"level": None, "severity": " CRITICAL "}])
def test_a_severity_that_names_a_level_is_the_level_where_none_is_given(sent):
    for body in ({**sent, "message": "m"}, {"log_data": {**sent, "message": "m"}}, {"log_data": "m", **sent}):
        entry = one(body)
        assert (entry.level, entry.original_level, bytes(entry.metadata)) == ("CRITICAL", "", b"{}")


@pytest.mark.parametrize("severity", [3, 70, "3", " 40 ", "huh", "", True, ["ERROR"], {"level": "ERROR"}])
def test_a_severity_of_another_scale_is_kept_in_metadata(severity):
    entry = one({"message": "m", "severity": severity})
    assert (entry.level, json.loads(bytes(entry.metadata))) == ("INFO", {"severity": severity})


def test_a_level_that_is_given_counts_and_the_severity_beside_it_is_kept():
    for level, known in (("debug", "DEBUG"), ("huh", "INFO")):
        entry = one({"message": "m", "level": level, "severity": "ERROR"})
        assert (entry.level, bytes(entry.metadata)) == (known, b'{"severity":"ERROR"}')


def test_log_data_as_object_and_as_text():
    assert one({"log_data": {"level": "error", "message": "m", "x": 1}}).level == "ERROR"
    assert one({"log_data": "plain text"}).message == "plain text"
    assert one({"log_data": "m", "service": "s"}).service == "s"
    with pytest.raises(Refused, match="empty"):
        one({"log_data": {}})
    with pytest.raises(InvalidField):
        one({"log_data": {"log_data": {"message": "m"}}})


def test_what_log_data_leaves_open_is_filled_from_beside_it():
    assert one({"log_data": {}, "message": "m"}).message == "m"
    assert one({"log_data": {"message": "m", "level": None}, "level": "ERROR"}).level == "ERROR"
    assert bytes(one({"log_data": "m", "message": None}).metadata) == b"{}"


def test_many_names_that_are_taken_cost_no_more_than_reading_them():
    names = {"a": 0, **{f"a_{number}": 0 for number in range(2, 20_000)}}
    start_s = time.thread_time()
    with pytest.raises(InvalidField, match="metadata is"):
        one({"message": "m", "metadata": names, "a": "x" * 16_000_000})
    assert time.thread_time() - start_s < 3, "it copied the value for each name"


def test_source_as_text_is_the_file_and_as_object_host_and_file():
    assert one({"message": "m", "source": "/var/log/x"}).file == "/var/log/x"
    entry = one({"message": "m", "source": {"host": "h", "file": "f"}})
    assert (entry.host, entry.file) == ("h", "f")


def plain(entry: Entry) -> tuple:
    """An entry as values that can be compared."""
    return (*(getattr(entry, name) for name in Entry.__struct_fields__ if name != "metadata"), bytes(entry.metadata))


def singly(items: list):
    """What comes of each item by itself, which is the careful way for most."""
    for item in items:
        try:
            yield plain(one(msgspec.json.encode(item)))
        except Refused:
            continue


_wellformed = st.fixed_dictionaries(
    {"message": st.text(max_size=20)},
    optional={
        "level": st.sampled_from(["INFO", "error", "warn", "huh", 3, 40]),
        "service": st.text(max_size=10),
        "metadata": st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
        "timestamp": st.datetimes(MIN_TIME, MAX_TIME, timezones=st.just(UTC)) | st.integers(0, 7 * 10**9) | st.none(),
        "id": st.text(max_size=5),
        "trace_id": st.text(max_size=5),
        "host": st.text(max_size=5),
        "file": st.text(max_size=5),
        "lane": st.sampled_from(Lane) | st.none(),
    },
)


@given(st.lists(_wellformed, min_size=1, max_size=12))
def test_the_quick_way_and_the_careful_way_say_the_same(items):
    body = msgspec.json.encode(items)
    taken = from_array(body, LIMITS, now_us=NOW_US, protocol="http", lanes=True)
    assert not taken.rejected
    assert [plain(entry) for entry in taken.columns.rows()] == list(singly(items))
    asked = [item.get("lane") for item in items]
    assert list(taken.lanes) == (asked if any(asked) else [])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    ["level", "message", "service", "metadata", "timestamp", "id", "source", "log_data", "lane", "x"]
)


@given(st.lists(_json | st.dictionaries(_names, _json, max_size=6), min_size=1, max_size=8))
def test_any_json_array_ends_in_records_or_reasons_and_nothing_goes_missing(items):
    body = msgspec.json.encode(items)
    taken = from_array(body, LIMITS, now_us=NOW_US, protocol="http")
    assert len(taken.columns) + len(taken.rejected) == len(items)
    assert all(entry.level in LEVELS and b"\n" not in bytes(entry.metadata) for entry in taken.columns.rows())
    assert [plain(entry) for entry in taken.columns.rows()] == list(singly(items))


@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_our_own_errors(body):
    for read in (from_object, from_array, from_lines):
        try:
            read(body, LIMITS, now_us=NOW_US, protocol="http")
        except Refused:
            continue  # any other error fails the test
