"""No text of a log reaches a terminal as it is where the terminal would obey it, or take it for another log."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.log_lines import Form
from logmill.storage_client import Event, EventParser
from logmill.terminal import ascii_json, columns, printable

LOG = {
    "timestamp": "2026-01-31T12:00:00.123456Z",
    "level": "ERROR",
    "service": "auth",
    "message": "bad \x1b[31m\x9b2J\u202e\r\n2026-01-31 12:00:01.000Z  INFO  auth  forged\0",
    "metadata": {"a": [1, None], "k\x9b": "é\U0001f600"},
    "status_code": 503,
}
TEXTS = st.text(st.characters(codec="utf-8"))


def test_a_line_has_time_level_service_and_message_with_nothing_to_obey() -> None:
    assert Form(is_utc=True).line(msgspec.json.encode(LOG)) == (
        "2026-01-31 12:00:00.123Z  ERROR     auth          "
        "bad \\x1b[31m\\x9b2J\\u202e\\r\\n2026-01-31 12:00:01.000Z  INFO  auth  forged\\x00\n"
    )


def test_fields_are_shown_in_the_order_asked_for_and_absent_ones_left_out() -> None:
    form = Form(("status_code", "user_id", "message", "metadata"), is_utc=True)
    assert form.line(msgspec.json.encode({**LOG, "message": "m"})) == (
        'status_code=503  m  metadata={"a":[1,null],"k\\x9b":"é\U0001f600"}\n'
    )


def test_parts_of_fields_are_shown_under_their_names_and_nested_in_json() -> None:
    log = b'{"message":"m","metadata":{"order":{"id":1.50,"x":2},"a.b":"t"},"source":{"host":"h","file":"f"}}'
    fields = ("metadata.order.id", "metadata.a.b", "source.host", "metadata.none", "message")
    assert Form(fields).line(log) == "metadata.order.id=1.50  metadata.a.b=t  source.host=h  m\n"
    assert Form(fields, is_json=True).line(log) == (
        '{"metadata":{"order":{"id":1.50},"a.b":"t"},"source":{"host":"h"},"message":"m"}\n'
    )


def test_colors_only_where_they_are_wanted() -> None:
    raw = msgspec.json.encode(LOG)
    assert "\x1b" not in Form().line(raw)
    assert "\x1b[31mERROR" in Form(has_color=True).line(raw)
    assert "\x1b[31m\\x9b" not in Form(has_color=True).line(raw)


def test_json_is_the_log_in_ascii_and_some_of_its_fields() -> None:
    metadata = '{\n"big":12345678901234567890123,\r\n\t"f":1e400}'
    line = Form(is_json=True).line(f'{{"message":"é\U0001f600\x7f\x9b","metadata":{metadata}}}'.encode())
    assert line == (
        '{"message":"\\u00e9\\ud83d\\ude00\\u007f\\u009b","metadata":{ "big":12345678901234567890123,   "f":1e400}}\n'
    )
    assert Form(("metadata", "none"), is_json=True).line(b'{"message":"a","metadata":{"f":1.50}}') == (
        '{"metadata":{"f":1.50}}\n'
    )


@given(message=TEXTS, service=TEXTS, key=TEXTS)
def test_whatever_a_log_holds_it_is_one_line_of_printable_text(message: str, service: str, key: str) -> None:
    log = {**LOG, "message": message, "service": service, "metadata": {key: message}}
    raw = msgspec.json.encode(log)
    for form in (Form(), Form(("message", "metadata", "timestamp"))):
        line = form.line(raw)
        assert line.endswith("\n")
        assert line[:-1].isprintable()
    line = Form(is_json=True).line(raw)
    assert line.isascii()
    assert line[:-1].isprintable()
    assert json.loads(line) == log


@pytest.mark.parametrize(("text", "count"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("", 0)])
def test_columns_are_those_of_a_terminal(text: str, count: int) -> None:
    assert columns(text) == count


def test_printable_keeps_only_what_it_is_told_to() -> None:
    assert printable("a\tb\n\x1b") == "a\tb\n\\x1b"
    assert printable("a\tb\n\x1b", keep="") == "a\\tb\\n\\x1b"
    assert ascii_json('"\ud800"') == '"\\ud800"'


STREAM = (
    b": open\nretry: 2000\n\nevent: log\nid: a-1\ndata: {}\n\n: still here\n\ndata: one\ndata:two\n\n"
    b'event: notice\ndata: {"code":"x"}\n\nevent: log\ndata: half'
)
EVENTS = [Event("log", b"{}"), Event("message", b"one\ntwo"), Event("notice", b'{"code":"x"}')]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_events_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    parser = EventParser()
    ends = [*sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS
    assert parser.feed(b"\n\n") == [Event("log", b"half")]
