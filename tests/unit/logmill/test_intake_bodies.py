"""What is taken of a body that is in part, or as a whole, not what it should be; and where it says the fault is."""

from __future__ import annotations

import json

import pytest

from logmill.errors import Refused, Undecodable
from logmill.intake import Limits, from_array, from_lines, from_object
from tests.support.taking import LIMITS, NOW_US, many, one


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"nonsense", b'{"a": NaN}', b'{"message": "m", "metadata": {"a": Infinity}}', b"\xff\xfe",
        b'{"message": "\xff"}', b'{"metadata": {"a": "\xc3"}}', b'{"a":' * 10_000, b"[" * 10_000 + b"]" * 10_000,
        b'{"metadata":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_as_malformed(body):
    with pytest.raises(Refused) as caught:
        one(body)
    assert caught.value.status == 400


def test_lone_surrogates_are_replaced_and_cost_no_log():
    assert one(rb'{"message": "a\ud800b", "metadata": {"x": "\udfff\\ud800"}}').message == "a\ufffdb"
    taken = from_array(rb'[{"message": "good"}, {"message": "\ud83d\ude00 \ud83d"}]', LIMITS, now_us=1, protocol="http")
    assert list(taken.columns.message) == ["good", "\U0001f600 \ufffd"]
    taken = from_lines(b'{"message": "good"}\n{"message": "\\udc80"}', LIMITS, now_us=1, protocol="http")
    assert list(taken.columns.message) == ["good", "\ufffd"]
    # The last thing in the body, in a field of the client's own: the decoder fails there in another way.
    own = rb'{"message": "m", "other": "\ud800"}'
    assert json.loads(bytes(one(own).metadata)) == {"other": "\ufffd"}
    for taken in (
        from_array(b"[" + own + b"]", LIMITS, now_us=1, protocol="http"),
        from_lines(own, LIMITS, now_us=1, protocol="http"),
    ):
        assert [json.loads(bytes(raw)) for raw in taken.columns.metadata] == [{"other": "\ufffd"}]


def test_bad_items_of_a_batch_are_named_by_index_and_the_good_ones_taken():
    taken = many([{"message": "a"}, "text", {"message": None}, {}, {"level": "huh", "message": "b"}])
    assert list(taken.columns.message) == ["a", "b"]
    assert [(r.index, r.code, r.field) for r in taken.rejected] == [
        (1, "not_an_object", None),
        (2, "invalid_field", "message"),
        (3, "empty", None),
    ]


def test_a_batch_must_be_an_array_that_is_not_empty_nor_too_long():
    for body in (b"{}", b'"x"', b"5", b"null"):
        with pytest.raises(Refused, match="array"):
            from_array(body, LIMITS, now_us=NOW_US, protocol="http")
    with pytest.raises(Refused, match="no logs"):
        many([])
    with pytest.raises(Refused) as caught:
        many([{"message": "m"}] * 3, Limits(max_batch_records=2))
    assert caught.value.status == 413


def test_ndjson_takes_good_lines_and_names_bad_ones_by_their_line_and_place():
    body = '{"message":"a"}\n\n{"message":"ä",\n{"message":"b","x":1}\r\n"text"\n{"message":5}\n{"ö": nope}\n'.encode()
    taken = from_lines(body, LIMITS, now_us=NOW_US, protocol="http")
    assert list(taken.columns.message) == ["a", "b"]
    assert [(r.index, r.code, r.field, r.line, r.position) for r in taken.rejected] == [
        (1, "malformed", "line 3", 3, 15),
        (3, "not_an_object", "line 5", 5, None),
        (4, "invalid_field", "message", 6, None),
        (5, "malformed", "line 7", 7, 7),
    ]
    assert [r.message for r in taken.rejected if r.code == "malformed"] == [
        "line 3 is no valid JSON: Input data was truncated (at position 15)",
        "line 7 is no valid JSON: invalid character (at position 7)",
    ]


def test_a_line_that_is_not_utf8_costs_no_other():
    taken = from_lines(b'{"message":"a"}\n{"message":"\xff"}\n', LIMITS, now_us=NOW_US, protocol="http")
    assert list(taken.columns.message) == ["a"]
    assert [(r.index, r.code, r.field, r.line) for r in taken.rejected] == [(1, "not_utf8", "line 2", 2)]
    assert taken.rejected[0].message.startswith("line 2 is not UTF-8: byte 12")


def test_a_body_that_is_no_json_is_refused_with_the_character_at_which_it_is_not():
    text = '{"message": "ä",\n "x": nope}'
    for body, read in ((text, from_object), (f"[{text}]", from_array)):
        with pytest.raises(Undecodable, match=r"the body is no valid JSON: .* \(at position") as caught:
            read(body.encode(), LIMITS, now_us=NOW_US, protocol="http")
        assert body[caught.value.more["position"] :].startswith("ope")


def test_undecodable_says_where():
    with pytest.raises(Undecodable, match="byte 12"):
        one(b'{"message":"\xff"}')
