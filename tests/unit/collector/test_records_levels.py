"""The levels of events: as text names them, and exactly where JSON, a known header or a stack trace does."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.parsing import SAMPLES
from collector.records.made import UNKNOWN_LEVEL
from logmill.text_levels import level_of
from tests.support.parsing import one as parsed
from tests.support.recording import levels, made

_PIECES = (
    "ERROR", "error", "warn", "WARN", "WARNING", "Info", "CRIT", "panic", "NOTICE", "[", "]", "<", ">", "level=",
    "lvl=", 'severity="', " ", "_", "-", "x", "é", "1", "İ", "\u017f", "\n", "\x00", "\u2028",
    "03-17 16:13:38.811  1702  2395 W ", "03-17 16:13:38.811 1 2 X ", "y" * 150, "é" * 155, "\U0001f600",
)  # fmt: skip
lines = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=12).map("".join)


@given(st.lists(lines.filter(lambda line: line.strip() and not line.lstrip().startswith("{")), min_size=1, max_size=8))
@example(["x" * 155 + "ERROR", "x" * 154 + " ERROR", "x" * 155 + " ERROR", "x" * 160 + "ERROR", "\u017fevere [iNfo]"])
def test_a_column_of_texts_has_the_levels_that_each_has_by_itself(texts):
    assert levels(*texts, form="text") == [level_of(text) for text in texts]


@pytest.mark.parametrize(
    ("event", "level"),
    [
        ('{"level":"warn","msg":"ERROR in it"}', "WARNING"),
        ('  {"msg":"x","severity":"CRITICAL"}', "CRITICAL"),
        ('{"log.level":"Error"}', "ERROR"),
        ('{"@l":"Fatal"}', "CRITICAL"),
        ('{"level":30}', "WARNING"),
        ('{"level":"40"}', "ERROR"),
        ('{"level":30,"pid":1,"hostname":"h"}', "INFO"),
        ('{"level":60,"pid":1,"hostname":"h"}', "CRITICAL"),
        ('{"level":3}', ""),
        ('{"level":3,"severity":"error"}', ""),
        ('{"level":"E","time":"2026-01-31T12:00:00Z"}', ""),
        ('{"level":"loud","severity":"error"}', "ERROR"),
        ('{"level":{"name":"error"},"lvl":"warn"}', "WARNING"),
        ('{"level":null}', ""),
        ('{"level":true}', ""),
        ('{"severity":40}', ""),
        ('{"msg":"ERROR in it"}', ""),
        ('{"a":{"level":"error"}}', ""),
        ('{"level":"info","level":"error"}', "ERROR"),
        ('{"level":"error","msg":"\\ud800"}', "ERROR"),
        ('{\n "level": "error"\n}', "ERROR"),
        ('{"level":"warn"} ERROR', "ERROR"),
        ('{"level":"warn", ERROR', "ERROR"),
        ('{"level":"warn"}\n{"level":"error"}', ""),
        ("{}", ""),
        ("[" * 3000, ""),
        ('{"level":' + "[" * 3000 + "]" * 3000 + "}", ""),
    ],
)
def test_an_object_has_the_level_of_its_level_field(event, level):
    assert levels(event) == levels(event, '{"level":"info"}', "text")[:1] == [level]


@pytest.mark.parametrize(
    ("log", "level"),
    [
        ("12:00 ERROR x\n", "ERROR"),
        ("no level\n", ""),
        ('{"level":"warn","msg":"ERROR"}\n', "WARNING"),
        ('{"msg":"ERROR"}\n', ""),
        ('{"msg": ERROR}\n', "ERROR"),
        ('{"log":"ERROR","stream":"stdout"}\n', ""),
    ],
)
def test_a_line_that_docker_wrapped_has_its_own_level(log, level):
    wrapped = {"log": log, "stream": "stderr", "time": "2026-01-31T12:00:00.1Z"}
    assert levels(json.dumps(wrapped)) == [level]
    assert levels(json.dumps(wrapped | {"level": "debug"})) == ["DEBUG"]
    assert levels(json.dumps({"log": "ERROR"})) == [""]


@pytest.mark.parametrize(
    ("event", "level"),
    [
        ("[Sat Jan 31 12:00:00.123456 2026] [core:error] [pid 1:tid 2] WARN", "ERROR"),
        ("[Sat Jan 31 12:00:00.123456 2026] [ssl:trace3] [pid 1:tid 2] ERROR", "DEBUG"),
        ("[Sun Dec 04 04:47:44 2005] [notice] x", "INFO"),
        ("[Sun Dec 04 04:47:44 2005] [mod:loud] WARN", "WARNING"),
        ("2026/01/31 12:00:00 [crit] 1#2: *3 x", "CRITICAL"),
        ("<34>Jan 31 12:00:00 combo sshd[1]: failed", "CRITICAL"),
        ("<38>Jan 31 12:00:00 combo sshd[1]: ERROR failed", "ERROR"),
        ("<31>1 2026-01-31T12:00:00Z h su 1 - - done", "DEBUG"),
        ('<30>Jan 31 12:00:00 combo app[1]: {"severity": "error"}', ""),
        ("<999>Jan 31 12:00:00 combo sshd[1]: failed", ""),
        ("<3> hello", ""),
        ("Traceback (most recent call last):\n  File \"x\", line 1, in f\nValueError: x", "ERROR"),
        ("12:00 WARN\nTraceback (most recent call last):\nValueError: x", "WARNING"),
        ("goroutine 1 [running]:\nmain.main()\n\t/x.go:1 +0x1d", ""),
        ("two\nlines", ""),
    ],
)  # fmt: skip
def test_headers_and_traces_tell_the_level_where_they_are_sure(event, level):
    assert levels("text", event) == ["", level]


scalars = st.sampled_from(["error", "WARN", "e", "3", "40", "loud", "", "notice"]) | st.integers(-1, 70) | st.booleans()
values = scalars | st.none() | st.floats(0, 60) | st.lists(scalars, max_size=1)
names = st.sampled_from(
    ["level", "lvl", "severity", "log.level", "@l", "time", "pid", "hostname", "logger", "msg", "a", "log"]
)


@given(st.dictionaries(names, values, min_size=1, max_size=6))
def test_the_level_of_an_object_is_the_one_that_a_processor_would_find(fields):
    event = json.dumps(fields)
    (level,) = levels(event)
    if level:
        assert parsed(event).level == level
        # and it counts as one that was sent, without a second one in the metadata
        assert parsed(event, level=level).metadata == parsed(event).metadata


# A time alone tells of no level: the word behind it is what the collector sends.
@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "time"])
def test_the_level_of_a_format_is_the_one_that_a_processor_would_find(name):
    event = SAMPLES[name](7)
    form = name.partition(",")[0]
    found = {*levels(event), *levels(event, form="auto" if form == "trace" else form)}
    assert found in ({parsed(event).level}, {""})


def test_levels_are_counted_and_so_are_those_that_nobody_knows_yet():
    assert made("ERROR a", "b", "c", "WARN d").levels == {"ERROR": 1, "WARNING": 1, UNKNOWN_LEVEL: 2}
