"""What comes of events: records in their order, filters, what is cut or mended, tags, and what is counted."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from collector.records.made import Fault, Source
from collector.records.recorder import MOST_FAULTS, MOST_SAMPLE_CHARS
from logmill.errors import ConfigError
from logmill.plain import plain_columns
from logmill.submitted import Limits, Submitted
from tests.support.recording import SOURCE, made, recorder, sent, taken


def test_an_event_is_a_record_of_its_source():
    (record,) = sent(made("12:00:01 ERROR disk full"))
    assert record == {
        "message": "12:00:01 ERROR disk full",
        "service": "app",
        "host": "web-1",
        "file": "/var/log/app.log",
        "level": "ERROR",
    }


def test_a_trace_is_one_record_with_all_its_lines():
    one = made("Traceback (most recent call last):\nValueError: x", "next")
    assert [record["message"] for record in sent(one)] == ["Traceback (most recent call last):\nValueError: x", "next"]


@pytest.mark.parametrize("blank", [b"", b" ", b"\t\r\n", b"\xc2\xa0", b"\x1f", "\u3000".encode()])
def test_blank_lines_are_no_events(blank):
    one = made(b"a", blank, b"b")
    assert (one.count, one.filtered, [record["message"] for record in sent(one)]) == (2, 0, ["a", "b"])
    assert made(blank) == made()


def test_nul_and_control_characters_stay():
    (record,) = taken(made(b"a\x00b\x1b[31m\x7f\r"))
    assert record.message == "a\x00b\x1b[31m\x7f\r"


def test_what_is_no_utf8_is_replaced_and_told():
    one = made(b"fine", b"caf\xe9 \xff", b"fine too")
    assert [record["message"] for record in sent(one)] == ["fine", "caf� �", "fine too"]
    assert (one.fault_count, one.faults) == (1, (Fault("is not UTF-8", "caf� �"),))


def test_a_fault_is_that_of_its_event_where_others_before_it_are_left_out():
    one = made(b"", b"drop me", b"ok", b"\xff bad", b"\xff drop me", drop=["drop"])
    assert [record["message"] for record in sent(one)] == ["ok", "� bad"]
    assert (one.filtered, one.faults) == (2, (Fault("is not UTF-8", "� bad"),))


def test_what_is_too_long_is_cut_between_characters_and_says_so():
    limits = Limits(max_message_bytes=16)
    one = made("short", "é" * 20, b"\xff" * 20, limits=limits)
    short, long, both = taken(one, limits)
    assert (short.message, long.message, both.message) == ("short", "é" * 8, "�" * 5)
    assert (bytes(long.metadata), bytes(both.metadata)) == (b'{"truncated_bytes":24}', b'{"truncated_bytes":45}')
    assert [fault.reason for fault in one.faults] == [
        "is too long, and its end is left out",
        "is not UTF-8, and is too long, and its end is left out",
    ]


def test_only_the_first_faults_are_shown_and_only_their_starts():
    one = made(*[b"\xff" * 500] * 20)
    assert (one.fault_count, len(one.faults)) == (20, MOST_FAULTS)
    assert {len(fault.sample) for fault in one.faults} == {MOST_SAMPLE_CHARS}


def test_filters_keep_what_any_is_found_in_and_drop_what_any_is_found_in():
    events = ("GET /health 200", "GET /buy 500", "POST /buy 200", "nothing", "")
    one = made(*events, keep=["GET", "POST"], drop=["/health", "(?i)post /buy 5"])
    assert [record["message"] for record in sent(one)] == ["GET /buy 500", "POST /buy 200"]
    assert (one.count, one.filtered) == (2, 2)
    everything_left = made(*events, drop=["."])
    assert (everything_left.body, everything_left.count, everything_left.filtered) == (b"", 0, 4)


def test_a_filter_looks_at_all_lines_of_an_event():
    assert made("first\nsecond", keep=["(?m)^second$"]).count == 1


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"keep": ["a", "(b"]}, ["--filter", "unclosed group", "(b"]),
        ({"drop": ["(?=x)"]}, ["--drop", "look-around"]),
        ({"drop": ["a{1000}{1000}{1000}"]}, ["--drop", "size"]),
        ({"keep": [""]}, ["--filter", "empty"]),
        ({"form": "xml"}, ["--format", "xml", "json", "syslog"]),
        ({"form": "pattern"}, ["--pattern", "missing"]),
        ({"form": "json", "pattern": "(?P<a>.)"}, ["--pattern", "json"]),
        ({"pattern": "(?P<a>"}, ["--pattern", "unclosed group"]),
        ({"pattern": "no group"}, ["--pattern", "name at least one group"]),
        ({"tags": [" "]}, ["--tag"]),
        ({"tags": ["x" * 65]}, ["--tag", "64"]),
        ({"tags": ["a\nb"]}, ["--tag", "printable"]),
        ({"tags": [str(number) for number in range(17)]}, ["--tag", "17 tags, 16 at most"]),
    ],
)
def test_an_option_that_cannot_be_used_is_an_error_that_names_it(option, words):
    with pytest.raises(ConfigError) as caught:
        recorder(**option)
    assert [word for word in words if word not in str(caught.value)] == []


def test_names_that_are_too_long_or_no_text_are_made_to_fit():
    path = "/var/log/" + "x" * 5000 + "\udcff"
    (record,) = taken(recorder().make(Source(path, "é" * 300, "h" * 300), [b"a"]))
    assert (record.service, record.host) == ("é" * 128, "h" * 256)
    assert record.file == path[:4096]
    (odd,) = taken(recorder().make(Source("/var/log/\udcff.log", "s", "h"), [b"a"]))
    assert odd.file == "/var/log/�.log"


def test_long_paths_do_not_take_a_body_off_the_quick_way_through_the_producer():
    path = f"/var/lib/docker/containers/{'0' * 64}/{'0' * 64}-json.log"
    body = recorder(tags=["t"]).make(Source(path, "s", "h"), [b"a", b"ERROR b"]).body
    quick = plain_columns(msgspec.json.Decoder(Submitted).decode_lines(body), Limits(), now_us=1, protocol="http")
    assert quick is not None
    assert list(quick.file) == [path, path]


def test_tags_are_sent_and_counted_beside_those_of_the_rules():
    one = made("login failed", "payment refused by api", "disk", tags=["prod", "eu", "prod"])
    assert [record["metadata"] for record in sent(one)] == [{"tags": ["prod", "eu"]}] * 3
    assert one.tags == {"auth": 1, "payment": 1, "api": 1, "general": 1, "prod": 3, "eu": 3}


def test_tags_are_those_of_the_rules_file(tmp_path: Path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "tags:\n  defaults: false\n  rules:\n"
        "    - {tag: mine, when: {service: [app], level: [INFO]}}\n"
        "    - {tag: slow, when: {slow: true}}\n"
    )
    assert made("ERROR a", "b", "c", rules=str(rules)).tags == {"mine": 2, "general": 1}


def test_several_sources_at_once_are_as_each_by_itself():
    one = recorder(Limits(max_message_bytes=40), keep=["a"], tags=["t"])
    given = [
        (SOURCE, [b"a ERROR", b"", b"b", b"\xffa"]),
        (Source("/x", "other", "h"), []),
        (Source("/y", "third", "h"), [b'{"level":"warn","a":1}', b"a" * 50]),
        (Source("/z", "fourth", "h"), [b"b"]),
    ]
    assert one.make_all(given) == [one.make(source, events) for source, events in given]
    assert one.make_all([]) == []
