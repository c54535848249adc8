"""Files that pytest itself writes, made here by running it; and report logs that break off, repeat or lie."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logmill.results.model import FileResults, Result
from logmill.results.reading import read

MODULE = """
import pytest

def test_passes(): pass

def test_fails():
    assert 1 == 2, "because"

@pytest.mark.skip(reason="not now")
def test_is_skipped(): pass

@pytest.mark.xfail(reason="known")
def test_fails_as_expected(): assert 0

@pytest.mark.xfail(strict=True)
def test_should_fail(): pass

@pytest.fixture
def broken(): raise RuntimeError("no database")

def test_cannot_begin(broken): pass

@pytest.fixture
def untidy():
    yield
    raise RuntimeError("still open")

def test_cannot_end(untidy): pass

@pytest.mark.parametrize("text", ["x y", "<&>", "\\u00e9"])
def test_text(text): pass
"""
NAMES = ("passes", "fails", "is_skipped", "fails_as_expected", "should_fail", "cannot_begin", "cannot_end")
OF_BOTH = dict(
    zip(
        NAMES,
        ("passed", "failed", "skipped", "skipped", "failed", "error", "error"),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileResults]:
    """What pytest wrote of one run, as each of its two formats."""
    folder: Path = tmp_path_factory.mktemp("run")
    (folder / "test_shop.py").write_text(MODULE)
    (folder / "test_broken.py").write_text("import no_such_module\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors"),
        *("--junit-xml=junit.xml", "--report-log=log.jsonl"),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1, done.stdout
    return {name: read((folder / name).read_bytes(), hint=name) for name in ("junit.xml", "log.jsonl")}


def test_both_formats_of_one_run_say_the_same_of_each_test(written: dict[str, FileResults]):
    junit, log = written["junit.xml"], written["log.jsonl"]
    assert (junit.format, log.format, junit.problem_count, log.problem_count) == ("junit", "reportlog", 0, 0)
    for name, result in OF_BOTH.items():
        (of_junit,) = [one for one in junit.outcomes if one.test == f"test_shop.test_{name}"]
        (of_log,) = [one for one in log.outcomes if one.test == f"test_shop.py::test_{name}"]
        assert (of_junit.result, of_log.result) == (result, result), name
    assert len(junit.outcomes) == len(log.outcomes) == len(OF_BOTH) + 4
    assert {one.test for one in log.outcomes if "text[" in one.test} == {
        f"test_shop.py::test_text[{text}]" for text in ("x y", "<&>", "\\xe9")
    }
    assert [one.result for one in junit.outcomes if one.test == "test_broken"] == [Result.ERROR]
    assert [one.result for one in log.outcomes if one.test == "test_broken.py"] == [Result.ERROR]


def test_a_report_log_says_why_where_when_and_how_long(written: dict[str, FileResults]):
    found = {one.test.removeprefix("test_shop.py::test_"): one for one in written["log.jsonl"].outcomes}
    failed = found["fails"]
    assert failed.message == "AssertionError: because\nassert 1 == 2"
    assert failed.location == "test_shop.py:7"
    assert "E       assert 1 == 2" in failed.details
    assert failed.timestamp_us is not None
    assert failed.duration_s is not None
    assert found["is_skipped"].message == "Skipped: not now"
    assert found["fails_as_expected"].message == "expected to fail: known"
    assert found["cannot_begin"].message == "RuntimeError: no database"
    assert found["test_broken.py"].message == "ModuleNotFoundError: No module named 'no_such_module'"


def report(test: str, when: str, outcome: str, **more: Any) -> str:
    return json.dumps({"$report_type": "TestReport", "nodeid": test, "when": when, "outcome": outcome, **more})


def log_of(*lines: str, is_finished: bool = True) -> FileResults:
    end = ['{"$report_type": "SessionFinish"}'] if is_finished else []
    return read("\n".join(('{"$report_type": "SessionStart"}', *lines, *end)).encode())


def phases(test: str, call: str = "passed") -> list[str]:
    return [report(test, "setup", "passed"), report(test, "call", call), report(test, "teardown", "passed")]


def test_a_test_that_was_run_again_until_it_passed_is_one_result_that_says_so():
    again = [report("t", "setup", "passed"), report("t", "call", "rerun", longrepr="E  no")]
    (found,) = log_of(*again, *again, *phases("t")).outcomes
    assert (found.result, found.reruns) == (Result.PASSED, 2)
    (found,) = log_of(*again, *phases("t", "failed")).outcomes
    assert (found.result, found.reruns) == (Result.FAILED, 1)
    (found,) = log_of(*again).outcomes
    assert (found.result, found.reruns, found.message) == (Result.FAILED, 0, "no")


def test_reports_of_several_workers_may_be_mixed():
    a, b = phases("a"), phases("b", "failed")
    found = log_of(a[0], b[0], b[1], a[1], b[2], a[2])
    assert {one.test: one.result for one in found.outcomes} == {"a": Result.PASSED, "b": Result.FAILED}


def test_a_test_whose_worker_died_is_an_error_that_says_so_once():
    words = "worker 'gw0' crashed while running 'a'"
    crash = report("a", "???", "failed", longrepr=words)
    for before in ([], [report("a", "setup", "passed")], phases("a")[:2]):
        found = log_of(*before, crash)
        (outcome,) = found.outcomes
        assert (outcome.result, outcome.message, outcome.line) == (Result.ERROR, words, 2 + len(before))
        assert found.problem_count == 0


@pytest.mark.parametrize("start", [1e305, -1e305, 1e18])
def test_a_time_that_cannot_be_is_none(start: float):
    (found,) = log_of(report("a", "call", "passed", start=start, duration=1e308), *phases("a")[2:]).outcomes
    assert found.timestamp_us is None
    doubled = [report("a", when, "passed", duration=1e308) for when in ("call", "teardown")]
    (found,) = log_of(*doubled).outcomes
    assert found.duration_s == 1e308


def test_the_same_test_twice_is_two_results():
    assert len(log_of(*phases("a"), *phases("a")).outcomes) == 2


def test_a_failure_stands_whatever_its_teardown_says():
    failed = [report("a", "setup", "passed"), report("a", "call", "failed", longrepr="no")]
    (found,) = log_of(*failed, report("a", "teardown", "failed", longrepr="also no")).outcomes
    assert (found.result, found.message, found.line) == (Result.FAILED, "no", 3)


def test_a_run_that_was_cut_off_is_told_and_what_it_left_open_is_an_error():
    found = log_of(*phases("a"), report("b", "setup", "passed"), is_finished=False)
    assert [(one.test, one.result) for one in found.outcomes] == [("a", Result.PASSED), ("b", Result.ERROR)]
    assert [(one.line, one.message) for one in found.problems] == [(5, "the session has no end: its run was cut off")]


def test_a_session_in_which_nothing_was_run_is_a_whole_file():
    found = log_of()
    assert (found.outcomes, found.is_readable) == ([], True)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "no valid JSON"),
        ("[1]", "no report of pytest"),
        ('{"nodeid": "a"}', "no report of pytest"),
        ('{"$report_type": "TestReport", "nodeid": 5}', "no report of pytest"),
        (report("a", "lunch", "passed"), "no report of a test"),
        (report("a", "call", "great"), "no report of a test"),
        (report("", "call", "passed"), "no report of a test"),
        ('{"$report_type":' + "[" * 100_000, "no report of pytest"),
        ('{"longrepr":' + "[" * 100_000 + "]" * 100_000 + ',"$report_type": "x"}', "no valid JSON"),
    ],
)
def test_a_line_that_is_no_report_is_told_and_the_others_count(line: str, says: str):
    found = log_of(*phases("a"), line, *phases("b"))
    assert [one.test for one in found.outcomes] == ["a", "b"]
    assert [one.line for one in found.problems] == [5]
    assert says in found.problems[0].message


@pytest.mark.parametrize(
    "longrepr",
    [
        5,
        [1],
        [1, 2, 3],
        {},
        {"reprcrash": 5, "reprtraceback": []},
        {"reprtraceback": {"reprentries": [5, {"data": 1}]}},
    ],
)
def test_whatever_a_failure_says_of_itself_it_is_one(longrepr: Any):
    failed = [report("a", "setup", "passed"), report("a", "call", "failed", longrepr=longrepr, location=longrepr)]
    (found,) = log_of(*failed, report("a", "teardown", "passed")).outcomes
    assert found.result is Result.FAILED


def test_names_that_are_no_text_are_read():
    name = "test_a[\udcff]"
    (found,) = log_of(*phases(name)).outcomes
    assert found.result is Result.PASSED


def test_json_of_something_else_cannot_be_read():
    found = read(b'{"message": "a log"}\n')
    assert not found.is_readable
