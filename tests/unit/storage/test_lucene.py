"""Lucene's syntax as people type it, and errors that say where."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.errors import InvalidField
from storage.search.filters import (
    EVERYTHING,
    And,
    AnyOf,
    Between,
    Bounds,
    Contains,
    Exists,
    Identity,
    Matches,
    Metadata,
    Not,
    Or,
    Words,
)
from storage.search.lucene import MAX_TERMS, QueryError, parse
from storage.search.parameters import filter_of
from storage.search.signs import spelled

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "search.md"
NOW_US = 1_800_000_000_000_000
MINUTE_US = 60_000_000


def read(text: str):
    return parse(text, NOW_US)


@pytest.mark.parametrize("text", ["", "  ", "*", "*:*"])
def test_nothing_asks_for_everything(text):
    assert read(text) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("timeout", Words(("timeout",))),
        ("TimeOut", Words(("timeout",))),
        ('"timed out"', Words(("timed", "out"))),
        ("user_id", Words(("user", "id"))),
        ("10.0.0.1", Words(("10", "0", "0", "1"))),
        ("time*", Words(("time",), is_prefix=True)),
        ("*time*", Contains("time")),
        ('"=>"', Contains("=>")),
        ("message:timeout", Words(("timeout",))),
        ("größe", Words(("größe",))),
        (r"foo\*", Words(("foo",))),
    ],
)
def test_words_are_looked_for_in_the_message(text, wanted):
    assert read(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("level:error", AnyOf("level", ("ERROR",))),
        ("service:auth", AnyOf("service", ("auth",))),
        ('service:"api gateway"', AnyOf("service", ("api gateway",))),
        ("service:a*", Matches("service", "^(?:a(?s:.)*)$")),
        ("service:*", Exists("service")),
        ("_exists_:trace_id", Exists("trace_id")),
        ("_exists_:user.name", Metadata(("user", "name"), None)),
        ("tag:auth", AnyOf("tags", ("auth",))),
        ("anomaly:true", AnyOf("anomaly", (True,))),
        ("status_code:503", AnyOf("status_code", (503,))),
        ("status_code:[500 TO 599]", Between("status_code", Bounds(500, 599))),
        (
            "source:web\\:a.log",
            Or(
                (
                    AnyOf("host", ("web:a.log",)),
                    AnyOf("file", ("web:a.log",)),
                    And((AnyOf("host", ("web",)), AnyOf("file", ("a.log",)))),
                )
            ),
        ),
        ("status_code:>=0", Between("status_code", Bounds(0, None, with_low=False))),
        ("status_code:<500", Between("status_code", Bounds(0, 500, with_low=False, with_high=False))),
        ("status_code:{500 TO *]", Between("status_code", Bounds(500, None, with_low=False))),
        ("severity:>=70", Between("severity", Bounds(low=70))),
        ("response_time_ms:<12.5", Between("response_time_ms", Bounds(high=12.5, with_high=False))),
        ("timestamp:>now-5m", Between("timestamp", Bounds(low=NOW_US - 5 * MINUTE_US, with_low=False))),
        ("timestamp:[2026-01-31T12:00:00Z TO now]", Between("timestamp", Bounds(1769860800000000, NOW_US))),
        ("message:/time.?out/", Matches("message", "(?s:time.?out)")),
        ("source:web-1", Or((AnyOf("host", ("web-1",)), AnyOf("file", ("web-1",))))),
        ("fingerprint:00000000000000ff", AnyOf("fingerprint", (255,))),
        ("id:01890a5d-ac96-774b-bcce-b302099a8057-7", Identity(UUID("01890a5dac96774bbcceb302099a8057"), 7)),
    ],
)
def test_fields_of_the_record(text, wanted):
    assert read(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metadata.user.id:7", Metadata(("user", "id"), "7")),
        ("order_id:4711", Metadata(("order_id",), "4711")),
        ("order_id:>100", Metadata(("order_id",), Bounds(low=100, with_low=False))),
        ("order_id:[-5 TO 5}", Metadata(("order_id",), Bounds(-5, 5, with_high=False))),
        ("region:eu-*", Metadata(("region",), Matches("metadata", "^(?:eu-(?s:.)*)$"))),
        ("region:*", Metadata(("region",), None)),
    ],
)
def test_other_fields_are_those_of_the_metadata(text, wanted):
    assert read(text) == wanted


def test_operators():
    a, b, c = (Words((word,)) for word in "abc")
    assert read("a b") == read("a AND b") == read("+a +b") == And((a, b))
    assert read("a OR b AND c") == Or((a, And((b, c))))
    assert read("a -b") == read("a NOT b") == And((a, Not(b)))
    assert read("(a OR b) AND c") == And((Or((a, b)), c))
    assert read("level:(error OR critical)") == Or((AnyOf("level", ("ERROR",)), AnyOf("level", ("CRITICAL",))))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a AND", 5), ("(a", 2), ("a)", 1), ('a "b', 2), (":b", 0), ("level:loud", 6), ("a level:loud", 8),
        ("status_code:x", 12), ("anomaly:maybe", 8), ("foo~2", 0), ('"a b"~3', 0), ("foo^2", 0), (">5", 0),
        ("a b~.", 3), ("a^1.2.3", 1),
        ("service:>5", 8), ("message:/(/", 8), ("level:(a:b)", 7), ("id:x", 3), ("status_code:5*", 12),
        ("order:>abc", 7), ("timestamp:>../x", 10), ("message:/(?=x)/", 8),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text, position):
    with pytest.raises(QueryError) as caught:
        read(text)
    assert caught.value.more == {"position": position}
    assert str(caught.value).endswith(f"(at position {position} of q)"), "the words say another place than the number"
    assert caught.value.field == "q"
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["a " * (MAX_TERMS + 1), "(" * 60 + "a" + ")" * 60, "a" * 9000, "NOT " * 100 + "a"])
def test_what_is_too_much_is_refused(text):
    with pytest.raises(QueryError):
        read(text)


@given(st.text(alphabet='ab:"\\/()[]{}*?~^+-<>=. \nANDORTO19', max_size=60) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    found = None
    try:
        parse(text, NOW_US)
    except QueryError as error:
        found = error
    assert found is None or 0 <= found.more["position"] <= len(text)


def test_every_example_of_the_documentation_is_read():
    section = DOCUMENT.read_text("utf-8").partition("## The search text")[2]
    examples = [
        example
        for line in section.splitlines()
        if line.startswith("| `")
        for example in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    ]
    assert len(examples) > 25
    for example in examples:
        assert read(example) != EVERYTHING


def test_wildcards_and_expressions_of_all_texts_of_a_request_share_one_budget() -> None:
    read("a" + "?" * 500 + "b")
    for text in ("a" + "?" * 501 + "b", "path:" + "a*" * 501):
        with pytest.raises(InvalidField, match="more than 500 parts"):
            read(text)
    with pytest.raises(InvalidField, match="more than 500 parts"):
        filter_of({"q": ["/(.?){300}z/", "?" * 300]}, NOW_US)


@pytest.mark.parametrize(
    ("text", "spelled_out"),
    [
        ("level:error && service:web", "level:error AND service:web"),
        ("a||b", "a OR b"),
        ("a|| b ||c", "a OR b OR c"),
        ("!level:error", "NOT level:error"),
        ("(a ! b)", "(a NOT b)"),
        ("level:(error || info)", "level:(error OR info)"),
        ('!(a || "b c")&&!path:\\/x', 'NOT (a OR "b c") AND NOT path:\\/x'),
        ("level:!error", "level:(NOT error)"),
        ("k:[1 TO 2]||d", "k:[1 TO 2] OR d"),
        ("a &&!b||!c", "a AND NOT b OR NOT c"),
        ("temp:-5", 'temp:"-5"'),
        ("-temp:-5*", r"NOT temp:\-5*"),
        ("temp:>-6", "temp:{-6 TO *]"),
        ("temp:<=-6.5", "temp:[* TO -6.5]"),
        ("level:err*", "level:ERR*"),
        ("a -b", "a AND NOT b"),
    ],
)
def test_the_signs_of_other_programs_are_operators(text: str, spelled_out: str) -> None:
    assert parse(text, 0) == parse(spelled_out, 0)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a && ~b", 5),
        ("a||b||~c", 6),
        ("!!a", 1),
        ("a && b != c", 7),
        ("a && k:>x && b", 8),
        ("a || /b", 5),
        ("&& a", 0),
        ("path:/api/items", 10),
        ("http://x.y/z", 7),
        ("temp:>=-6 && x~", 13),
    ],
)
def test_an_error_beside_signs_names_its_place_in_the_text_as_typed(text: str, position: int) -> None:
    with pytest.raises(QueryError) as found:
        parse(text, 0)
    assert found.value.more == {"position": position}


@pytest.mark.parametrize(
    "text",
    ['"a && b"', r"\!a", "a!", "/a||b/", 'message:"!"', r"a\&\&b", "a & b", "wow!!", "R&!D", "-/a||b/", "(x)/b&&c/"],
)
def test_the_same_signs_within_text_are_text(text: str) -> None:
    parse(text, 0)
    assert spelled(text).text == text
