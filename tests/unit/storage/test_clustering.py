"""Clusters of masked messages: what is promised of them holds for any text, and what is variable is found."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logmill.masking import MASK
from storage.clustering.clusters import MIN_WORDS, clusters, generalised
from storage.clustering.tokens import MAX_CHARS, MAX_TOKENS, VALUE, template, tokens
from tests.support.service_process import ROOT

WORDS = ("user", "for", "()", "{", "}", "=", ":", "a", "b", "c", "<*>", "host", "x=", "Mon,", "Jan", "ms", '"', "/a/b")
MESSAGES = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
    | st.builds("{} of {} is {}".format, *[st.sampled_from("stuvwxyz")] * 3)
    | st.text(st.characters(codec="utf-8"), max_size=40)
    | st.text("<*>:=/.\"'(){} \0ab", max_size=30),
    max_size=40,
)
HOSTILE = {
    "letters": "a" * MAX_CHARS,
    "slashes": "/" * MAX_CHARS,
    "paths": "/=" * 1000,
    "colons": ":" * MAX_CHARS,
    "groups": "a:" * 1000,
    "masks": MASK * 600,
    "open masks": "<*" * 1000,
    "schemes": "a://" * 500,
    "ends of schemes": "a://" + ")" * 1990,
    "plus": "a+" * 1000,
    "quotes": '="' * 1000,
    "values": "a= " * 600,
    "dots": "a." * 1000,
    "mail": "@" * MAX_CHARS,
    "brackets": "(" * 1000 + ")" * 1000,
    "braces": "a{<*>" * 300 + "}" * 300,
    "users": "for user " * 200,
    "dates": "Mon, Jan <*> " * 150,
    "one megabyte": "Handler failed " * 70_000,
    "spaces": " " * MAX_CHARS,
}


def fits(text: str, message: str) -> bool:
    """Whether the literal parts of a template stand in the message, in their order and from its start to its end."""
    rest = " ".join(message.split())
    first, *parts = text.split(MASK)
    if not parts:
        return rest == first
    at = len(first)
    if not rest.startswith(first):
        return False
    for part in parts[:-1]:
        found = rest.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(rest) - at >= len(parts[-1]) and rest.endswith(parts[-1])


def together(messages: Sequence[str]) -> set[tuple[str, frozenset[str]]]:
    return {
        (template(pattern), frozenset(messages[at] for at in members)) for pattern, members in clusters(messages).found
    }


@settings(max_examples=300, deadline=None)
@given(messages=MESSAGES)
def test_each_message_is_in_one_cluster_and_its_template_fits_it(messages: list[str]) -> None:
    found = clusters(messages).found
    assert sorted(at for _, members in found for at in members) == list(range(len(messages)))
    for pattern, members in found:
        for at in members:
            assert fits(template(pattern), messages[at]), (template(pattern), messages[at])


@settings(max_examples=200, deadline=None)
@given(messages=MESSAGES, data=st.data())
def test_neither_order_nor_repetition_matters(messages: list[str], data: st.DataObject) -> None:
    others = data.draw(st.permutations(messages)) + data.draw(
        st.lists(st.sampled_from(messages), max_size=5) if messages else st.just([])
    )
    assert together(messages) == together(others)


@settings(max_examples=200, deadline=None)
@given(messages=MESSAGES)
def test_clustering_patterns_again_changes_nothing(messages: list[str]) -> None:
    found = set(generalised({tokens(message) for message in messages})[0].values())
    assert generalised(found) == ({pattern: pattern for pattern in found}, True)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200))
@example(text="\0")
def test_tokens_are_bounded_and_no_two_values_follow_one_another(text: str) -> None:
    found = tokens(text)
    assert len(found) <= MAX_TOKENS + 1
    assert not any(one.word == two.word == VALUE for one, two in pairwise(found))


def test_clusters_are_the_same_in_each_process() -> None:
    program = (
        "from storage.clustering.clusters import clusters\n"
        "print(clusters([f'{a} of {b} is {c}' for a in 'stuvwxyz' for b in 'stuvw' for c in 'abcd']))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "123"
    }
    assert len(answers) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_takes_long(name: str) -> None:
    text = HOSTILE[name]
    started_s = time.process_time()
    found = tokens(text)
    assert time.process_time() - started_s < 0.05
    assert fits(template(found), text)


@pytest.mark.parametrize(
    ("masked", "expected"),
    [
        ("took <*> ms", "took <*>"),
        ("took <*>ms of <*> MB (<*> bytes)", "took <*> of <*>"),
        ("read /var/log/syslog and lib/x/y, not and/or", "read <*> and <*>, not and/or"),
        ("at https://a.example/x?y=z, then", "at <*>, then"),
        ('"GET /a/b?c=d HTTP/<*>" status: <*>', '"GET <*>" status: <*>'),
        ("peer db.internal.example:<*> from <*>:<*>", "peer <*> from <*>"),
        ("github.com:<*> open", "<*> open"),
        ("level: <*>", "level: <*>"),
        ("key:<*>", "key:<*>"),
        ("mac <*>:ee:<*>b:bc, on", "mac <*>, on"),
        ("Mon Jan <*> <*> <*> UTC up", "<*> up"),
        ("Fri, <*> Feb <*> at", "<*> at"),
        ("May the force", "May the force"),
        ('name="a b" tag= "c" end', "name=<*> tag=<*> end"),
        ("user= host=a, id=", "user=<*> host=a, id=<*>"),
        ("from <*> () at", "from <*> at"),
        ("from <*> (db.example) at", "from <*> (db.example) at"),
        ("from <*> (db.example:<*>) at", "from <*> at"),
        ("call() of ()", "call() of ()"),
        ("closed for user root by (uid=<*>)", "closed for user <*> by (uid=<*>)"),
        ("user logged in", "user logged in"),
        ("java.lang.NullPointerException in main", "java.lang.NullPointerException in main"),
        ("mail a@b sent", "mail <*> sent"),
        ("Record{<*> u0} in Window{deadbeef}", "Record{<*> u0} in Window{<*>}"),
        ("id deadbeefcafe, dead beef", "id <*>, dead beef"),
        ("a  b\n\tc", "a b c"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_a_value_by_its_form_is_variable(masked: str, expected: str) -> None:
    assert template(tokens(masked)) == expected
    assert fits(expected, masked)


def test_a_long_message_is_cut_and_still_fits() -> None:
    text = "word " * 500
    assert template(tokens(text)).count("word") == MAX_TOKENS
    assert fits(template(tokens(text)), text)
    assert template(tokens("a " * (MAX_TOKENS // 2) + "b" * MAX_CHARS)) == "a " * (MAX_TOKENS // 2) + MASK
    cut_in_a_mask = "b" * (MAX_CHARS - 1) + MASK
    assert template(tokens(cut_in_a_mask)) == MASK


def test_a_place_is_variable_where_many_words_stand_in_it() -> None:
    cities = ["Paris", "Rome", "Oslo", "Bern", "Riga"]
    assert len(cities) == MIN_WORDS
    few = [f"train to {city} is late" for city in cities[1:]]
    assert len(clusters(few).found) == len(few)
    assert together([*few, "train to Paris is late", "train to Paris is full"]) == {
        ("train to <*> is late", frozenset([*few, "train to Paris is late"])),
        ("train to Paris is full", frozenset(["train to Paris is full"])),
    }


def test_a_place_is_variable_where_a_value_stands_in_it() -> None:
    messages = ["callback for null", "callback for <*>"]
    assert together(messages) == {("callback for <*>", frozenset(messages))}


def test_places_become_variable_one_after_the_other() -> None:
    messages = [f"copy {a} to {b}" for a in "stuvw" for b in "abcde"]
    assert together(messages) == {("copy <*> to <*>", frozenset(messages))}


def test_a_word_is_left() -> None:
    assert len(clusters([f"{a} {b}" for a in "stuvwxyz" for b in "abcdefgh"]).found) == 8
    assert len(clusters([*"abcdefgh"]).found) == 8


def test_what_would_take_too_long_is_left_apart_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As hostile messages would that differ in every word: the small shape beside them is as it would be alone."""
    hostile = [f"{a} {b} {c} {d}" for a in "stuvw" for b in "stuvw" for c in "stuvw" for d in "stuvw"]
    small = [f"train to {city}, late" for city in "stuvw"]
    assert clusters(hostile + small).is_whole
    monkeypatch.setattr("storage.clustering.clusters.MAX_WORDS_LOOKED_AT", 2000)
    found, is_whole = clusters(hostile + small)
    assert not is_whole
    assert len(found) == len(hostile) + 1
    assert {template(pattern) for pattern, members in found if len(members) > 1} == {"train to <*>, late"}


def test_work_can_be_ended() -> None:
    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        clusters(["a"], stop)
