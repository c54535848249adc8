"""`logmill query`, `tail` and `patterns` as people run them: processes, pipes and terminals, on a real storage."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess
from tests.support.storage_blocks import batch, row, stream
from tests.support.waiting import wait_until

START_US = 1_700_000_000_000_000
BAD = "\x1b]0;title\x07\x1b[31mred\x9b2J\nforged\u202e"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess("storage", tmp_path_factory.mktemp("query"), api_key="secret") as service:
        service.wait_ready()
        ingest(service, *batch(2500, service="many", level="INFO"))
        ingest(
            service,
            row(uuid.uuid4(), 0, timestamp=START_US, message="it timed out", level="ERROR", service="auth"),
            row(uuid.uuid4(), 0, timestamp=START_US + 1_000_000, message=BAD, level="CRITICAL", service="auth"),
        )
        yield service


def ingest(storage: ServiceProcess, *rows: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/vnd.apache.arrow.stream", "Authorization": "Bearer secret"}
    answer = requests.post(f"{storage.url}/ingest", data=stream(rows), headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text


def environment(storage: ServiceProcess, **more: str) -> dict[str, str]:
    settings = load({}, storage_url=storage.url, api_key="secret")
    plain = {name: value for name, value in child_environment(settings).items() if name not in {"NO_COLOR", "TERM"}}
    return {**plain, "TERM": "xterm", "TZ": "Asia/Tokyo", **more}


def run(storage: ServiceProcess, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_command(*words), env=environment(storage, **more), capture_output=True, text=True, timeout=60
    )


class Command:
    """A command that runs on, its standard output read by us."""

    def __init__(self, storage: ServiceProcess, folder: Path, *words: str) -> None:
        self._errors = folder / "errors.txt"
        self._output = folder / "output.txt"
        with self._errors.open("wb") as errors, self._output.open("wb") as output:
            self.process = subprocess.Popen(
                python_command(*words), env=environment(storage), stdout=output, stderr=errors
            )

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    @property
    def lines(self) -> list[str]:
        return self._output.read_text().splitlines()

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)


def open_tails(storage: ServiceProcess) -> int:
    answer = requests.get(f"{storage.url}/metrics", headers={"Authorization": "Bearer secret"}, timeout=60)
    return int("logmill_storage_tails 1.0\n" in answer.text)


def test_a_query_shows_the_newest_logs_newest_last_with_nothing_to_obey(storage: ServiceProcess) -> None:
    done = run(storage, "query", "service:auth", "level:(error OR critical)", "--utc")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "2023-11-14 22:13:20.000Z  ERROR     auth          it timed out",
        "2023-11-14 22:13:21.000Z  CRITICAL  auth          \\x1b]0;title\\x07\\x1b[31mred\\x9b2J\\nforged\\u202e",
    ]
    assert (
        run(storage, "query", "--utc", "--", "-service:many", "-level:critical").stdout
        == done.stdout.splitlines(True)[0]
    )
    local = run(storage, "query", "--service", "auth", "--level", "error").stdout
    assert local == "2023-11-15 07:13:20.000  ERROR     auth          it timed out\n"


def test_a_query_follows_cursors_as_far_as_it_is_asked_to(storage: ServiceProcess) -> None:
    expected = [f"message {number}" for number in range(2500)]
    for options, wanted, said in (
        (["--all"], expected, ""), (["--limit", "0", "--newest-first"], expected[::-1], ""),
        (["--limit", "2500"], expected, ""),
        (["--limit", "1001"], expected[-1001:], "the newest 1,001; there are more"),
        ([], expected[-100:], "the newest 100; there are more"),
    ):  # fmt: skip
        done = run(storage, "query", "--service", "many", "--json", "--fields", "message", *options)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == wanted
        assert said in done.stderr
        assert bool(said) == bool(done.stderr)


def test_json_has_whole_logs_in_ascii(storage: ServiceProcess) -> None:
    done = run(storage, "query", "level:critical", "--json")
    log = json.loads(done.stdout)
    assert (log["message"], log["priority"], log["tags"]) == (BAD, "high", [])
    assert done.stdout[:-1].isprintable()
    assert done.stdout.isascii()


def test_what_cannot_be_searched_is_shown_with_a_mark_below_it(storage: ServiceProcess) -> None:
    done = run(storage, "query", "漢 level:error AND (service:a")
    assert done.returncode == 2
    text, mark, message = done.stderr.splitlines()
    assert (text, mark.strip()) == ("漢 level:error AND (service:a", "^")
    assert len(mark) == 30  # a wide character has two columns
    assert message.startswith("logmill: ")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["query", "--level", "loud"], 2, "there is no level 'loud'"),
        (["query", "--fields", "nothing"], 2, "there is no field 'nothing'"),
        (["tail", "--fields", "nothing"], 2, "there is no field 'nothing'"),
        (["query", "--key", "wrong"], 2, "send the API key"),
        (["query", "--limit", "-1"], 2, "--limit"),
        (["tail", "--backlog", "1001"], 2, "--backlog"),
        (["query", "--storage", "nonsense"], 2, "--storage: it must be an address"),
        (["query", "--storage", "http://127.0.0.1:1"], 1, "not running"),
        (["tail", "--storage", "http://127.0.0.1:1"], 1, "not running"),
        (["query", "nothing"], 0, "no logs"),
    ],
)
def test_each_end_has_its_code_and_says_why(storage: ServiceProcess, words: list[str], code: int, part: str) -> None:
    done = run(storage, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_statistics_are_shown_of_an_empty_store_too(storage: ServiceProcess, tmp_path: Path) -> None:
    done = run(storage, "stats")
    assert (done.returncode, done.stderr) == (0, "")
    assert "total_logs: 2502\n" in done.stdout
    assert "  many                              2,500\n" in done.stdout
    with ServiceProcess("storage", tmp_path, api_key="secret") as empty:
        done = run(empty.wait_ready(), "stats")
    assert (done.returncode, done.stderr) == (0, "")
    assert "total_logs: 0\n" in done.stdout
    assert "  bytes_per_log                         -\n" in done.stdout


def in_terminal(storage: ServiceProcess, *words: str, **more: str) -> bytes:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(python_command(*words), env=environment(storage, **more), stdout=theirs) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while data := os.read(ours, 65536):
                said += data
        os.close(ours)
        assert process.wait(30) == 0
    return said


def test_colors_are_for_terminals_and_can_be_turned_off(storage: ServiceProcess) -> None:
    words = ("query", "--service", "auth", "--level", "error")
    assert b"\x1b[31mERROR" in in_terminal(storage, *words)
    assert b"\x1b" not in in_terminal(storage, *words, NO_COLOR="1")
    assert b"\x1b" not in in_terminal(storage, *words, TERM="dumb")
    assert b"\x1b" not in in_terminal(storage, *words, "--json")
    assert "\x1b" not in run(storage, *words).stdout


def test_a_tail_shows_what_is_stored_and_ends_with_0_at_ctrl_c(storage: ServiceProcess, tmp_path: Path) -> None:
    service = uuid.uuid4().hex
    ingest(storage, *batch(3, service=service))
    words = ("tail", "message", "--service", service, "--backlog", "2", "--utc", "--fields", "service,message")
    with Command(storage, tmp_path, *words) as tail:
        wait_until(lambda: len(tail.lines) == 2)
        ingest(storage, row(uuid.uuid4(), 0, service=service, message=f"message {BAD}"), row(uuid.uuid4(), 0))
        wait_until(lambda: len(tail.lines) == 3)
        tail.process.send_signal(signal.SIGINT)
        assert tail.process.wait(10) == 0
        assert tail.errors == ""
        said = [line.removeprefix(service).strip() for line in tail.lines]
        assert said == ["message 1", "message 2", "message \\x1b]0;title\\x07\\x1b[31mred\\x9b2J\\nforged\\u202e"]


def test_a_pipe_that_is_closed_ends_a_command_quietly(storage: ServiceProcess) -> None:
    command = python_command("tail", "--service", "many", "--backlog", "5")
    with subprocess.Popen(
        command, env=environment(storage), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert tail.stdout.readline().endswith("message 2495\n")
        tail.stdout.close()
        assert tail.wait(20) == 0  # seen at the next heartbeat
        assert tail.stderr.read() == ""
    script = f"{' '.join(python_command('query', '--all', '--json'))} | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}"], env=environment(storage), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")


def test_a_tail_comes_back_after_storage_was_away_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "tail").mkdir()
    with ServiceProcess("storage", tmp_path, storage_port=port, api_key="secret") as first:
        first.wait_ready()
        tail = Command(first, tmp_path / "tail", "tail", "--fields", "message")
        with tail:
            wait_until(lambda: open_tails(first))
            ingest(first, row(uuid.uuid4(), 0, message="before"))
            wait_until(lambda: tail.lines == ["before"])
            first.send(signal.SIGTERM)
            assert first.end() == 0
            wait_until(lambda: "not running" in tail.errors)
            assert "storage is stopping" in tail.errors
            with ServiceProcess("storage", tmp_path, storage_port=port, api_key="secret") as second:
                second.wait_ready()
                wait_until(lambda: "connected again" in tail.errors, 60)
                ingest(second, row(uuid.uuid4(), 0, message="after"))
                wait_until(lambda: tail.lines == ["before", "after"])
                start_s = time.monotonic()
                tail.process.send_signal(signal.SIGINT)
                assert tail.process.wait(10) == 0
                wait_until(lambda: not open_tails(second))
                assert time.monotonic() - start_s < 5
    assert "Traceback" not in tail.errors


def test_patterns_are_counted_with_share_bar_and_worst_level(storage: ServiceProcess) -> None:
    names = ("anna", "bob", "carl", "dora", "emil", "fritz")
    logins = [
        row(uuid.uuid4(), 0, message=f"login of {name} failed", fingerprint=at + 1, service="p", level="ERROR")
        for at, name in enumerate(names)
    ]
    odd = [row(uuid.uuid4(), 0, message="a\x1b[31m\nb", fingerprint=9, service="p") for _ in range(2)]
    ingest(storage, *logins, *odd)
    found = run(storage, "patterns", "--service", "p")
    assert found.stdout.splitlines() == [
        "6   75.0 %  ##########  ERROR     login of <*> failed",
        r"2   25.0 %  ###         INFO      a\x1b[<*> b",
    ]
    assert (found.returncode, found.stderr) == (0, "")
    each = run(storage, "patterns", "--service", "p", "--each", "--limit", "3", "--json")
    shown = [json.loads(line) for line in each.stdout.splitlines()]
    assert [(one["count"], one["fingerprint_count"]) for one in shown] == [(2, 1), (1, 1), (1, 1)]
    assert run(storage, "patterns", "--service", "p", "--limit", "1").stderr == (
        "logmill: the most frequent 1, of 8 logs in all; there are more: --limit N\n"
    )
    assert run(storage, "patterns", "--service", "nowhere").stderr == "no logs\n"
    refused = run(storage, "patterns", "level:")
    assert (refused.returncode != 0, refused.stdout) == (True, "")
