"""Messages that are JSON objects: members become metadata, and message, level and time go where they belong."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.support.parsing import RECEIVED_US, entry, one, parsed


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1_000_000)


def test_a_line_of_zap():
    found = one(
        '{"level":"error","ts":1700000000.5,"caller":"a/b.go:12","msg":"failed to fetch","url":"http://x","n":3}'
    )
    assert (found.parsed_as, found.message, found.level) == ("json", "failed to fetch", "ERROR")
    assert found.metadata == {"caller": "a/b.go:12", "url": "http://x", "n": 3}
    assert found.time_us == 1_700_000_000_500_000


def test_a_line_of_structlog():
    found = one('{"event": "user logged in", "level": "info", "timestamp": "2026-01-31T12:00:00.25Z", "user_id": 7}')
    assert (found.message, found.level, found.metadata) == ("user logged in", "INFO", {"user_id": 7})
    assert found.time_us == us("2026-01-31T12:00:00.25Z")


def test_a_line_of_pino_counts_levels_as_pino_does():
    line = '{"level":%d,"time":1531171074631,"pid":657,"hostname":"h","msg":"hello"}'
    assert [one(line % level).level for level in (10, 20, 30, 40, 50, 60)] == [
        "DEBUG", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL",
    ]  # fmt: skip
    found = one(line % 50)
    assert (found.metadata, found.time_us) == ({"pid": 657, "hostname": "h"}, 1_531_171_074_631_000)


def test_other_numbers_are_those_of_python_and_syslog():
    assert [one(json.dumps({"m": 1, "level": level})).level for level in (3, 40, 30, 10, 61, -1)] == [
        "ERROR", "ERROR", "WARNING", "DEBUG", "INFO", "INFO",
    ]  # fmt: skip


def test_a_line_of_dockers_files():
    found = one('{"log":"started\\n","stream":"stderr","time":"2026-01-31T12:00:00.123456789Z"}')
    assert (found.message, found.metadata) == ("started\n", {"stream": "stderr"})


def test_names_of_attributes_fill_their_columns_later():
    found = one('{"message": "m", "status": 404, "duration_ms": 5.5, "trace_id": "t", "method": "get"}')
    assert found.metadata == {"status": 404, "duration_ms": 5.5, "trace_id": "t", "method": "get"}


def test_without_a_message_the_text_stays():
    text = '{"level": "warn", "count": 3}'
    found = one(text)
    assert (found.message, found.level, found.metadata) == (text, "WARNING", {"count": 3})


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]", '"text"', "17", "null", "{}", "{x:String}", '{"a": 1} and more', '{"a": NaN}', '{"a": "\\q"}', "{",
        '{"a": 01}', '{"a":' * 5000 + "1" + "}" * 5000, '{"a": "' + "x" * 1000, '{"a": \x00}', "{1: 2}",
    ],
)  # fmt: skip
def test_what_is_no_object_stays(text):
    found = one(text)
    assert (found.parsed_as, found.message, found.metadata, found.time_us) == ("", text, {}, RECEIVED_US)


def test_numbers_keep_their_spelling_and_of_a_name_given_twice_the_last_holds():
    frame_text = '{"big": 123456789012345678901234567890, "small": 1e-999, "x": 1.50, "x": 2.50}'
    (found,) = parsed(entry(frame_text))
    assert found.metadata["big"] == 123456789012345678901234567890
    assert found.metadata["x"] == 2.5


def test_json_of_several_lines_becomes_one_line_of_metadata():
    found = one('{\r\n  "msg": "m",\n  "a": [1,\n 2]\n}\n')
    assert (found.message, found.metadata) == ("m", {"a": [1, 2]})


def test_lone_surrogates_cost_nothing_but_themselves():
    found = one('{"msg": "a\\ud800b", "k": "\\udfff", "pair": "\\ud83d\\ude00"}')
    assert (found.message, found.metadata) == ("a\ufffdb", {"k": "\ufffd", "pair": "😀"})


def test_what_the_sender_said_wins_and_what_the_message_said_is_kept():
    text = '{"msg": "m", "level": "debug", "time": "2026-01-31T12:00:00Z", "user": 1, "same": [1]}'
    metadata = '{"user": 2, "same": [1], "user_2": 3}'
    found = one(text, metadata, level="ERROR", timestamp=5, timestamp_from="")
    assert (found.message, found.level, found.time_us) == ("m", "ERROR", 5)
    assert found.metadata == {
        "user": 2, "same": [1], "user_2": 3, "user_3": 1, "level": "debug", "time": "2026-01-31T12:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    ['"2026-01-31T12:00:00"', '"yesterday"', "12.5", "true", "null", '"0001-01-01T00:00:00Z"', "1e300", "[1]", '""',
     '"9999-12-31T23:59:59-14:00"', "99999999999999999999999", '"' + "1" * 5000 + '"'],
)  # fmt: skip
def test_a_time_that_is_not_whole_stays_metadata(value):
    found = one(f'{{"msg": "m", "time": {value}}}')
    assert (found.time_us, found.metadata) == (RECEIVED_US, {"time": json.loads(value)})


def test_metadata_never_becomes_longer_than_it_may():
    text = json.dumps({"msg": "m", "data": "x" * 900})
    kept = json.dumps({"own": "y" * 100})
    long, short = parsed(entry(text, kept), entry(text), max_metadata_bytes=1000)
    assert (long.parsed_as, long.message, long.metadata) == ("no_room", text, json.loads(kept))
    assert (short.parsed_as, short.message) == ("json", "m")
    umlauts = json.dumps({"msg": "m", "data": "ü" * 600}, ensure_ascii=False)
    assert parsed(entry(umlauts), max_metadata_bytes=1000)[0].parsed_as == "no_room"
