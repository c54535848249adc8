"""Many runs in short: counts, the last failure, what is flaky, where a test is going; and the text of it."""

from __future__ import annotations

import random

import pytest

from logmill.results.accumulator import Accumulator
from logmill.results.model import FileResults, Outcome, Result
from logmill.results.summary import RECENT_RUNS, Run, Summary, Tally
from logmill.results.text import duration_text, render

RESULTS = {"P": Result.PASSED, "F": Result.FAILED, "E": Result.ERROR, "S": Result.SKIPPED}
SECOND_US = 1_000_000
T0_US = 1_767_225_600_000_000


def file_of(
    name: str, *runs: tuple[str, str], reruns: int = 0, at_us: int | None = None, problems: int = 0
) -> FileResults:
    outcomes = [
        Outcome(test=test, result=RESULTS[letter], line=line, message=f"{name} says", reruns=reruns, timestamp_us=at_us)
        for line, (test, letter) in enumerate(runs, 1)
    ]
    return FileResults(name=name, format="pairs", outcomes=outcomes, problems=[], problem_count=problems)


def history(letters: str) -> Tally:
    """A test whose runs went so, the newest last, each in a file of its own."""
    accumulator = Accumulator("tests")
    for number, letter in enumerate(letters):
        accumulator.add(file_of(f"run-{number}", ("t", letter)), T0_US + number * SECOND_US)
    (found,) = accumulator.summary().tests
    return found


def test_each_test_is_counted_over_all_files_whatever_their_order():
    files = [
        file_of(f"run-{number}", ("a", "P"), ("b", "FP"[number % 2]), ("c", "S"), ("d", "E"), problems=number)
        for number in range(10)
    ]
    wanted = None
    for seed in range(3):
        random.Random(seed).shuffle(files)
        accumulator = Accumulator("shop")
        for one in files:
            accumulator.add(one, T0_US + int(one.name.partition("-")[2]) * SECOND_US)
        found = accumulator.summary()
        counts = {one.test: (one.passed, one.failed, one.errors, one.skipped) for one in found.tests}
        assert counts == {"a": (10, 0, 0, 0), "b": (5, 5, 0, 0), "c": (0, 0, 0, 10), "d": (0, 10, 10, 0)}
        totals = found.totals
        assert (totals.files, totals.tests, totals.results, totals.problems) == (10, 4, 40, 45)
        assert (totals.passed, totals.failed, totals.errors, totals.skipped) == (15, 15, 10, 10)
        assert (totals.failing, totals.flaky) == (1, 1)
        said = [(one.test, one.letters, one.last_failure) for one in found.tests]
        wanted = wanted or said
        assert said == wanted


def test_the_last_failure_says_when_in_which_file_and_on_which_line():
    accumulator = Accumulator("tests")
    accumulator.add(file_of("new", ("t", "P")), T0_US + 3 * SECOND_US)
    accumulator.add(file_of("bad", ("other", "P"), ("t", "F")), T0_US + 2 * SECOND_US)
    accumulator.add(file_of("older", ("t", "F")), T0_US)
    failure = next(one for one in accumulator.summary().tests if one.test == "t").last_failure
    assert failure is not None
    assert (failure.at_us, failure.file, failure.line, failure.message) == (T0_US + 2 * SECOND_US, "bad", 2, "bad says")


def test_a_time_that_a_file_says_of_its_runs_wins_over_that_of_the_file():
    accumulator = Accumulator("tests")
    accumulator.add(file_of("late", ("t", "F"), at_us=T0_US), T0_US + 99 * SECOND_US)
    accumulator.add(file_of("early", ("t", "P")), T0_US + SECOND_US)
    (found,) = accumulator.summary().tests
    assert (found.letters, found.last_run_us) == ("FP", T0_US + SECOND_US)


@pytest.mark.parametrize(
    ("letters", "flaky", "changes"),
    [
        *(("P", False, 0), ("F", False, 0), ("PPPPP", False, 0), ("FFFFF", False, 0), ("SSSS", False, 0)),
        # It broke; it was mended.
        *(("PPPFFF", False, 1), ("FFFPPP", False, 1), ("PPESF", False, 1)),
        *(("PFP", True, 2), ("FPF", True, 2), ("PPPPPEPPPP", True, 2), ("PFSP", True, 2), ("PSSP", False, 0)),
        # What is longer ago than the last runs does not count.
        ("PFP" + "P" * RECENT_RUNS, False, 0),
    ],
)
def test_a_test_is_flaky_that_passes_and_fails_in_turn(letters: str, flaky: bool, changes: int):
    found = history(letters)
    assert (found.flaky, found.changes) == (flaky, changes)
    assert found.letters == letters[-RECENT_RUNS:]


def test_a_test_is_flaky_that_passed_and_failed_in_one_file_or_only_when_it_was_run_again():
    accumulator = Accumulator("tests")
    accumulator.add(file_of("both", ("one file", "F"), ("one file", "P")), T0_US)
    accumulator.add(file_of("again", ("repeated", "P"), reruns=1), T0_US)
    accumulator.add(file_of("never", ("always fails", "F"), reruns=2), T0_US)
    assert {one.test: one.flaky for one in accumulator.summary().tests} == {
        "one file": True,
        "repeated": True,
        "always fails": False,
    }


@pytest.mark.parametrize(
    ("letters", "direction"),
    [
        *(("PFP", "unknown"), ("SSSSPF", "unknown"), ("PPPP", "steady"), ("FFFF", "steady"), ("PPFF", "worse")),
        *(("FFPP", "better"), ("P" * 10 + "PPPPFPPPPP", "steady"), ("P" * 10 + "PFPPFPPPPP", "worse")),
        ("F" * 30 + "P" * 20, "steady"),
    ],
)
def test_the_trend_holds_the_newer_half_of_the_last_runs_against_the_older(letters: str, direction: str):
    assert history(letters).trend.direction == direction


def test_shares_of_a_trend_are_those_of_its_halves():
    trend = history("PPPFFFPFPF"[:8]).trend
    assert (trend.before_failed, trend.recent_failed) == (0.25, 0.75)


@pytest.mark.parametrize(("letters", "fails"), [("PF", True), ("FP", False), ("PE", True), ("FS", True), ("S", False)])
def test_a_test_fails_now_where_its_newest_run_that_was_not_skipped_did(letters: str, fails: bool):
    assert history(letters).fails is fails


def timed(*runs: tuple[str, float | None]) -> Tally:
    """A test whose runs took so long, the newest last."""
    accumulator = Accumulator("tests")
    for number, (letter, duration_s) in enumerate(runs):
        outcome = Outcome(test="t", result=RESULTS[letter], line=1, duration_s=duration_s)
        found = FileResults(name="f", format="junit", outcomes=[outcome], problems=[], problem_count=0)
        accumulator.add(found, T0_US + number * SECOND_US)
    (tally,) = accumulator.summary().tests
    return tally


@pytest.mark.parametrize(
    ("runs", "median_s", "last_s"),
    [
        ([("P", 1.0), ("F", 9.0), ("P", 2.0)], 2.0, 2.0),
        ([("P", 1.0), ("E", 2.0)], 1.5, 2.0),
        # What was skipped took no time that says anything, and of some runs nobody says it.
        ([("P", 3.0), ("S", 0.0), ("P", None)], 3.0, 3.0),
        ([("P", None), ("S", 0.5)], None, None),
        ([("P", 0.0)], 0.0, 0.0),
        # What is longer ago than the last runs does not count.
        ([("P", 99.0)] * 100 + [("P", 1.0)] * RECENT_RUNS, 1.0, 1.0),
    ],
)
def test_durations_are_those_of_the_last_runs_that_were_not_skipped(runs, median_s, last_s):
    found = timed(*runs)
    assert (found.median_duration_s, found.last_duration_s) == (median_s, last_s)


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        *((None, "-"), (0.0, "0.0 ms"), (0.0031, "3.1 ms"), (0.00999, "10 ms"), (0.25, "250 ms"), (0.9996, "1.00 s")),
        *((1.25, "1.25 s"), (9.996, "10.0 s"), (12.5, "12.5 s"), (59.97, "1 m 0 s"), (310.0, "5 m 10 s")),
        *((3599.6, "1 h 0 m"), (7500.0, "2 h 5 m"), (4e6, "1,111 h 6 m")),
    ],
)
def test_durations_are_told_in_a_few_digits(duration_s: float | None, text: str):
    assert duration_text(duration_s) == text


def test_the_text_has_durations_where_files_say_them():
    accumulator = Accumulator("tests")
    for number, duration_s in enumerate((0.25, 1.5, 0.5)):
        outcomes = [
            Outcome(test="pay", result=Result.PASSED, line=1, duration_s=duration_s),
            Outcome(test="login", result=Result.PASSED, line=2),
        ]
        found = FileResults(name="f", format="junit", outcomes=outcomes, problems=[], problem_count=0)
        accumulator.add(found, T0_US + number)
    assert render(accumulator.summary()).splitlines()[2:] == [
        "test   passed  failed  skipped  median    last  last runs",
        "login       3       0        0       -       -  PPP",
        "pay         3       0        0  500 ms  500 ms  PPP",
    ]


def summary_of(**letters: str) -> Summary:
    accumulator = Accumulator("tests")
    for test, runs in letters.items():
        for number, letter in enumerate(runs):
            accumulator.add(file_of(f"{test}-{number}", (test, letter)), T0_US + number * SECOND_US)
    return accumulator.summary()


def test_what_needs_looking_at_comes_first():
    found = summary_of(steady="PPPP", mended="FFFFFP", flaky="PFPFP", failing="PPPF", worse="FFFF")
    assert [one.test for one in found.tests] == ["worse", "failing", "flaky", "mended", "steady"]


def test_the_text_has_the_totals_a_line_a_test_and_the_last_failure_of_those_that_fail():
    text = render(summary_of(login="PPPP", checkout="PPFF"), left_out=3)
    assert text.splitlines() == [
        "8 results of 2 tests in 8 files: 6 passed, 2 failed; 1 failing now",
        "",
        "test      passed  failed  skipped  last runs",
        "checkout       2       2        0  PPFF  failing, worse",
        "    last failure 2026-01-01 00:00:03Z in checkout-3:1: checkout-3 says",
        "login          4       0        0  PPPP",
        "and 3 more tests",
    ]


def test_the_text_tells_errors_from_failures_and_counts_them_apart():
    text = render(summary_of(login="PFEE", checkout="E"))
    assert text.splitlines()[0] == "5 results of 2 tests in 5 files: 1 passed, 1 failed, 3 errors; 2 failing now"
    rows = [line.split() for line in text.splitlines() if line.startswith(("test", "login", "checkout"))]
    assert [row[:5] for row in rows] == [
        ["test", "passed", "failed", "errors", "skipped"],
        ["login", "1", "1", "2", "0"],
        ["checkout", "0", "0", "1", "0"],
    ]
    assert "1 passed, 0 failed, 1 error;" in render(summary_of(login="PE"))


def test_nothing_of_the_text_is_obeyed_by_a_terminal():
    hostile = "a\x1b[2J\u202e\x07b"
    accumulator = Accumulator("tests")
    outcome = Outcome(test=hostile, result=Result.FAILED, line=1, message=hostile)
    found = FileResults(name=hostile, format="pairs", outcomes=[outcome], problems=[], problem_count=0)
    accumulator.add(found, T0_US)
    text = render(accumulator.summary())
    assert text.replace("\n", "").isprintable()
    assert text.count(r"a\x1b[2J\u202e\x07b") == 3


def test_long_and_wide_names_keep_the_columns_in_line():
    found = summary_of(**{"x" * 500: "P", "テ" * 200: "P", "short": "P"})
    lines = [line for line in render(found).splitlines() if line.endswith(" P")]
    assert len(lines) == 3
    assert {len(line) + line.count("テ") for line in lines} == {len(lines[0]) + lines[0].count("テ")}
    assert len(lines[0]) < 110


def test_of_no_file_there_is_a_text():
    assert render(Accumulator("tests").summary()) == "0 results of 0 tests in 0 files: 0 passed, 0 failed\n"


def test_only_the_last_runs_are_kept():
    found = history("P" * 500)
    assert (found.passed, len(found.runs)) == (500, RECENT_RUNS)
    assert isinstance(found.runs[0], Run)
