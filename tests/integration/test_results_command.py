"""`logmill results` as people run it: files, patterns, standard input, charts, exit codes, sending to a pipeline."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.pipeline import Pipeline
from tests.support.ports import free_port
from tests.support.result_files import sample
from tests.support.waiting import wait_until

GOOD = "nightly-1.log\nTest: login\nResult: PASS\nTest: pay\nResult: PASS\n"
BAD = "nightly-2.log\nTest: login\nResult: PASS\nTest: pay\nno money\nResult: FAIL\nResult: PASS\n"
JUNIT = (
    '<testsuite name="s"><testcase classname="" name="login"/>'
    '<testcase classname="" name="ship"><failure message="no"/></testcase></testsuite>'
)


def run(folder: Path, *words: str, stdin: str = "", **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command("results", *words),
        cwd=folder,
        env=child_environment(load({}, **more), PYTHONPATH=str(Path(__file__).resolve().parents[2])),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text, at_s in (("one.log", GOOD, 1), ("two.log", BAD, 2), ("sub/three.xml", JUNIT, 3)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_767_225_600 + at_s,) * 2)
    return tmp_path


def test_files_are_summed_up_without_any_service(folder: Path):
    done = run(folder, "one.log", "two.log", "sub/three.xml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "6 results of 3 tests in 3 files: 4 passed, 2 failed; 2 failing now; 1 problem",
        "",
        "test   passed  failed  skipped  last runs",
        "pay         1       1        0  PF  failing",
        "    last failure 2026-01-01 00:00:02Z in nightly-2.log:6: no money",
        "ship        0       1        0  F  failing",
        "    last failure 2026-01-01 00:00:03Z in sub/three.xml:1: no",
        "login       3       0        0  PPP",
        "",
        "two.log:7: `Result: PASS` without a `Test:` before it",
    ]


def test_patterns_that_the_shell_left_are_looked_up_and_a_file_counts_once(folder: Path):
    found = json.loads(run(folder, "**/*.log", "one.log", "sub/*", "--json").stdout)
    assert found["totals"]["files"] == 3
    assert found["problems"] == [
        {"file": "two.log", "line": 7, "message": "`Result: PASS` without a `Test:` before it"}
    ]
    assert {one["test"]: one["last_runs"] for one in found["tests"]} == {"pay": "PF", "ship": "F", "login": "PPP"}


def test_standard_input_is_a_file(folder: Path):
    done = run(folder, "-", "--limit", "1", stdin=BAD)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("2 results of 2 tests in 1 file:")
    assert "and 1 more test\n" in done.stdout
    assert "nightly-2.log:7: `Result: PASS`" in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["one.log"], 0),
        (["two.log"], 0),
        (["one.log", "--fail"], 0),
        (["one.log", "two.log", "--fail"], 1),
        (["missing.log", "one.log"], 1),
        (["sub"], 1),
        (["*.nothing", "one.log"], 1),
        (["*.nothing"], 2),
        ([], 2),
        (["one.log", "--chart", "c.pdf"], 2),
    ],
)
def test_the_exit_code_says_whether_files_could_be_read_and_with_fail_whether_tests_passed(folder: Path, words, code):
    done = run(folder, *words)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_summed_up(folder: Path):
    (folder / "odd.log").write_text("odd\x1b[2J.log\nhello\n")
    done = run(folder, "odd.log", "missing.log", "one.log")
    assert "2 results of 2 tests in 1 file" in done.stdout
    assert "odd.log: no result can be read in a file that begins with 'odd\\x1b[2J.log': line 1" in done.stderr
    assert "missing.log: No such file or directory" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


def test_errors_of_junit_and_of_pytest_are_apart_from_failures(folder: Path):
    (folder / "e.xml").write_text(
        JUNIT.replace('<testcase classname="" name="login"/>', '<testcase name="x"><error/></testcase>')
    )
    lines = [
        '{"$report_type": "TestReport", "nodeid": "t.py::setup", "when": "setup", "outcome": "failed"}',
        '{"$report_type": "TestReport", "nodeid": "t.py::setup", "when": "teardown", "outcome": "passed"}',
        '{"$report_type": "TestReport", "nodeid": "t.py::call", "when": "setup", "outcome": "passed"}',
        '{"$report_type": "TestReport", "nodeid": "t.py::call", "when": "call", "outcome": "failed"}',
        '{"$report_type": "TestReport", "nodeid": "t.py::call", "when": "teardown", "outcome": "passed"}',
        '{"$report_type": "SessionFinish"}',
    ]
    (folder / "p.jsonl").write_text("\n".join(lines))
    assert run(folder, "e.xml").stdout.startswith("2 results of 2 tests in 1 file: 0 passed, 1 failed, 1 error;")
    found = run(folder, "p.jsonl").stdout.splitlines()
    assert found[0] == "2 results of 2 tests in 1 file: 0 passed, 1 failed, 1 error; 2 failing now"
    assert found[2].split() == ["test", "passed", "failed", "errors", "skipped", "last", "runs"]
    rows = {words[0]: words[1:5] for line in found[3:] if (words := line.split()) and words[0].startswith("t.py")}
    assert rows == {"t.py::call": ["0", "1", "0", "0"], "t.py::setup": ["0", "0", "1", "0"]}


def test_a_pattern_that_matches_nothing_is_named_and_the_others_are_summed_up(folder: Path):
    done = run(folder, "one*", "nothing/*.txt", "no\x1b[2J*", "sub/*.xml")
    assert done.returncode == 1
    assert done.stdout.startswith("4 results of 3 tests in 2 files: 3 passed, 1 failed;")
    assert done.stderr == "logmill: there is no file 'nothing/*.txt'\nlogmill: there is no file 'no\\x1b[2J*'\n"
    alone = run(folder, "nothing/*.txt", "none.*")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "there is no file 'nothing/*.txt', 'none.*'" in alone.stderr


@pytest.mark.parametrize(("name", "start"), [("c.svg", b"<?xml"), ("c.png", b"\x89PNG")])
def test_a_chart_is_written_where_it_is_asked_for(folder: Path, name: str, start: bytes):
    assert run(folder, "one.log", "two.log", "--chart", name).returncode == 0
    assert (folder / name).read_bytes().startswith(start)
    assert run(folder, "one.log", "--chart", f"no/such/{name}").returncode == 1


def test_files_are_sent_once_however_often_the_command_is_run(folder: Path, pipeline: Pipeline):
    service, made = f"sent-{uuid4().hex[:8]}", sample(30, 8)
    for number, body in enumerate(made.bodies):
        (folder / f"run-{number}.txt").write_bytes(body)
    (folder / "t.xml").write_text(JUNIT)
    words = ("run-*.txt", "t.xml", "--send", "--service", service, "--limit", "1", "--producer", pipeline.producer_url)
    for known in ("", "; 31 of them were sent before, and count once"):
        done = run(folder, *words)
        assert done.returncode == 0, done.stderr
        assert done.stderr == f"sent 31 files of 31 with {made.results + 2} results{known}\n"

    def totals() -> dict[str, Any]:
        answer = requests.get(f"{pipeline.storage_url}/results/summary", {"service": service, "test": "*"}, timeout=60)
        return answer.json()["totals"]

    wait_until(lambda: totals()["files"] == 31, what="31 files")
    found = totals()
    assert (found["results"], found["failed"], found["problems"]) == (
        made.results + 2,
        made.of("failed") + 1,
        made.problems,
    )
    # Written anew it is another file, though it say the same.
    os.utime(folder / "t.xml", (1, 1))
    assert "before" not in run(folder, "t.xml", *words[2:]).stderr
    assert (
        "sent 1 file of 1 with 2 results; 1 of them was sent before, and counts once\n"
        in run(folder, "t.xml", *words[2:]).stderr
    )
    wait_until(lambda: totals()["files"] == 32, what="32 files")


def test_a_producer_that_refuses_is_told_and_one_that_is_away_given_up(folder: Path, pipeline: Pipeline, monkeypatch):
    done = run(folder, "one.log", "--send", "--service", "s" * 300, "--producer", pipeline.producer_url)
    assert (done.returncode, "one.log is not sent: service is 300 bytes long" in done.stderr) == (1, True)
    from logmill import results_client

    monkeypatch.setattr(results_client, "MAX_TRIES", 2)
    monkeypatch.setattr(results_client, "FIRST_DELAY_S", 0.01)
    file = results_client.ResultsFile("one.log", GOOD.encode(), "1")
    client = results_client.ResultsClient(f"http://127.0.0.1:{free_port()}")
    ((_, error),) = client.send_all([file], 2)
    assert isinstance(error, results_client.NotSent)
    assert "after 2 tries" in str(error)
