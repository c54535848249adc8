"""From bytes to events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.framing.framer import MAX_EVENT_LINES, Coming, Framer
from collector.framing.lines import pieces
from logmill.errors import ConfigError

PYTHON = b"""Traceback (most recent call last):
  File "app.py", line 3, in f
    g()
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "app.py", line 5, in h
ValueError: bad"""
JAVA = b"""java.lang.IllegalStateException: bad value
\tat com.example.C.run(C.java:1)
Caused by: java.io.IOException: gone
\t... 7 more"""
GO = b"""panic: runtime error: index out of range

goroutine 1 [running]:
main.f(0x1, 0x2)
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:5 +0x1d
exit status 2"""
JSON = b"""{
  "a": {
    "b": 1
  }
}"""


def frame(text, multiline="auto", coming=Coming.NOTHING, most=5000, max_event_bytes=1 << 20):
    return Framer(multiline, max_event_bytes).frame(text, most, coming)


@pytest.mark.parametrize("event", [PYTHON, JAVA, GO, JSON], ids=["python", "java", "go", "json"])
def test_the_lines_of_a_trace_are_one_event(event):
    text = event + b"\nafter\n" + event + b"\n"
    joined = b"after\n" + event  # Python's loggers write a trace below the line that tells of it
    assert frame(text).events == ([event, joined] if event is PYTHON else [event, b"after", event])


def test_a_trace_belongs_to_the_line_that_tells_of_it():
    text = b"ERROR request failed\n" + PYTHON + b"\nINFO next\n"
    assert frame(text).events == [b"ERROR request failed\n" + PYTHON, b"INFO next"]


def test_a_line_after_a_trace_that_looks_like_its_end_is_an_event_of_its_own():
    text = PYTHON + b"\nValueError: of somebody else\n"
    assert frame(text).events == [PYTHON, b"ValueError: of somebody else"]


def test_each_line_is_an_event_where_that_is_said():
    assert frame(b"a\n  b\nc\n", "none").events == [b"a", b"  b", b"c"]


def test_an_expression_says_what_begins_an_event():
    found = frame(b"[1] a\nb\n[2] c\nd\ne\n", r"^\[\d\]")
    assert found.events == [b"[1] a\nb", b"[2] c\nd\ne"]


def test_an_expression_that_cannot_be_used_is_named():
    with pytest.raises(ConfigError, match="--multiline"):
        Framer("(", 100)


def test_the_last_event_waits_while_more_may_come():
    text = b"one\ntwo\nhalf"
    assert frame(text, coming=Coming.MORE).events == [b"one"]
    assert frame(text, coming=Coming.LINES).events == [b"one"]  # half a line may belong to the one before it
    assert frame(b"one\ntwo\n", coming=Coming.LINES).events == [b"one", b"two"]
    assert frame(text, coming=Coming.NOTHING).events == [b"one", b"two", b"half"]


def test_windows_line_ends_are_no_part_of_events():
    assert frame(b"one\r\ntwo\r\n\r\nthree").events == [b"one", b"two", b"", b"three"]


def test_a_line_that_is_too_long_comes_in_pieces_of_whole_characters():
    text = "ä".encode() * 1000
    found = frame(text + b"\nnext\n", max_event_bytes=101)
    assert b"".join(found.events) == text + b"next"
    assert all(event.decode() and len(event) <= 101 for event in found.events)


def test_a_line_without_an_end_does_not_fill_memory():
    found = frame(b"x" * 1000, coming=Coming.MORE, max_event_bytes=300)
    assert (found.events, found.used_bytes) == ([b"x" * 300] * 3, 900)


def test_an_event_of_endless_lines_is_given_in_several():
    text = b"first\n" + b"  more\n" * (3 * MAX_EVENT_LINES)
    events, at = [], 0
    framer = Framer("auto", 1 << 20)
    while at < len(text):
        found = framer.frame(text[at:], 10, Coming.MORE if at < len(text) // 2 else Coming.NOTHING)
        assert found.used_bytes
        events += found.events
        at += found.used_bytes
    assert b"\n".join(events) + b"\n" == text
    assert max(event.count(b"\n") for event in events) < MAX_EVENT_LINES


line = st.sampled_from([b"a", b"", b"  b", b"\tc", b"}", PYTHON, JAVA, GO, JSON, b"x" * 50, "é€😀".encode() * 9])


@given(
    lines=st.lists(line, max_size=30),
    most=st.integers(1, 40),
    multiline=st.sampled_from(["auto", "none", "^a"]),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    max_event_bytes=st.sampled_from([16, 64, 1000]),
)
def test_however_bytes_come_none_is_lost_doubled_or_moved(lines, most, multiline, cuts, max_event_bytes):
    """What is read at a time and what waits changes where events end, never what is in them."""
    text = b"".join(each + b"\n" for each in lines)
    framer = Framer(multiline, max_event_bytes)
    buffer, found, at, turn = b"", b"", 0, 0
    while at < len(text) or buffer:
        size = cuts[turn % len(cuts)]
        buffer += text[at : at + size]
        at += size
        turn += 1
        coming = Coming.NOTHING if at >= len(text) else Coming.MORE
        framed = framer.frame(buffer, most, coming)
        assert all(len(event) <= max_event_bytes for event in framed.events)
        assert framed.used_bytes <= len(buffer)
        found += b"".join(framed.events)
        buffer = buffer[framed.used_bytes :]
        assert coming is Coming.MORE or framed.used_bytes or not buffer
    assert found.replace(b"\n", b"") == text.replace(b"\n", b"")


@given(st.text(max_size=200), st.integers(4, 50))
def test_pieces_are_whole_characters(text, size):
    found = pieces(text.encode(), size)
    assert b"".join(found) == text.encode()
    assert all(len(piece) <= size for piece in found)
    assert "".join(piece.decode() for piece in found) == text


def test_a_line_that_never_ends_costs_no_more_the_more_of_it_is_there():
    """All pieces of a buffer at once, each cut once; binary files have few line feeds."""
    framer = Framer("auto", 16)
    buffer = b"x" * (1024 * 1024 + 3)
    framed = framer.frame(buffer, 1_000_000, Coming.MORE)
    assert set(framed.events) == {b"x" * 16}
    assert len(buffer) - framed.used_bytes == 3
    assert len(framer.frame(buffer, 5000, Coming.MORE).events) == 5000


HEAD = b"2026-01-31T12:00:00Z stdout "


def parts(text, coming=Coming.NOTHING):
    return Framer("auto", 1 << 20, joins_parts=True).frame(text, 5000, coming)


def test_parts_of_a_line_of_a_container_are_joined():
    other = HEAD.replace(b"stdout", b"stderr")
    lines = [HEAD + b"F one", HEAD + b"P ab", HEAD + b"P:x c", HEAD + b"F d e", HEAD + b"P lone", other + b"F its own"]
    framed = parts(b"\n".join(lines) + b"\n")
    assert framed.events == [lines[0], HEAD + b"F abcd e", lines[4], lines[5]]
    assert framed.used_bytes == len(b"\n".join(lines)) + 1
    assert parts(HEAD + b"P ab\n  plain\n").events == [HEAD + b"P ab", b"  plain"]


def test_parts_whose_end_has_not_come_are_waited_for_and_taken_in_the_end():
    text = HEAD + b"F one\n" + HEAD + b"P ab\n" + HEAD + b"P cd\n"
    assert parts(text, Coming.MORE).events == [HEAD + b"F one"]
    assert parts(text).events == [HEAD + b"F one", HEAD + b"P abcd"]
