"""The formats of events: counted where any may come, held to where one is declared, and patterns of one's own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.parsing import SAMPLES
from collector.records.made import Fault
from logmill.submitted import Limits
from tests.support import loghub
from tests.support.parsing import entry, parsed
from tests.support.recording import levels, made, sent, taken

ACCESS = '10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /x?level=error HTTP/1.1" 200 5'
SYSLOG = "<34>Oct 11 22:14:15 mymachine su: failed"


@pytest.mark.parametrize("name", SAMPLES)
def test_formats_are_counted_as_the_processors_find_them(name):
    one = made(*map(SAMPLES[name], range(50)), "a sentence with user=bob in it", "x=1 is a sentence", "{not JSON}")
    assert one.formats == {name.partition(",")[0]: 50, "text": 3}


def test_the_samples_of_loghub_are_recognised():
    loghub.require()
    found = {}
    for name in loghub.NAMES:
        events = (loghub.DATA / f"{name}_2k.log").read_text().splitlines()
        one = made(*events)
        assert one.count == len(events) == loghub.LINES
        assert one.formats == Counter(log.parsed_as or "text" for log in parsed(*map(entry, events)))
        found[name] = max(one.formats, key=one.formats.__getitem__)
    assert found == {
        "Android": "text",
        "Apache": "error",
        "HDFS": "text",
        "Linux": "syslog",
        "OpenSSH": "syslog",
        "OpenStack": "text",
    }


def test_formats_of_the_rules_file_are_counted_and_those_switched_off_are_not(tmp_path: Path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "parsing:\n  formats: {logfmt: false, json: false}\n  rules:\n"
        "    - {name: order, pattern: '^order (?P<id>[0-9]+)'}\n"
    )
    assert made("order 7", "a=1 b=2", '{"a":1}', rules=str(rules)).formats == {"order": 1, "text": 2}


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("json", '{"a": 1}', '{"a": 1'),
        ("json", '{"a": 1}', '[{"a": 1}]'),
        ("json", '{"a": 1}', "plain"),
        ("logfmt", "a=1 b=2", "a=1 and text"),
        ("syslog", SYSLOG, "Oct 11 mymachine su"),
        ("access", ACCESS, ACCESS.replace('"GET', "GET")),
        ("cri", "2026-01-31T12:00:00.5Z stdout F x", "2026-01-31T12:00:00.5Z stdin F x"),
        ("time", "2026-01-31 12:00:00.5+01:00 x", "2026-01-31 12:00:00.5 x"),
        ("error", "[Sun Dec 04 04:47:44 2005] [error] x", "[Sun Dec 04 04:47:44 2005] [loud] x"),
    ],
)
def test_what_is_not_of_the_declared_format_is_sent_as_text_and_told(form, good, bad):
    one = made(good, bad, good, form=form)
    assert [record["message"] for record in sent(one)] == [good, bad, good]
    assert (one.formats, one.fault_count) == ({form: 2, "text": 1}, 1)
    assert one.faults == (Fault(f"is no {form}", bad),)
    assert made(good, bad).fault_count == 0


@pytest.mark.parametrize(
    ("form", "event", "level"),
    [
        ("syslog", SYSLOG, "CRITICAL"),
        ("syslog", "<14>Oct 11 22:14:15 h app: ERROR failed", "INFO"),
        ("syslog", '<14>Oct 11 22:14:15 h app: {"level": "error"}', "ERROR"),
        ("syslog", "Oct 11 22:14:15 h app: ERROR failed", "ERROR"),
        ("access", ACCESS, ""),
        ("error", "[Sat Jan 31 12:00:00.1 2026] [core:crit] [pid 1:tid 2] AH1", "CRITICAL"),
        ("logfmt", 'lvl=eror msg="WARN of it"', "ERROR"),
        ("logfmt", 'a=1 msg="WARN of it"', "WARNING"),
        ("json", '{"severity": "fatal", "msg": "INFO"}', "CRITICAL"),
        ("cri", '2026-01-31T12:00:00Z stdout F {"level": "info", "msg": "no ERROR"}', "INFO"),
        ("cri", "2026-01-31T12:00:00Z stderr F ERROR failed", "ERROR"),
        ("time", "2026-01-31T12:00:00Z WARN x", "WARNING"),
        ("text", "WARN x", "WARNING"),
    ],
)
def test_a_declared_format_tells_the_level(form, event, level):
    assert levels(event, form=form) == [level]


def test_text_is_declared_to_be_nothing_else():
    one = made('{"a":1}', "a=1 b=2", form="text")
    assert (one.formats, one.fault_count) == ({"text": 2}, 0)


PATTERN = r"^(?P<timestamp>\S+) (?P<level>\w+) \[(?P<user>\w*)\] (?P<message>.*)$"


def test_the_groups_of_a_pattern_become_fields():
    one = made("2026-01-31T12:00:00.5+01:00 warn [eve] took 5s", "free text", pattern=PATTERN, tags=["t"])
    first, second = sent(one)
    assert first == {
        "message": "took 5s",
        "service": "app",
        "host": "web-1",
        "file": "/var/log/app.log",
        "level": "WARNING",
        "timestamp": "2026-01-31T11:00:00.500000Z",
        "metadata": {"tags": ["t"], "user": "eve"},
    }
    assert (second["message"], second["metadata"]) == ("free text", {"tags": ["t"]})
    assert (one.formats, one.faults) == ({"pattern": 1, "text": 1}, (Fault("does not match --pattern", "free text"),))
    entry = taken(one)[0]
    assert (entry.timestamp, entry.timestamp_from, entry.level) == (1_769_857_200_500_000, "", "WARNING")


def test_a_pattern_without_message_or_level_leaves_both_to_the_line():
    (record,) = sent(made("12:00 ERROR user=eve", pattern=r"user=(?P<user>\w+)"))
    assert (record["message"], record["level"]) == ("12:00 ERROR user=eve", "ERROR")
    assert record["metadata"] == {"user": "eve"}


def test_times_before_1973_are_taken_for_what_they_are():
    (entry,) = taken(made("1970-01-02T00:00:00Z info [] x", pattern=PATTERN))
    assert entry.timestamp == 86_400_000_000


def test_a_group_called_tags_does_not_replace_those_that_were_given():
    (record,) = sent(made("a b", pattern=r"^(?P<tags>\w) ", tags=["t"]))
    assert record["metadata"] == {"tags": ["t"], "tags_2": "a"}


def test_fields_that_metadata_has_no_room_for_stay_text():
    limits = Limits(max_metadata_bytes=64)
    event = "x" * 100
    one = made(event, pattern=r"(?P<a>x+)", limits=limits)
    (entry,) = taken(one, limits)
    assert (entry.message, bytes(entry.metadata)) == (event, b"{}")
    assert one.faults == (Fault("has more fields than metadata has room for", event),)


def test_a_pattern_reads_what_is_left_of_a_long_event():
    limits = Limits(max_message_bytes=16)
    (record,) = sent(made("user=eve " + "x" * 40, pattern=r"user=(?P<user>\w+)", limits=limits))
    assert (record["message"], record["metadata"]) == ("user=eve xxxxxxx", {"truncated_bytes": 33, "user": "eve"})


def test_patterns_are_linear_in_time():
    one = made("a" * 100_000, pattern=r"(?P<x>(a+)+)$b", drop=["(a|a)*b"])
    assert (one.count, one.fault_count) == (1, 1)
    assert json.loads(one.body)["message"] == "a" * 100_000
