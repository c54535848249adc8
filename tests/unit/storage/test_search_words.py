"""Words and wildcards say the same as a plain model of them."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.search.words import Wildcard, phrase_pattern, quoted, wildcard_pattern, words_of

TEXTS = st.text(alphabet="abC19_-. \n\0\\*+?éß漢😀/", max_size=12)


def found(text: str, pattern: str) -> bool:
    return pc.match_substring_regex(pa.array([text.lower()]), pattern)[0].as_py()


def test_words():
    assert words_of("User_id=7, größe:Ω (x/y)") == ("user", "id", "7", "größe", "ω", "x", "y")


@given(TEXTS)
def test_what_is_quoted_finds_itself_and_nothing_else(text):
    assert pc.match_substring_regex(pa.array([text, text + "x", "x"]), f"^(?:{quoted(text)})$").to_pylist() == [
        True,
        False,
        text == "x",
    ]


@given(TEXTS, TEXTS.map(words_of).filter(bool), st.booleans())
def test_a_phrase_is_found_where_its_words_stand_one_after_the_other(text, phrase, is_prefix):
    words = words_of(text)
    width = len(phrase)
    windows = [words[at : at + width] for at in range(len(words) - width + 1)]
    if is_prefix:
        expected = any(one[:-1] == phrase[:-1] and one[-1].startswith(phrase[-1]) for one in windows)
    else:
        expected = phrase in windows
    assert found(text, phrase_pattern(phrase, is_prefix=is_prefix)) == expected


@given(st.lists(TEXTS.filter(bool) | st.sampled_from(Wildcard), min_size=1, max_size=4), TEXTS)
def test_wildcards_of_a_whole_value(pieces, text):
    model = "".join(
        {Wildcard.RUN: ".*", Wildcard.ONE: "."}[p] if isinstance(p, Wildcard) else re.escape(p) for p in pieces
    )
    pattern = wildcard_pattern(pieces, whole=True)
    expected = re.fullmatch(model, text, re.DOTALL) is not None
    assert pc.match_substring_regex(pa.array([text]), pattern)[0].as_py() == expected


@pytest.mark.parametrize(
    ("pieces", "text", "expected"),
    [
        (["conn", Wildcard.RUN], "the connection", True),
        (["conn", Wildcard.RUN], "reconnect", False),
        ([Wildcard.RUN, "tion"], "the connection failed", True),
        ([Wildcard.RUN, "tion"], "connections", False),
        (["c", Wildcard.ONE, "t"], "a cat", True),
        (["c", Wildcard.ONE, "t"], "a cart", False),
        (["a", Wildcard.RUN, "b"], "a b", False),
    ],
)
def test_wildcards_in_a_message(pieces, text, expected):
    assert found(text, wildcard_pattern(pieces, whole=False)) == expected
