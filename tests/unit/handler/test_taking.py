"""What is taken of a log record: all of it, at the moment of the call, whatever the application put there."""

from __future__ import annotations

import enum
import logging
import sys
import threading
import time
import uuid
from collections import Counter
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from logmill.handler.taking import MAX_MESSAGE_BYTES, RECORD_BYTES, SITE_NAMES, Taken, take
from logmill.handler.values import MAX_TEXT_CHARS

LOGGER = logging.getLogger("shop.cart")


class Colour(enum.Enum):
    RED = "red"


class Failing:
    """An object that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def record(message: object = "hello", *args: object, extra: dict[str, Any] | None = None, **more: Any):
    return LOGGER.makeRecord(
        "shop.cart", 20, "/app/cart.py", 42, message, args, more.pop("exc_info", None), "add", extra, **more
    )


def pay(error: Exception) -> None:
    raise error


def exc_info_of(error: Exception) -> Any:
    """What `sys.exc_info` says of an error that `pay` raised."""
    try:
        pay(error)
    except type(error):
        return sys.exc_info()


def taken(*args: Any, formatter: logging.Formatter | None = None, **more: Any) -> Taken:
    return take(record(*args, **more), formatter, ())


def members(**extra: Any) -> dict[str, Any]:
    return taken(extra=extra)[4] or {}


def test_message_time_level_and_place_are_taken():
    before = time.time()
    _size, created, message, site, extra, trace = taken("order %s of %s", 7, "eve")
    assert before <= created <= time.time()
    assert message == "order 7 of eve"
    assert dict(zip(SITE_NAMES, site, strict=True)) | {"taskName": None} == {
        "levelno": 20,
        "levelname": "INFO",
        "name": "shop.cart",
        "pathname": "/app/cart.py",
        "lineno": 42,
        "funcName": "add",
        "threadName": threading.current_thread().name,
        "processName": "MainProcess",
        "taskName": None,
    }
    assert (extra, trace) == (None, ("", ""))


def test_what_changes_after_the_call_changes_nothing():
    cart = {"items": [1, 2]}
    arguments = [1]
    found = taken("cart %s", arguments, extra={"cart": cart})
    cart["items"].append(3)
    arguments.append(2)
    assert found[2] == "cart [1]"
    assert found[4] == {"cart": {"items": [1, 2]}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (7, 7),
        (True, True),
        (None, None),
        (0.5, 0.5),
        (Decimal("1.50"), "1.50"),
        (Fraction(1, 3), "1/3"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (Path("/x"), "/x"),
        (b"ab\xff", "ab\\xff"),
        (Colour.RED, "red"),
        (ValueError("bad"), "ValueError: bad"),
        ((1, {2}), [1, [2]]),
        ({1: {"a": Path("b")}}, {"1": {"a": "b"}}),
        (1 << 20_000, "<a number of 20001 bits>"),
        (Failing(), "<Failing>"),
        ([Failing()], ["<Failing>"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_json(value: object, expected: object):
    assert members(value=[value])["value"] == [expected]
    if not isinstance(value, int):
        assert members(value=value)["value"] == expected


def test_a_list_that_holds_itself_ends():
    loop: list[object] = [1]
    loop.append(loop)
    assert members(loop=loop)["loop"] == [1, "…"]


def test_values_are_cut_where_they_are_deep_long_or_many():
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    found = members(deep=deep, long=["x" * 1_000_000], many=list(range(1_000_000)), keys=dict.fromkeys(range(100_000)))
    assert str(found["deep"]).count("[") == 8
    assert found["long"][0].endswith("… [cut, 1000000 characters in all]")
    assert len(found["long"][0]) < MAX_TEXT_CHARS + 100
    assert found["many"][-1] == "… [cut, 1000000 items in all]"
    assert found["keys"]["…"] == "[cut, 100000 members in all]"
    assert len(found["many"]) < 5000 > len(found["keys"])


def test_a_large_value_takes_little_time():
    huge = {"rows": [{"n": n} for n in range(200_000)]}
    found = record(extra=huge)
    started = time.perf_counter()
    take(found, None, ())
    assert time.perf_counter() - started < 0.1


def test_the_size_counts_texts_and_members():
    small, large = taken("x")[0], taken("x" * 1000, extra={"a": "y" * 500, "b": ["z" * 300]})[0]
    assert small == RECORD_BYTES + 1
    assert 1800 < large - RECORD_BYTES < 2200


def test_a_long_message_is_cut():
    message = taken("x" * 2_000_000)[2]
    assert message.endswith("… [cut, 2000000 characters in all]")
    assert len(message) < MAX_MESSAGE_BYTES + 100


@pytest.mark.parametrize("args", [(1, 2), ("x",), (Failing(),)])
def test_arguments_that_do_not_fit_cost_no_log(args: tuple[object, ...]):
    found = taken("%d things", *args)
    assert found[2].startswith("%d things (") or found[2] == "%d things <tuple>"
    assert found[4] is not None
    assert "Error" in found[4]["logging_error"]


def test_an_exception_becomes_parts_and_a_trace():
    found = taken("oops", exc_info=exc_info_of(ValueError("bad amount")), extra={"order": 7})[4]
    assert found is not None
    assert found["order"] == 7
    assert found["exception.type"] == "ValueError"
    assert found["exception.message"] == "bad amount"
    assert found["exception.innermost.function"] == "pay"
    assert found["exception.innermost.file"] == __file__
    assert found["stack_trace"].startswith("Traceback (most recent call last):\n")
    assert found["stack_trace"].endswith("\nValueError: bad amount")


def test_a_long_trace_keeps_its_beginning_and_its_end():
    found = taken("oops", exc_info=exc_info_of(ValueError("x" * 200_000 + "the end")))[4]
    assert found is not None
    assert found["stack_trace"].startswith("Traceback")
    assert found["stack_trace"].endswith("the end")
    assert len(found["stack_trace"]) < MAX_TEXT_CHARS + 100
    assert len(found["exception.message"]) < 9000


def test_an_exception_whose_own_code_fails_costs_no_log():
    class Bad(Exception):
        __str__ = Failing.__str__
        __repr__ = Failing.__str__

    found = taken("oops", exc_info=exc_info_of(Bad()))[4]
    assert found is not None
    assert found["exception.message"] == "<Bad>"
    assert "Bad" in found["stack_trace"]


def test_a_stack_that_was_asked_for_is_kept():
    found = taken("where", sinfo="Stack (most recent call last):\n  here")[4]
    assert found == {"stack_info": "Stack (most recent call last):\n  here"}


def test_what_other_formatters_add_is_no_member():
    one = record("hello %s", "you", extra={"user": 7})
    logging.Formatter("%(asctime)s %(message)s").format(one)
    one.later = 8
    assert take(one, None, ())[4] == {"user": 7, "later": 8}


def test_a_formatter_makes_the_message_and_shows_the_exception():
    class Shouting(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(record).upper()

    found = take(record("hello", exc_info=exc_info_of(ValueError("bad"))), Shouting(), ())
    assert found[2].startswith("HELLO\nTRACEBACK")
    assert "stack_trace" not in (found[4] or {})


def test_dictionaries_are_a_message_and_members():
    found = taken({"event": "paid", "order": 7, "level": "info", "items": [1]})
    assert (found[2], found[4]) == ("paid", {"order": 7, "items": [1]})


def test_a_dictionary_that_names_no_message_is_one_as_a_whole_and_its_keys_are_members():
    class Own(dict[str, Any]):
        """As frameworks have them."""

    for event in ({"a": 1, "b": [2]}, Own(a=1, b=[2])):
        found = taken(event)
        assert (found[2], found[4]) == ("{'a': 1, 'b': [2]}", {"a": 1, "b": [2]})
    found = taken({"msg": "moved", "level": 7})
    assert (found[2], found[4]) == ("moved", {"level": 7})
    assert taken({})[2] == "{}"
    assert taken({"event": Failing()})[2] == "<Failing>"


def test_a_dictionary_that_has_a_text_of_its_own_keeps_it():
    class Message(dict[str, Any]):
        def __str__(self) -> str:
            return f"order {self['order']} paid"

    event = Message(order=7)
    found = taken(event)
    event["order"] = 8
    assert (found[2], found[4]) == ("order 7 paid", {"order": 7})
    named = taken(Message(order=7, msg="moved"))
    assert (named[2], named[4]) == ("moved", {"order": 7})
    # Its text fails: the log is kept.
    broken = taken(Message(count=1))
    assert (broken[2], broken[4]) == ("{'count': 1}", {"count": 1})
    assert taken(Counter(a=2))[2] == "{'a': 2}"


@pytest.mark.parametrize(
    ("message", "text"),
    [(42, "42"), (None, "None"), (["a", 1], "['a', 1]"), (b"raw", "b'raw'"), (ValueError("bad"), "bad"), (0, "0")],
)
def test_a_message_that_is_no_text_is_its_text(message: object, text: str):
    assert taken(message)[2] == text


def test_what_loguru_binds_are_members():
    assert members(extra={"user": 7, "cart": Path("x")}) == {"user": 7, "cart": "x"}


@pytest.mark.parametrize(
    ("extra", "trace"),
    [
        ({"otelTraceID": "ab", "otelSpanID": "cd"}, ("ab", "cd")),
        ({"otelTraceID": "0", "otelSpanID": "0"}, ("", "")),
        ({"trace_id": "t", "otelTraceID": "0"}, ("t", "")),
        ({"trace_id": uuid.UUID(int=1), "span_id": 5}, ("00000000-0000-0000-0000-000000000001", "5")),
    ],
)
def test_ids_of_a_trace_are_taken_from_the_record(extra: dict[str, Any], trace: tuple[str, str]):
    found = taken(extra={**extra, "order": 7})
    assert found[5] == trace
    assert found[4] == {"order": 7}


def test_a_tracing_library_that_fails_costs_no_log(monkeypatch: pytest.MonkeyPatch):
    broken = ModuleType("opentelemetry.trace")
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", broken)
    assert taken("hello")[2] == "hello"
    broken.get_current_span = Failing().__str__  # type: ignore[attr-defined]
    assert taken("hello")[5] == ("", "")


def test_context_variables_join_the_log():
    request_id: ContextVar[str] = ContextVar("request_id")
    trace_id: ContextVar[str] = ContextVar("trace_id")
    variables = (("request_id", request_id), ("trace_id", trace_id))
    assert take(record(), None, variables)[4] is None
    request_id.set("r-1")
    trace_id.set("t-1")
    found = take(record(extra={"order": 7}), None, variables)
    assert (found[4], found[5]) == ({"order": 7, "request_id": "r-1"}, ("t-1", ""))
    assert (take(record(extra={"request_id": "own"}), None, variables)[4] or {})["request_id"] == "own"


def test_a_record_without_an_attribute_is_taken():
    one = record("hello")
    del one.processName
    assert dict(zip(SITE_NAMES, take(one, None, ())[3], strict=True))["processName"] is None
