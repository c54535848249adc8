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
        '{"level":"error","ts":1799000000.5,"caller":"a/b.go:12","msg":"failed to fetch","url":"http://x","n":3}'
    )
    assert (found.parsed_as, found.message, found.level) == ("json", "failed to fetch", "ERROR")
    assert found.metadata == {"caller": "a/b.go:12", "url": "http://x", "n": 3}
    assert found.time_us == 1_799_000_000_500_000


def test_a_line_of_structlog():
    found = one('{"event": "user logged in", "level": "info", "timestamp": "2026-01-31T12:00:00.25Z", "user_id": 7}')
    assert (found.message, found.level, found.metadata) == ("user logged in", "INFO", {"user_id": 7})
    assert found.time_us == us("2026-01-31T12:00:00.25Z")


def test_a_line_of_pino_counts_levels_as_pino_does():
    line = '{"level":%d,"time":1798171074631,"pid":657,"hostname":"h","msg":"hello"}'
    assert [one(line % level).level for level in (10, 20, 30, 40, 50, 60)] == [
        "DEBUG", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL",
    ]  # fmt: skip
    found = one(line % 50)
    assert (found.metadata, found.time_us) == ({"pid": 657, "hostname": "h"}, 1_798_171_074_631_000)


def test_other_numbers_are_those_of_python_and_syslog():
    lines = [{"logger": "a", "level": level} for level in (3, 40, 30, 10, 61, -1, "3", 8, 15)]
    assert [one(json.dumps(line)).level for line in lines] == [
        "ERROR", "ERROR", "WARNING", "DEBUG", "INFO", "INFO", "ERROR", "INFO", "INFO",
    ]  # fmt: skip
    assert one('{"n": 1, "level": 40}').metadata == {"n": 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"level": 3, "event": "levelup"}', "sensor=7 level=2 v=3", "grade=x level=C", '{"n": 1, "level": "2"}',
        '{"time": 12.5, "level": 3}', '{"time": 1523000000, "level": 1, "msg": "m"}', '{"n": 1, "lvl": "E"}',
    ],
)  # fmt: skip
def test_a_small_number_or_letter_alone_is_no_level(text):
    found = one(text)
    assert (found.parsed_as != "", found.level, found.time_us) == (True, "INFO", RECEIVED_US)
    assert found.metadata.get("level", found.metadata.get("lvl")) in {3, 2, "C", "2", 1, "E"}


@pytest.mark.parametrize(
    "beside", ['"time": "2026-01-31T12:00:00Z"', '"ts": 1799000000', '"logger": "a"', '"pid": 7', '"threadName": "t"']
)
def test_beside_what_loggers_write_it_is_one_and_stays_metadata_too(beside):
    for level, expected in (("3", "ERROR"), ('"C"', "CRITICAL"), ("0", "CRITICAL"), ("7", "DEBUG")):
        found = one(f'{{{beside}, "level": {level}}}')
        assert (found.level, found.metadata["level"]) == (expected, json.loads(level))
    sent = one(f'{{{beside}, "level": 3}}', level="DEBUG")
    assert (sent.level, sent.metadata["level"], "level_2" in sent.metadata) == ("DEBUG", 3, False)


@pytest.mark.parametrize("value", ["1523000000", "4111111111111111", "1700000000", "1800090000", "1736000000.5"])
def test_a_number_far_from_the_arrival_is_no_time(value):
    found = one(f'{{"time": {value}, "msg": "took"}}')
    assert (found.time_us, found.metadata) == (RECEIVED_US, {"time": json.loads(value)})
    found = one(f'{{"time": {value}, "ts": "2026-01-31T12:00:00Z", "level": "info"}}')
    assert (found.time_us, found.metadata) == (us("2026-01-31T12:00:00Z"), {"time": json.loads(value)})


def test_a_number_near_to_it_is_one_and_stays_metadata_where_no_level_says_that_it_is_a_loggers():
    for value in (1_737_000_000, 1_799_999_999, 1_800_080_000):
        found = one(f'{{"time": {value}, "msg": "took"}}')
        assert (found.time_us, found.metadata) == (value * 1_000_000, {"time": value})
        assert one(f'{{"time": {value}, "msg": "took", "level": "info"}}').metadata == {}
    sent = one('{"time": 1799000000, "msg": "took"}', timestamp=5, timestamp_from="")
    assert (sent.time_us, sent.metadata) == (5, {"time": 1_799_000_000})


@pytest.mark.parametrize(
    ("time", "is_kept"),
    [
        ('"2023-11-23T13:00:00.123456789Z"', True), ('"2023-11-23T13:00:00.123456Z"', False),
        ('"2023-11-23T13:00:00.123456000+00:00"', False), ('"2023-11-23T13:00:00.1234560001Z"', True),
        ('"2023-11-23T13:00:00,123456789Z"', True), ("1799000000123456789", True), ("1799000000123456000", False),
        ("1799000000.1234567", True), ("1799000000.123456", False), ("1799000000123.5", False),
    ],
)  # fmt: skip
def test_digits_that_a_log_has_no_room_for_stay_metadata(time, is_kept):
    found = one(f'{{"time": {time}, "level": "info", "a": 1}}')
    assert found.time_us != RECEIVED_US
    assert found.metadata == ({"time": json.loads(time), "a": 1} if is_kept else {"a": 1})
    sent = one(f'{{"time": {time}, "level": "info"}}', timestamp=5, timestamp_from="")
    assert sent.metadata == {"time": json.loads(time)}


def test_a_line_of_dockers_files():
    found = one('{"log":"started\\n","stream":"stderr","time":"2026-01-31T12:00:00.123456789Z"}')
    assert (found.message, found.time_us) == ("started", us("2026-01-31T12:00:00.123456Z"))
    assert found.metadata == {"stream": "stderr", "time": "2026-01-31T12:00:00.123456789Z"}


def docker(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-01-31T12:00:00.123456Z"})


def test_what_docker_wrapped_is_parsed_too():
    inner = one(docker('{"level":"error","msg":"inner","n":1}'))
    assert (inner.parsed_as, inner.message, inner.level) == ("json", "inner", "ERROR")
    assert (inner.metadata, inner.time_us) == ({"stream": "stderr", "n": 1}, us("2026-01-31T12:00:00.123456Z"))
    pairs = one(docker('time=2026-01-31T11:00:00Z level=warn msg="half full"'))
    assert (pairs.message, pairs.level, pairs.time_us) == ("half full", "WARNING", us("2026-01-31T11:00:00Z"))
    assert pairs.metadata == {"stream": "stderr", "time": "2026-01-31T12:00:00.123456Z"}
    trace = one(docker("java.io.IOException: x\n\tat a.B.c(D.java:1)"))
    assert (trace.level, trace.metadata["exception.type"]) == ("ERROR", "java.io.IOException")
    access = one(docker('1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 500 5'))
    assert (access.metadata["status_code"], access.message[:7]) == (500, "1.2.3.4")


def test_of_two_levels_the_inner_one_holds_and_the_outer_counts_where_there_is_none():
    wrapped = {"log": '{"level":"error","msg":"m"}', "level": "info"}
    assert (one(json.dumps(wrapped)).level, one(json.dumps(wrapped)).metadata) == ("ERROR", {"level": "info"})
    assert one('{"log": "{\\"msg\\":\\"m\\"}", "level": "warn"}').level == "WARNING"


def test_it_is_opened_once_and_what_a_logger_quotes_is_not_opened():
    twice = one(docker(docker('{"msg": "m", "level": "error"}')))
    assert (twice.message, twice.level) == ('{"msg": "m", "level": "error"}', "INFO")
    syslog = one(docker("<34>1 2026-01-31T12:00:00Z h app - - - x"))
    assert (syslog.message[:5], syslog.level) == ("<34>1", "INFO")
    quoted = one('{"msg": "{\\"level\\": \\"error\\"}", "n": 1}')
    assert (quoted.message, quoted.level, quoted.metadata) == ('{"level": "error"}', "INFO", {"n": 1})
    assert one('{"msg": "a=1 b=2"}').metadata == {}


JAVA = "java.io.IOException: x\n\tat com.example.Pool.take(Pool.java:13)\nCaused by: java.net.SocketException: reset"
PYTHON = 'Traceback (most recent call last):\n  File "x.py", line 3, in f\nValueError: bad'


@pytest.mark.parametrize("name", ["stack", "stack_trace", "stacktrace", "exception", "exc_info", "error.stack"])
def test_a_stack_trace_in_a_member_is_taken_apart_and_stays(name):
    found = one(json.dumps({"level": "warn", "msg": "fail", name: JAVA}))
    assert (found.parsed_as, found.message, found.level) == ("json", "fail", "WARNING")
    assert (found.metadata[name], found.metadata["exception.type"]) == (JAVA, "java.io.IOException")
    assert found.metadata["exception.innermost.line"] == 13
    assert found.metadata["exception.causes"] == [{"type": "java.net.SocketException", "message": "reset"}]
    assert one(json.dumps({"msg": "fail", name: PYTHON})).level == "ERROR"


@pytest.mark.parametrize("name", ["msg", "stack"])
@pytest.mark.parametrize("wrap", [str, docker], ids=["json", "docker"])
def test_the_time_of_a_quoted_trace_is_not_that_of_the_log(name, wrap):
    quoted = f"2026-01-30T08:00:00Z job failed\n{PYTHON}"
    members = {"time": "2026-01-31T12:00:00Z", "level": "warn", "msg": "m", "order": 7}
    found = one(wrap(json.dumps({**members, name: quoted})))
    assert (found.time_us, found.level) == (us("2026-01-31T12:00:00Z"), "WARNING")
    assert (found.metadata["exception.type"], found.metadata["order"]) == ("ValueError", 7)
    assert "2026-01-31T12:00:00Z" not in found.metadata.values()


def test_the_time_of_a_quoted_trace_counts_where_the_logger_gave_none():
    found = one(json.dumps({"level": "warn", "msg": f"2026-01-30T08:00:00Z job failed\n{PYTHON}"}))
    assert found.time_us == us("2026-01-30T08:00:00Z")


def test_a_stack_trace_is_found_in_an_error_in_the_message_and_in_what_is_wrapped():
    pino = one(json.dumps({"level": 50, "msg": "m", "pid": 1, "hostname": "h", "err": {"type": "E", "stack": JAVA}}))
    assert (pino.level, pino.metadata["exception.language"]) == ("ERROR", "java")
    told = one(json.dumps({"msg": f"failed\n{PYTHON}", "n": 1}))
    assert (told.message, told.metadata["exception.type"]) == (f"failed\n{PYTHON}", "ValueError")
    line = json.dumps({"msg": "m", "stack": JAVA})
    for wrapped in (docker(line), f"<34>1 2026-01-31T12:00:00Z h app - - - {line}"):
        assert one(wrapped).metadata["exception.type"] == "java.io.IOException"
    for text in ("no\ntrace", "TypeError: x\n    at f (/app/x.js:1:2)", "", JAVA.replace("\n", " ")):
        assert "exception.type" not in one(json.dumps({"msg": "m", "stack": text, "err": [1]})).metadata


def test_a_stack_trace_stays_text_where_traces_are_switched_off(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("parsing: {formats: {trace: false}}")
    assert one(json.dumps({"msg": "m", "stack": JAVA}), rules=str(path)).metadata == {"stack": JAVA}


def test_a_hostname_is_the_host_where_none_was_sent():
    for name in ("hostname", "host", "host.name"):
        found = one(f'{{"msg": "m", "{name}": "web1"}}')
        assert (found.host, found.metadata) == ("web1", {name: "web1"})
        sent = one(f'{{"msg": "m", "{name}": "web1"}}', host="mine")
        assert (sent.host, sent.metadata) == ("mine", {name: "web1"})
    syslog = one('<34>1 2026-01-31T12:00:00Z h app - - - {"msg": "m", "hostname": "web1"}')
    assert (syslog.host, syslog.metadata["hostname"]) == ("h", "web1")
    for beside in ('"method": "GET"', '"status": 200', '"port": 5432'):
        assert one(f'{{"msg": "m", "host": "example.com", {beside}}}').host == ""
    for value in ("1", "null", "[]", '" "', '"' + "x" * 9000 + '"'):
        assert one(f'{{"msg": "m", "host": {value}}}').host == ""


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
