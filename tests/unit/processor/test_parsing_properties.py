"""What holds of parsing whatever comes: rows and order, the sender's own, and that what is made is read again."""

from __future__ import annotations

import json
import string
import time
import traceback
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.parsing import SAMPLES
from logmill.parsing.formats import formats_of
from logmill.parsing.lifting import LEVEL_NAMES, MESSAGE_NAMES, TIME_NAMES
from logmill.record import LEVELS
from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.rules import redactor_of
from processor.redaction.torn import SECRETS
from processor.stages import make_stages
from processor.stages.parsing import parse
from tests.support.parsing import MAX_METADATA_BYTES, RECEIVED_US, entry, frame_of, one, parsed

# Pieces that formats look for, so that random text comes near to them.
_PIECES = (
    "{", '"', "}", ":", ",", "\\", "\\ud800", "[", "]", "=", " ", "\n", "\r\n", "\t", "\x00", "<34>", "1 ", "- ",
    "a", "1", "2026-01-31T12:00:00Z", "Oct 11 22:14:15", "[10/Oct/2000:13:55:36 -0700]",
    "[Sun Dec 04 04:47:44 2005]", "[error]", "2023/01/31 12:00:00", "[error] 1#2:", "GET / HTTP/1.1", " 200 5",
    "Traceback (most recent call last):", '  File "x"', '", line 3, in f', "ValueError: x",
    "\n\tat a.b.C(D.java:1)", "Caused by: ", "java.lang.Error", "panic: ", "goroutine 1 [", "running]:", "level",
    "msg", "time", '{"a":1', "  | ", "  + ", "+-+---------------- 1 ----------------", "é", "\u2028", "9" * 30,
)  # fmt: skip
near = st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=14).map("".join)
wild = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "replace"))
lines = st.sampled_from(sorted(SAMPLES)).flatmap(lambda name: st.integers(0, 10**6).map(SAMPLES[name]))


def cut(text: str) -> st.SearchStrategy[str]:
    """A line with a piece of it missing, twice there, or replaced."""
    places = st.integers(0, len(text))
    return st.tuples(places, places, near).map(lambda cuts: text[: min(cuts[:2])] + cuts[2] + text[max(cuts[:2]) :])


messages = near | wild | lines | lines.flatmap(cut) | st.text(max_size=40)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(("user", "level", "msg", "time", "app", "host", "pid", "a", "a_2", "status_code")) | st.text(
    max_size=6
)
objects = st.dictionaries(names, json_values, max_size=4)


@given(st.lists(st.tuples(messages, objects, st.sampled_from(LEVELS), st.booleans()), max_size=8))
def test_rows_and_order_stay_and_so_does_what_the_sender_said(logs):
    entries = [
        entry(message, json.dumps(metadata), level=level, client_id=str(number), host="h" if own else "",
              **({"timestamp": number, "timestamp_from": ""} if own else {}))
        for number, (message, metadata, level, own) in enumerate(logs)
    ]  # fmt: skip
    if not entries:
        return
    before = frame_of(*entries)
    after = parse(before, formats_of(load(""), SECRETS), MAX_METADATA_BYTES)
    assert after["client_id"].to_list() == before["client_id"].to_list()
    assert after.select(before.columns).schema == before.schema
    untouched = [name for name in before.columns if name not in {"message", "metadata", "level", "timestamp", "host"}]
    assert after.select(untouched).equals(before.select(untouched))
    for (message, metadata, level, own), row in zip(logs, after.rows(named=True), strict=True):
        sent = json.dumps(metadata)
        assert row["metadata"].startswith(sent.removesuffix("}"))
        assert "\n" not in row["metadata"]
        assert "\r" not in row["metadata"]
        assert json.loads(row["metadata"]).items() >= metadata.items()
        if level != "INFO":
            assert row["level"] == level
        if own:
            assert row["host"] == "h"
            assert row["timestamp"] == before["timestamp"][int(row["client_id"])]
        if row["parsed_as"] == "":
            assert (row["message"], row["metadata"], row["level"]) == (message, sent, level)


STAGES = make_stages(Settings(), load(""), redactor_of(load(""), Settings()))


@given(st.lists(st.tuples(messages, objects), min_size=1, max_size=6))
def test_every_stage_keeps_rows_and_order_and_never_raises(logs):
    frame = frame_of(*(entry(message, json.dumps(metadata)) for message, metadata in logs))
    for name, stage in STAGES:
        frame = stage(frame)
        assert frame["ordinal"].to_list() == list(range(len(logs))), name
        for row in frame["metadata"]:
            assert isinstance(json.loads(row), dict), name


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,:;()-_/", max_size=80))
def test_prose_stays(text):
    found = one(text)
    assert (found.parsed_as, found.message, found.metadata, found.time_us) == ("", text, {}, RECEIVED_US)


# What has a place of its own is tried elsewhere.
_ELSEWHERE = {*MESSAGE_NAMES, *LEVEL_NAMES, *TIME_NAMES}
others = st.dictionaries(st.text(max_size=8).filter(lambda name: name not in _ELSEWHERE), json_values, max_size=4)
words = st.text(alphabet=string.ascii_letters + string.digits + "._-", min_size=1, max_size=12).filter(
    lambda text: text != "-"
)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip())
)
moments = st.datetimes(datetime(2000, 1, 2), datetime(2199, 12, 30)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001


def us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(others, texts, st.sampled_from(LEVELS), moments)
def test_json_is_read_as_it_was_made(fields, message, level, time):
    found = one(json.dumps({"time": time.isoformat(), **fields, "level": level.lower(), "msg": message}))
    assert (found.message, found.level, found.metadata, found.time_us) == (message, level, fields, us(time))


logfmt_names = st.text(alphabet=string.ascii_letters, min_size=1, max_size=8).filter(
    lambda name: name.lower() not in _ELSEWHERE
)


@given(st.dictionaries(logfmt_names, texts, min_size=1), texts, moments)
def test_logfmt_is_read_as_it_was_made(fields, message, time):
    pairs = {"ts": time.isoformat(), "msg": message, **fields}
    found = one(" ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in pairs.items()))
    assert (found.message, found.metadata, found.time_us) == (message, fields, us(time))


@given(
    words,
    words,
    st.sampled_from(("GET", "POST", "PROPFIND")),
    words,
    st.integers(100, 599),
    st.integers(0, 2**40),
    moments,
)
def test_access_logs_are_read_as_they_were_made(client, user, method, path, status, size, time):
    time = time.replace(microsecond=0)
    found = one(
        f'{client} - {user} [{time:%d/%b/%Y:%H:%M:%S} +0000] "{method} /{path} HTTP/1.1" {status} {size} '
        '"-" "a \\"b\\""'
    )
    assert found.time_us == us(time)
    assert found.metadata == {
        "client_ip": client, "user_id": user, "method": method, "path": f"/{path}", "http_version": "1.1",
        "status_code": status, "bytes": size, "user_agent": 'a \\"b\\"',
    }  # fmt: skip


tokens = words.filter(lambda word: not word.isdigit())
parameters = st.dictionaries(tokens, texts, max_size=3)


@given(
    st.integers(0, 191),
    moments,
    tokens,
    tokens,
    st.integers(0, 10**9),
    st.dictionaries(tokens, parameters, max_size=3),
    tokens,
)
def test_syslog_is_read_as_it_was_made(priority, time, host, app, pid, data, text):
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    elements = "".join(
        "[" + name + "".join(f' {key}="{escaped(value)}"' for key, value in some.items()) + "]"
        for name, some in data.items()
    )
    found = one(f"<{priority}>1 {time.isoformat()} {host} {app} {pid} - {elements or '-'} {text}")
    assert (found.message, found.host, found.time_us) == (text, host, us(time))
    assert (found.metadata["app"], found.metadata["pid"]) == (app, pid)
    assert found.metadata.get("structured_data", {}) == data


@given(st.lists(texts, min_size=1, max_size=4))
def test_tracebacks_are_read_as_python_writes_them(messages):
    error: Exception | None = None
    for message in messages:
        try:
            raise ValueError(message) from error  # noqa: TRY301 - to have one that was raised
        except ValueError as caught:
            error = caught
    assert error is not None
    found = one("".join(traceback.format_exception(error))).metadata
    said = [found["exception.message"], *(cause["message"] for cause in found.get("exception.causes", []))]
    assert said == [message.strip() for message in reversed(messages)]


@pytest.mark.parametrize(
    "text",
    [
        "{" * 1_000_000, '{"a":' * 200_000, '{"a": "' + "x" * 1_000_000 + '"}', "a=" * 500_000, "a=1 " * 250_000,
        'a="' + "\\" * 1_000_000, "<34>1 " + "x " * 500_000, '<34>1 - - - - - [a b="' + "\\" * 1_000_000,
        "[Sun Dec 04 04:47:44 2005] [error] " + "[" * 1_000_000,
        "Traceback (most recent call last):\n" + "  |" * 300_000, "\n\tat a.b(c)" * 15_000,
        "\n\tat " * 19_000 + "a.b(c)", "Error: " * 100_000 + "\n\tat a.b.C(D.java:1)",
        "a." * 500_000 + "\n\tat a.b.C(D.java:1)", "goroutine 1 [" * 70_000 + "\ngoroutine 1 [x]:\n",
        "1 2 3 [" * 100_000, '1 - - [10/Oct/2000:13:55:36 -0700] "' + '\\"' * 400_000, "\n" * 1_000_000,
        "  + " * 15_000 + "\n" + "  | \n" * 15_000,
        "Traceback (most recent call last):\n" + "  +-+---------------- 1 ----------------\n" * 15_000,
        "2023/01/31 12:00:00 [error] 1#2: " + ", client: " * 100_000,
        "<13>Oct 11 22:14:15 " + "x" * 1_000_000, "<13>Oct 11 22:14:15 h " + "[" * 1_000_000,
        "<13>Oct 11 22:14:15 h password: a " + "password: a " * 80_000,
        "<34>1 - h app - - " + '[a b="c"]' * 100_000 + " password: x",
        json.dumps({"stack": "\n" * 500_000}), json.dumps({"stack": "\n\tat a.b(c)" * 15_000}),
        json.dumps({"log": "a=1 " * 250_000}), json.dumps({"log": '{"a":' * 100_000}),
        '{"time": 1799000000.' + "1" * 1_000_000 + "}", '{"level":' + "1" * 1_000_000 + "}",
    ],
    ids=range(31),
)  # fmt: skip
def test_long_messages_are_done_in_little_time(text):
    began_s = time.process_time()
    parsed(entry(text[:1_048_576]))
    assert time.process_time() - began_s < 4


def test_a_share_after_another_keeps_its_rows():
    texts = [f'{{"msg": "m{number}"}}' if number % 3 else f"plain {number}" for number in range(5000)]
    found = parsed(*map(entry, texts))
    assert [one.message for one in found] == [f"m{n}" if n % 3 else f"plain {n}" for n in range(5000)]


def test_nothing_to_do_is_nothing():
    empty = parse(frame_of(entry("x")).clear(), formats_of(load(""), SECRETS), 1000)
    assert (empty.height, "parsed_as" in empty.columns) == (0, True)
    assert one('{"a": 1}', "{ }").metadata == {"a": 1}
