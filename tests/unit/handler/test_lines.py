"""What the handler writes is what the producer takes, whatever was logged, within the producer's limits."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logmill.handler.lines import MAX_METADATA_BYTES, LineEncoder, level_of
from logmill.handler.taking import MAX_MESSAGE_BYTES, take
from logmill.intake import Limits, from_lines
from logmill.record import Entry
from logmill.submitted import Submitted

LOGGER = logging.getLogger("shop.cart")
LIMITS = Limits()
# As the producer reads an item that needs no second look.
_plain = msgspec.json.Decoder(Submitted).decode


def line_of(message: str, extra: dict[str, Any] | None = None, **attributes: Any) -> bytes:
    record = LOGGER.makeRecord("shop.cart", logging.INFO, "/app/cart.py", 42, "%s", (message,), None, "add")
    record.__dict__.update(attributes)
    record.__dict__.update(extra or {})
    return LineEncoder("shop", "web-1").line(take(record, None, ()))


def entry_of(line: bytes) -> Entry:
    """The record that the producer makes of a line."""
    taken = from_lines(line, LIMITS, now_us=0, protocol="http")
    assert not taken.rejected
    (entry,) = taken.columns.rows()
    return entry


def metadata_of(line: bytes) -> dict[str, Any]:
    return json.loads(bytes(entry_of(line).metadata))


@pytest.mark.parametrize("created", [-1e9, -1.5, 0.0, 0.25, 1000.0, 864_000.0, 99_999_999.5, 100_000_000.0, 1e9, 4e9])
def test_the_time_is_that_of_the_clock_even_where_that_was_never_set(created: float):
    assert entry_of(line_of("started", created=created)).timestamp == int(created * 1e6)


def test_a_log_has_its_place_and_what_the_application_gave():
    line = line_of("paid", {"order": 7, "card": "visa"}, created=1_700_000_000.123456, threadName="worker-1")
    assert line.endswith(b"\n")
    entry = entry_of(line)
    assert (entry.timestamp, entry.level, entry.message) == (1_700_000_000_123_456, "INFO", "paid")
    assert (entry.service, entry.host, entry.protocol) == ("shop", "web-1", "http")
    metadata = metadata_of(line)
    assert isinstance(metadata.pop("pid"), int)
    assert list(metadata.items()) == [
        ("order", 7),
        ("card", "visa"),
        ("logger", "shop.cart"),
        ("code.file", "/app/cart.py"),
        ("code.line", 42),
        ("code.function", "add"),
        ("thread", "worker-1"),
    ]


def test_the_producer_reads_it_the_quick_way():
    assert _plain(line_of("paid", {"order": 7, "trace_id": "ab" * 16, "span_id": "cd" * 8})).trace_id == "ab" * 16


@pytest.mark.parametrize(
    ("number", "level"),
    [
        (0, "DEBUG"),
        (5, "DEBUG"),
        (10, "DEBUG"),
        (19, "DEBUG"),
        (20, "INFO"),
        (25, "INFO"),
        (30, "WARNING"),
        (35, "WARNING"),
        (40, "ERROR"),
        (50, "CRITICAL"),
        (99, "CRITICAL"),
    ],
)
def test_levels_go_by_their_number(number: int, level: str):
    assert level_of(number) == level
    assert entry_of(line_of("x", levelno=number, levelname=f"Level {number}")).level == level


def test_a_level_of_the_applications_own_keeps_its_name():
    assert metadata_of(line_of("x", levelno=25, levelname="SUCCESS"))["level_name"] == "SUCCESS"
    assert "level_name" not in metadata_of(line_of("x"))


def test_names_that_both_use_are_kept_apart():
    metadata = metadata_of(line_of("x", {"code.line": 7, "logger": "shop.cart", "pid": "a"}))
    assert (metadata["code.line"], metadata["code.line_2"]) == (7, 42)
    assert metadata["logger"] == "shop.cart"
    assert "logger_2" not in metadata
    assert isinstance(metadata["pid_2"], int)


def test_one_place_in_two_threads_is_two_places():
    encoder = LineEncoder("shop", "web-1")
    found = []
    for thread in ("a", "b", "a"):
        record = LOGGER.makeRecord("shop.cart", logging.INFO, "/app/cart.py", 42, "x", (), None, "add")
        record.threadName = thread
        found.append(metadata_of(encoder.line(take(record, None, ())))["thread"])
    assert found == ["a", "b", "a"]


def test_ever_new_threads_take_no_more_memory():
    encoder = LineEncoder("shop", "web-1")
    for number in range(10_000):
        record = LOGGER.makeRecord("shop.cart", logging.INFO, "/app/cart.py", 42, "x", (), None, "add")
        record.threadName = f"request-{number}"
        encoder.line(take(record, None, ()))
    assert len(encoder._sites) <= 2048


@pytest.mark.parametrize("character", ["x", "ä", "€", "😀", "\n", "\ud800"])
def test_a_message_is_cut_to_what_the_producer_takes(character: str):
    message = entry_of(line_of(character * (MAX_MESSAGE_BYTES + 1))).message
    assert len(message.encode()) <= MAX_MESSAGE_BYTES
    assert "[cut, " in message[-60:]


@pytest.mark.parametrize("character", ["x", "€", "😀"])
def test_a_message_at_the_limit_stays_whole(character: str):
    whole = character * (MAX_MESSAGE_BYTES // len(character.encode()))
    assert entry_of(line_of(whole)).message == whole


@pytest.mark.parametrize(
    "extra",
    [
        {"a": "x" * 1_000_000, "b": "short"},
        {"a": "😀" * 100_000, "b": "short"},
        {"a": {"rows": ["😀" * 1000] * 1000}, "b": "short"},
        {f"name-{number}": "€" * 1000 for number in range(500)} | {"b": "short"},
        {f"name-{number}": number for number in range(50_000)},
        {"k" * 1_000_000: 1, "b": "short"},
        {"a": "x" * 1_000_000, "logger": "y" * 300_000, "b": "short"},
    ],
    ids=["one long", "one escaped", "nested", "many long", "many short", "long name", "ours too"],
)
def test_metadata_is_cut_to_what_the_producer_takes(extra: dict[str, Any]):
    line = line_of("x" * 100_000, extra)
    metadata = metadata_of(line)
    assert len(bytes(entry_of(line).metadata)) <= MAX_METADATA_BYTES
    assert metadata["code.file"] == "/app/cart.py"
    assert "[cut, " in line.decode()
    assert metadata.get("b", "…") == "short" or "…" in metadata


_texts = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["\ud800", "\udfff\ud800", "\x00", "\r\n", '"', "\\u"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.binary(max_size=5) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(_texts, st.dictionaries(_texts, _values, max_size=5))
@example("x", {"a": float("nan"), "b": [float("inf")], "c": 10**5000})
@example("x", {"taskName": "t", "": 1})
def test_whatever_is_logged_is_taken(message: str, extra: dict[str, Any]):
    reserved = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "extra"}
    line = line_of(message, {name: value for name, value in extra.items() if name not in reserved})
    assert line.count(b"\n") == 1
    assert entry_of(line).message == message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert metadata_of(line)["code.line"] == 42
