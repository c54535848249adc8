"""`logmill bench` as people run it: against a real pipeline, interrupted, and with what it must refuse."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from logmill.lifecycle import SAME_SIGNAL_S
from logmill.supervisor import python_command
from tests.support.answering_server import AnsweringServer, Reply
from tests.support.bench_command import environment, run, started
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

# What is under test knows nothing of the broker.
embedded = pytest.mark.parametrize("pipeline", ["embedded"], indirect=True, scope="session")


def at(pipeline: Pipeline) -> list[str]:
    return ["--producer", pipeline.producer_url, "--storage", pipeline.storage_url]


def counted(pipeline: Pipeline, query: str) -> int:
    answer = requests.get(f"{pipeline.storage_url}/logs/facets", params={"q": query, "field": "level"}, timeout=60)
    return sum(value["count"] for value in answer.json()["facets"]["level"])


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def result(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one load test of both kinds measured; its file is `path`, what it said `said`."""
    path = tmp_path_factory.mktemp("bench") / "result.json"
    done = run(
        *at(pipeline), "--rate", "1000", "--batch", "20", "--query-rate", "10", "--duration", "4", "--warm-up", "1",
        "--connections", "4", "--output", str(path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {**json.loads(path.read_text()), "path": path, "said": done.stdout, "told": done.stderr}


@embedded
def test_a_load_test_keeps_the_rate_and_finds_every_log_that_was_accepted(
    pipeline: Pipeline, result: dict[str, Any]
) -> None:
    ingest, stored = result["ingest"], result["stored"]
    assert (ingest["asked_per_s"], ingest["total"]["requests"]["ok"]) == (50.0, 200)
    assert ingest["logs_per_s"] == pytest.approx(1000.0, rel=0.02)
    assert (stored["accepted"], stored["stored"], stored["is_final"]) == (5000, 5000, True)
    assert counted(pipeline, f'bench_run:"{result["run"]}"') == 5000
    assert counted(pipeline, f'bench_run:"{result["run"]}" AND NOT service:bench-*') == 0
    latency = ingest["total"]["latency"]
    assert 0 < latency["p50_ms"] <= latency["p99_ms"] <= latency["max_ms"]
    # Five probes were sent, one of them while it warmed up.
    assert result["searchable"]["requests"]["ok"] == 4
    assert counted(pipeline, f'bench_probe:"{result["run"]}" AND level:error') == 5
    assert 0 < result["searchable"]["latency"]["p99_ms"] < 30_000


@embedded
def test_every_kind_of_question_is_asked_and_answered(result: dict[str, Any]) -> None:
    query = result["query"]
    assert (query["asked_per_s"], query["total"]["requests"]["ok"], query["failures"]) == (10.0, 40, {})
    assert set(query["by_name"]) <= {"newest", "by level", "by service", "phrase", "stats", "histogram"}
    assert len(query["by_name"]) >= 5
    assert sum(one["requests"]["ok"] for one in query["by_name"].values()) == 40


@embedded
def test_the_report_says_it_in_words_and_the_amount_before(result: dict[str, Any]) -> None:
    said, told = result["said"], result["told"]
    assert "1,000 asked for in requests of 20" in said
    assert "open loop: latency is from when a request was due" in said
    assert "5,000 accepted, 5,000 stored" in said
    assert "5,000 logs (1.7 MB) in 250 requests over 5 s" in told
    assert f"metadata.bench_run {result['run']}" in told
    assert "measuring: " in told or "finishing: " in told  # a line every five seconds where there is no terminal
    assert "\x1b" not in said + told


@embedded
def test_the_file_names_no_host_no_path_and_no_key(result: dict[str, Any]) -> None:
    text = result["path"].read_text()
    assert not [word for word in ("://", "127.0.0.1", str(result["path"].parent)) if word in text]
    # As a word: it may be short, and the names of runs are random letters.
    assert re.search(rf"\b{re.escape(os.uname().nodename)}\b", text) is None
    assert result["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert result["machine"]["is_target_here"] is True


@embedded
def test_a_result_can_be_compared_and_exit_codes_say_whether_it_is_worse(
    result: dict[str, Any], tmp_path: Path
) -> None:
    path = str(result["path"])
    same = run("compare", path, path, "--fail-above", "0")
    assert (same.returncode, same.stderr) == (0, "")
    assert "ingest: latency, p50, ms" in same.stdout
    slower = json.loads(result["path"].read_text())
    slower["ingest"]["logs_per_s"] /= 2
    slower["run"] = "\x1b[2Jother"
    (tmp_path / "slower.json").write_text(json.dumps(slower))
    worse = run("compare", path, str(tmp_path / "slower.json"), "--fail-above", "20")
    assert worse.returncode == 1
    assert "WORSE" in worse.stdout
    assert "\x1b" not in worse.stdout
    assert "B is worse than A by more than 20 %" in worse.stderr
    assert run("compare", path, str(tmp_path / "slower.json")).returncode == 0
    (tmp_path / "none.json").write_text("{}")
    assert run("compare", path, str(tmp_path / "none.json")).returncode == 2


@embedded
def test_single_logs_as_fast_as_they_go_and_questions_of_a_file(pipeline: Pipeline, tmp_path: Path) -> None:
    questions = tmp_path / "questions.txt"
    questions.write_text("mine: /logs?service=bench-auth&limit=5\n")
    done = run(
        *at(pipeline), "--rate", "max", "--batch", "1", "--processes", "1", "--connections", "2", "--duration", "1.5",
        "--warm-up", "0", "--query-rate", "5", "--queries", str(questions), "--output", str(tmp_path / "result.json"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["ingest"]["asked_per_s"] is None
    assert "closed loop" in done.stdout
    assert found["stored"]["stored"] == found["stored"]["accepted"] == found["ingest"]["total"]["requests"]["ok"] > 0
    assert list(found["query"]["by_name"]) == ["mine"]


@embedded
def test_ctrl_c_ends_it_early_with_what_was_measured(pipeline: Pipeline, tmp_path: Path) -> None:
    said, result_path = tmp_path / "said.txt", tmp_path / "result.json"
    words = [*at(pipeline), "--mode", "ingest", "--rate", "200", "--batch", "10", "--duration", "600", "--warm-up", "0"]
    with started(said, *words, "--output", str(result_path)) as process:
        wait_until(lambda: re.search(r"measuring: [1-9]", said.read_text()), 60, "it measures")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 0, said.read_text()
    found = json.loads(result_path.read_text())
    assert found["ended_early"] is True
    assert "ended early" in said.read_text()
    assert found["ingest"]["logs_per_s"] == pytest.approx(200, rel=0.1)
    assert found["stored"]["stored"] == found["stored"]["accepted"] > 0


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_no_process(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    with (
        AnsweringServer(lambda _number: Reply(200, b'{"facets": {"service": []}, "logs": []}')) as server,
        started(said, "--mode", "query", "--duration", "600", "--storage", server.url) as process,
    ):
        wait_until(lambda: "measuring" in said.read_text(), 60, "it measures")
        pids = children(process.pid)
        assert len(pids) >= 2
        server.stall(0.0, 60.0)
        wait_until(lambda: server.is_stalled, 10, "it stalls")
        arrived = len(server.arrived_s)
        wait_until(lambda: len(server.arrived_s) > arrived, 10, "a question is not answered")
        os.kill(process.pid, signal.SIGINT)
        wait_until(lambda: "finishing" in said.read_text(), 20, "it waits for the answer")
        time.sleep(2 * SAME_SIGNAL_S)  # sooner, it would count as the same signal
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(10) == 130
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20, "its processes are gone")


@embedded
def test_a_process_that_dies_is_an_error_and_no_result(pipeline: Pipeline, tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    words = [*at(pipeline), "--mode", "ingest", "--duration", "600", "--warm-up", "0", "--batch", "10"]
    with started(said, *words) as process:
        wait_until(lambda: "measuring" in said.read_text(), 60, "it measures")
        pids = children(process.pid)
        worker = next(pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(worker, signal.SIGKILL)
        assert process.wait(30) == 1
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20, "the others are gone")
    assert "has gone" in said.read_text()


def test_the_processes_of_a_command_that_is_killed_end_by_themselves(tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    with (
        AnsweringServer(lambda _number: Reply(200, b'{"facets": {"service": []}, "logs": []}')) as server,
        started(said, "--mode", "query", "--duration", "600", "--storage", server.url) as process,
    ):
        wait_until(lambda: "measuring" in said.read_text(), 60, "it measures")
        pids = children(process.pid)
        process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20, "they are gone")


@embedded
def test_on_a_terminal_there_is_a_table_that_is_gone_when_it_ends(pipeline: Pipeline) -> None:
    main, end = pty.openpty()
    process = subprocess.Popen(
        python_command("bench", *at(pipeline), "--duration", "2", "--warm-up", "0", "--mode", "ingest"),
        env=environment(TERM="xterm", COLUMNS="130"), stdin=end, stdout=end, stderr=end,
    )  # fmt: skip
    os.close(end)
    output = b""
    try:
        while data := os.read(main, 65_536):
            output += data
    except OSError:
        pass  # the terminal is closed
    assert process.wait(30) == 0
    text = output.decode()
    assert "asked/s" in text
    assert "asked/s" not in text.rpartition("\x1b[2K")[2]
    assert "1,000 asked for" in text.rpartition("\x1b[2K")[2]


def test_logs_that_are_accepted_and_never_stored_are_told_and_exit_with_one(tmp_path: Path) -> None:
    replies = b'{"facets": {"level": [], "service": []}, "logs": [], "accepted": 10, "rejected": 0}'

    with AnsweringServer(lambda _number: Reply(200, replies)) as storage, AnsweringServer() as producer:
        # The producer's answer is 201 also for /ready and /pipeline: so storage stands in for them there.
        producer._reply = lambda number: Reply(200 if number < 2 else 201, b'{"accepted": 10, "rejected": 0}')
        done = run(
            "--producer", producer.url, "--storage", storage.url, "--mode", "ingest", "--rate", "100", "--batch", "10",
            "--duration", "1", "--warm-up", "0", "--settle", "1",
        )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "MISSING: 100 logs were accepted and are not found" in done.stdout
    assert "probes: 0 answered well" in done.stdout
    assert "1 failed" in done.stdout
