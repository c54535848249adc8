"""Expressions are counted as RE2 unfolds them, and those that would take minutes over a message are refused."""

from __future__ import annotations

import pytest

from logmill.errors import InvalidField
from storage.search import lucene
from storage.search.patterns import MAX_PARTS, check_pattern, parts_of


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("", 0), ("abc", 3), ("a{3}", 3), ("ab{2,5}c", 7), ("a{2,}", 3), ("a{0}", 1), ("(ab){3}", 6),
        ("((a?){4}b){5}", 25),
        ("(?:ab|c){2}d", 7), ("(?i)a", 1), ("(?P<name>a){2}", 2), ("(?i:a){2}", 2), (r"\d{1,3}(\.\d{1,3}){3}", 15),
        ("[a-z]{4}", 4), ("[]a{9}]{2}", 2), ("[^]]{2}", 2), ("[[:alpha:]{9}]{2}", 2), (r"[\]{9}]{2}", 2),
        (r"\{9}", 3), (r"\x{41}{3}", 3), ("a{x}", 4), ("a{,5}", 5), (r"\Qa{9}(\E{2}", 10), (r"\pL{2}", 100),
        (r"\p{Greek}+", 50), (r"[\pL_]{2}", 100), ("a|b{3}", 4), ("(a*)+?", 1),
    ],
)  # fmt: skip
def test_repetitions_are_counted_written_out(pattern: str, parts: int) -> None:
    assert check_pattern(pattern) == parts_of(pattern) == parts


@pytest.mark.parametrize(
    "pattern", ["(a?){501}", "((a?){50}){15}", "(((a?){10}){10}){10}", r"(\pL?){11}", "(.?){1000}z"]
)
def test_what_unfolds_too_far_is_refused(pattern: str) -> None:
    assert parts_of(pattern) > MAX_PARTS
    with pytest.raises(InvalidField, match="parts") as raised:
        check_pattern(pattern)
    assert raised.value.field == "q"


def test_the_expressions_of_a_search_are_counted_together() -> None:
    lucene.parse("/a{250}/ /b{250}/", 0)
    with pytest.raises(InvalidField, match="together"):
        lucene.parse("/a{250}/ OR service:/b{251}/", 0)
