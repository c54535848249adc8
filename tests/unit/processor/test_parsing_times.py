"""Times with a zone at the start of text, and the lines of container runtimes."""

from __future__ import annotations

from datetime import datetime

import pytest

from logmill.parsing.formats import formats_of
from logmill.rules.ruleset import load
from logmill.timestamps import to_us
from processor.redaction.torn import SECRETS
from processor.stages.parsing import parse
from processor.stages.redaction import PARSED_FROM
from tests.support.parsing import MAX_METADATA_BYTES, RECEIVED_US, entry, frame_of, one

TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: x'


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z ERROR cannot connect", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00.123+01:00 WARN x", "2026-01-31T11:00:00.123Z"),
        ("[2026-01-31T12:00:00Z] x", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00,5-0130 x", "2026-01-31T13:30:00.5Z"),
        ("2026-01-31 12:00:00 -0500 x", "2026-01-31T17:00:00Z"),
        ("2026-01-31 12:00:00-05 x", "2026-01-31T17:00:00Z"),
        ("2026-01-31 12:00:00.5 UTC [7] LOG: x", "2026-01-31T12:00:00.5Z"),
        ("2026-01-31t12:00:00.123456789z", "2026-01-31T12:00:00.123456Z"),
        ("2026-01-31T12:00:00Z: x\nand more", "2026-01-31T12:00:00Z"),
    ],
)
def test_a_time_with_a_zone_at_the_start_is_the_logs_and_the_message_stays(text, time):
    found = one(text)
    assert (found.parsed_as, found.time_us, found.message, found.metadata) == ("time", us(time), text, {})


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31 12:00:00 ERROR x", "2026-13-31T12:00:00Z x", "2026-01-31T25:00:00Z x", "at 2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00 -05 degrees", "2026-01-31 12:00:00-12345", "2026-01-31T12:00:00Zone",
        "1026-01-31T12:00:00Z", "2026-01-31 12:00:00 CET x", "2026-01-31T12:00:00+99:00",
    ],
)  # fmt: skip
def test_other_times_are_text(text):
    found = one(text)
    assert (found.parsed_as, found.time_us, found.message, found.metadata) == ("", RECEIVED_US, text, {})


def test_a_time_that_was_sent_stays_and_what_the_text_says_is_metadata():
    found = one("2026-01-31T12:00:00Z x", '{"a":1}', timestamp=5_000_000, timestamp_from="")
    assert (found.time_us, found.metadata) == (5_000_000, {"a": 1, "time": "2026-01-31T12:00:00Z"})


def test_a_trace_behind_a_time_has_both():
    found = one(f"2026-01-31T12:00:00Z ERROR x\n{TRACE}")
    assert (found.parsed_as, found.time_us) == ("trace", us("2026-01-31T12:00:00Z"))
    assert (found.level, found.metadata["exception.type"]) == ("ERROR", "ValueError")


def test_a_line_that_gives_its_time_alone_has_no_parts_to_redact():
    frame = frame_of(entry("2026-01-31T12:00:00Z x"), entry("a=1 b=2"))
    frame = parse(frame, formats_of(load(""), SECRETS), MAX_METADATA_BYTES)
    assert frame["parsed_as"].to_list() == ["time", "logfmt"]
    assert frame[PARSED_FROM].to_list() == [None, "a=1 b=2"]


def test_a_line_of_a_container_runtime():
    found = one("2026-01-31T12:00:00.123456789Z stdout F cannot  connect")
    assert (found.parsed_as, found.message) == ("cri", "cannot  connect")
    assert found.time_us == us("2026-01-31T12:00:00.123456Z")
    assert found.metadata == {"stream": "stdout", "time": "2026-01-31T12:00:00.123456789Z"}
    half = one("2026-01-31T12:00:00.5+01:00 stderr P half")
    assert (half.message, half.metadata) == ("half", {"stream": "stderr", "partial": True})
    blank = "2026-01-31T12:00:00Z stdout F  "
    assert (one(blank).message, one(blank).metadata) == (blank, {"stream": "stdout"})


def test_what_is_in_it_is_parsed_too():
    found = one('2026-01-31T12:00:00Z stdout F {"level":"error","msg":"m","time":"2026-01-31T11:00:00Z"}')
    assert (found.message, found.level, found.time_us) == ("m", "ERROR", us("2026-01-31T11:00:00Z"))
    assert found.metadata == {"stream": "stdout", "time": "2026-01-31T12:00:00Z"}


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00Z stdin F x", "2026-01-31T12:00:00Z stdout X x"])
def test_what_is_no_such_line_has_its_time_all_the_same(text):
    assert (one(text).parsed_as, one(text).message) == ("time", text)
