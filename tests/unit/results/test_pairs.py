"""Files of pairs: what counts, what is told as a problem and where, and what is a test's name."""

from __future__ import annotations

import time

import pytest

from logmill.results.model import MAX_PROBLEMS, FileResults, Result
from logmill.results.reading import read

PASSED, FAILED, ERROR, SKIPPED = Result.PASSED, Result.FAILED, Result.ERROR, Result.SKIPPED


def of(text: str, **names: str) -> FileResults:
    return read(text.encode(), **names)


def results(found: FileResults) -> list[tuple[str, Result, int]]:
    return [(outcome.test, outcome.result, outcome.line) for outcome in found.outcomes]


def problems(found: FileResults) -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in found.problems]


def test_a_file_as_it_should_be_gives_its_name_and_a_result_for_each_pair():
    found = of("nightly-7.log\nTest: login\nResult: PASS\nTest: logout\nResult: FAIL\n")
    assert (found.name, found.format) == ("nightly-7.log", "pairs")
    assert results(found) == [("login", PASSED, 3), ("logout", FAILED, 5)]
    assert (found.problem_count, found.is_readable) == (0, True)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        *(("PASS", PASSED), ("pass", PASSED), ("Passed", PASSED), ("OK", PASSED)),
        *(("FAIL", FAILED), ("FAILED", FAILED), ("ERROR", ERROR), ("SKIP", SKIPPED), ("skipped", SKIPPED)),
    ],
)
def test_results_are_spelled_as_tools_do(said: str, result: Result):
    assert results(of(f"f\nTest: a\nResult: {said}\n")) == [("a", result, 3)]


@pytest.mark.parametrize(
    "text",
    [
        "f\r\nTest: a\r\nResult: PASS\r\n",
        "f\rTest: a\rResult: PASS",
        "\ufefff\nTest: a\nResult: PASS",
        "\n\n  f  \n\n  test : a\n\n\tRESULT:PASS",
    ],
    ids=["windows", "old mac", "byte order mark", "blanks"],
)
def test_line_ends_blanks_and_the_case_of_words_make_no_difference(text: str):
    found = of(text)
    assert (found.name, [(o.test, o.result) for o in found.outcomes], found.problem_count) == ("f", [("a", PASSED)], 0)


def test_what_powershell_writes_is_read():
    found = read("f\r\nTest: a\r\nResult: PASS\r\n".encode("utf-16"))
    assert (found.name, results(found)) == ("f", [("a", PASSED, 3)])


def test_what_breaks_the_order_is_told_with_its_line_and_good_pairs_around_it_count():
    found = of(
        "f\n"  # 1
        "Test: good_1\nResult: PASS\n"
        "Result: PASS\n"  # 4
        "Test: no_result\n"  # 5
        "Test: odd\nResult: MAYBE\n"  # 7
        "Test:\nResult: PASS\n"  # 8
        "Test: good_2\nResult: FAIL\n"
        "Test: cut_off\n"  # 12
    )
    assert results(found) == [("good_1", PASSED, 3), ("good_2", FAILED, 11)]
    assert problems(found) == [
        (4, "`Result: PASS` without a `Test:` before it"),
        (5, "test 'no_result' has no `Result:`"),
        (7, "the result of 'odd' is 'MAYBE', none of PASS, FAIL, SKIP, ERROR"),
        (8, "`Test:` without a name"),
        (12, "test 'cut_off' has no `Result:`"),
    ]


def test_lines_before_the_first_pair_are_problems_and_lines_of_a_test_are_its_details():
    found = of("f\nnightly build\nTest: a\nstarting\nResult: FAIL\n  expected 3\n  got 4\nTest: b\nResult: PASS\n")
    assert problems(found) == [(2, "'nightly build' is neither `Test:` nor `Result:`")]
    assert (found.outcomes[0].message, found.outcomes[0].details) == ("starting", "starting\n  expected 3\n  got 4")
    assert (found.outcomes[1].message, found.outcomes[1].details) == ("", "")


def test_a_first_line_that_begins_a_pair_is_no_name_unless_the_file_is_named():
    text = "Test: a\nResult: PASS\n"
    unnamed, hinted, named = of(text), of(text, hint="b.log"), of(text, name="c.log")
    assert [one.name for one in (unnamed, hinted, named)] == ["unnamed", "b.log", "c.log"]
    assert [one.problem_count for one in (unnamed, hinted, named)] == [1, 1, 0]
    assert problems(unnamed) == [(1, "the first line must be the file's name, and begins a pair")]
    assert all(results(one) == [("a", PASSED, 2)] for one in (unnamed, hinted, named))


def test_a_name_that_is_given_wins_over_the_first_line_and_a_hint_does_not():
    text = "own.log\nTest: a\nResult: PASS\n"
    assert (of(text, name="given.log").name, of(text, hint="path.log").name) == ("given.log", "own.log")


@pytest.mark.parametrize("text", ["", " \n \n", "only-a-name.log\n", "some\nother\ntext\n"])
def test_a_file_without_a_pair_cannot_be_read_and_says_why(text: str):
    found = of(text)
    assert not found.is_readable
    assert found.problems[0].line == 1


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("login", "login"),
        ("user can log in", "user can log in"),
        ("test_login checks that one can", "test_login"),
        ("suite::case and more", "suite::case"),
        ("com.acme.CartTest adds an item", "com.acme.CartTest"),
        ("test_pays[visa card] in euros", "test_pays[visa card]"),
        ("TC-017 user logs in", "TC-017"),
        ('"user can log in" as guest', "user can log in"),
        ("'it' works", "it"),
        ("login - with a new password", "login"),
        ("login  (slow)", "login"),
        ("login\tslow", "login"),
        ("login 2026-01-31 12:00:00", "login"),
        ("login [12:00:01]", "login"),
        ("login (0.3 s)", "login"),
        ("login user=7", "login"),
        ("case 7", "case 7"),
        ("HTTP2 upload", "HTTP2 upload"),
        ("Node.js starts", "Node.js starts"),
        ("end-to-end works", "end-to-end works"),
        ("log in (admin)", "log in (admin)"),
    ],
)
def test_the_name_is_one_word_of_code_or_words_up_to_what_changes_from_run_to_run(said: str, name: str):
    assert results(of(f"f\nTest: {said}\nResult: PASS\n")) == [(name, PASSED, 3)]


def test_what_stands_behind_a_name_and_a_result_is_kept():
    found = of("f\nTest: test_a pays\nResult: FAIL - no money\nTest: b\nResult: PASS (120 ms)\n").outcomes
    assert (found[0].details, found[0].message) == ("pays", "no money")
    assert (found[1].duration_s, found[1].message) == (0.12, "")


def test_a_test_that_is_in_a_file_twice_has_two_results():
    assert results(of("f\nTest: a\nResult: FAIL\nTest: a\nResult: PASS\n")) == [("a", FAILED, 3), ("a", PASSED, 5)]


def test_bytes_that_are_no_text_are_told_with_their_line_and_the_rest_counts():
    found = read(b"f\nTest: a\nResult: PASS\nTest: caf\xe9\nResult: FAIL\n")
    assert [(o.test, o.result) for o in found.outcomes] == [("a", PASSED), ("caf\ufffd", FAILED)]
    assert [line for line, _ in problems(found)] == [4]


def test_results_beyond_the_limit_are_counted_and_not_kept():
    found = read(b"f\n" + b"Test: a\nResult: PASS\n" * 10, max_outcomes=7)
    assert (len(found.outcomes), found.left_out) == (7, 3)


def test_all_problems_are_counted_and_so_many_told():
    found = of("f\nTest: a\nResult: PASS\n" + "Result: PASS\n" * (MAX_PROBLEMS + 5))
    assert (found.problem_count, len(found.problems)) == (MAX_PROBLEMS + 5, MAX_PROBLEMS)


def test_names_that_are_too_long_are_cut_and_stay_apart():
    one, two = of(f"f\nTest: {'a' * 5000}1\nResult: PASS\nTest: {'a' * 5000}2\nResult: PASS\n").outcomes
    assert one.test != two.test
    assert len(one.test) < 1100


@pytest.mark.parametrize(
    "text",
    [
        "f\n" + "Test: " * 300_000,
        "f\nTest: " + "a" * 2_000_000 + "\nResult: PASS",
        "f\nTest: " + " 1" * 1_000_000 + "\nResult: PASS",
        "f\nTest: " + "[" * 1_000_000 + "\nResult: PASS",
        "f\nTest: a\nResult: " + "P" * 2_000_000,
        "f\n" + "x\n" * 500_000,
    ],
    ids=["one line", "one word", "numbers", "brackets", "result", "lines"],
)
def test_hostile_text_is_read_in_a_time_that_grows_with_its_length(text: str):
    started_s = time.process_time()
    of(text)
    assert time.process_time() - started_s < 5
