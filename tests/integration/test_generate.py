"""`logmill generate` as people use it: at its rate, repeatable, ended in the middle, with heartbeats and bursts."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from logmill.cli import main
from logmill.errors import ExitCode
from logmill.timestamps import to_us
from tests.support.generating import Generating, generated, records
from tests.support.odd_producer import Server
from tests.support.ports import free_port
from tests.support.waiting import wait_until

START = "2026-01-01T00:00:00Z"
START_US = to_us(START)
S = 1_000_000
# What a machine that does other things too may hold up a process that does its part in time.
HICCUP_S = 0.25


def arrivals(running: Generating) -> list[tuple[float, int]]:
    """When how many lines had come, by this process's clock; up to the end of the output."""
    assert running.process.stdout is not None
    descriptor = running.process.stdout.fileno()
    found, lines = [], 0
    while part := os.read(descriptor, 1 << 20):
        lines += part.count(b"\n")
        found.append((time.monotonic(), lines))
    return found


@pytest.mark.parametrize(("rate", "duration_s"), [(10, 5), (1000, 4), (50_000, 3)])
def test_the_rate_is_kept_within_one_percent(rate: int, duration_s: int):
    with Generating("--rate", str(rate), "--duration", f"{duration_s}s", "--seed", "1") as running:
        seen = arrivals(running)
        assert running.process.stderr is not None
        said = running.process.stderr.read().decode()
    assert seen[-1][1] == rate * duration_s
    began_s = seen[0][0] - seen[0][1] / rate
    # Never ahead of its schedule, at any time.
    ahead = max(lines - (at_s - began_s) * rate for at_s, lines in seen)
    assert ahead <= 1 + HICCUP_S * rate
    # In the first and in the last tenth is what the process's start and the reader's luck decide.
    inner = [(at_s, lines) for at_s, lines in seen if 0.1 < (at_s - began_s) / duration_s < 0.9]
    (first_s, first), (last_s, last) = inner[0], inner[-1]
    kept = (last - first) / (last_s - first_s)
    # A machine that is too busy for the rate is no fault of the generator's, if it says so.
    assert kept == pytest.approx(rate, rel=0.01) or "behind" in said or "late" in said, (kept, said)


def test_the_sum_says_what_was_asked_and_what_was_kept():
    output, said = generated("--rate", "200", "--duration", "2s")
    assert len(records(output)) == 400
    assert re.fullmatch(r"logmill generate: 400 logs in \d+\.\d s: \d+\.\d/s of 20\d\.\d/s asked.*\n", said), said


def test_the_same_seed_makes_the_same_logs_with_the_same_times():
    arguments = ("--rate", "20000", "--count", "3000", "--seed", "42")
    once, _ = generated(*arguments, "--start", START)
    again, _ = generated(*arguments, "--start", START)
    past, _ = generated(*arguments, "--start", START, "--backfill")
    other, _ = generated("--rate", "20000", "--count", "3000", "--seed", "43", "--start", START)
    assert once == again == past
    assert once != other
    assert records(once)[0]["timestamp"] == "2026-01-01T00:00:00.000000Z"


def test_without_a_start_the_times_are_those_of_now_and_the_rest_is_the_same():
    before_us = time.time_ns() // 1000
    now, _ = generated("--rate", "max", "--count", "3000", "--seed", "42")
    after_us = time.time_ns() // 1000
    again, _ = generated("--rate", "max", "--count", "3000", "--seed", "42")
    times = [to_us(record["timestamp"]) for record in records(now)]
    assert _timeless(now) == _timeless(again)
    assert all(before_us - S < time_us <= after_us for time_us in times)


def _timeless(output: bytes) -> list[dict]:
    return [{**record, "timestamp": None} for record in records(output)]


def test_logs_of_a_past_day_follow_its_hours_at_once():
    output, _ = generated(
        *("--start", "2026-01-05T00:00:00Z", "--duration", "1d", "--rate", "0.2"),
        *("--backfill", "--curve", "daily", "--seed", "1"),
    )
    hours = Counter(record["timestamp"][:13] for record in records(output))
    assert len(hours) == 24
    night, evening = (hours[f"2026-01-05T{hour}"] for hour in ("03", "20"))
    assert evening > 5 * night
    assert 0.8 * 17_280 < hours.total() < 1.2 * 17_280


def test_a_burst_is_seen_in_the_counts():
    output, _ = generated(
        *("--start", START, "--backfill", "--rate", "100", "--duration", "60s", "--seed", "1"),
        *("--burst", "10x:5s:every=20s"),
    )
    seconds = Counter((to_us(record["timestamp"]) - START_US) // S for record in records(output))
    assert seconds.total() == 6000 + 2 * 5 * 900
    # What begins in a burst may end behind it.
    assert all(seconds[second] > 600 for begin in (20, 40) for second in range(begin, begin + 5))
    assert all(seconds[second] < 200 for begin in (5, 34, 54) for second in range(begin, begin + 6))


def test_an_incident_is_seen_in_the_counts():
    output, _ = generated(
        *("--start", START, "--backfill", "--rate", "500", "--duration", "60s", "--seed", "1"),
        *("--incident", "payment-outage:at=20s:for=20s", "--field", "run=7"),
    )
    failed: Counter[int] = Counter()
    for record in records(output):
        metadata = record["metadata"]
        assert metadata["run"] == "7"
        if metadata.get("status_code") in {502, 503} and "payment: connection re" in record["message"]:
            failed[(to_us(record["timestamp"]) - START_US) // S] += 1
    during = sum(failed[second] for second in range(22, 40))
    otherwise = sum(failed[second] for second in (*range(20), *range(45, 60)))
    assert during > 100
    assert otherwise == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path):
    file = tmp_path / "shop.log"
    with Generating("--rate", "500", "--output", str(file), "--max-bytes", "0") as running:
        wait_until(lambda: file.exists() and file.stat().st_size > 50_000)
        running.process.send_signal(number)
        code, output, said = running.ended()
    assert (code, output) == (0, b"")
    count = len(records(file.read_bytes()))
    assert f"{count:,} logs in" in said


def test_a_reader_that_stops_reading_is_told_of_where_it_is_ended():
    with Generating("--rate", "max", drain_timeout_s=1) as running:
        # The pipe and the room behind it are full: nobody reads.
        wait_until(lambda: _sleeps(running.process.pid))
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)
        assert running.process.returncode == ExitCode.DRAIN_LIMIT
        assert running.process.stderr is not None
        assert "nobody reads it" in running.process.stderr.read().decode()


def _sleeps(pid: int) -> bool:
    """Whether a process has used no CPU for a while."""

    def used() -> str:
        return " ".join(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])

    before = used()
    time.sleep(0.3)
    return before == used() and before.split()[0] not in {"0", "1", "2"}


def test_a_reader_that_has_enough_ends_it_quietly():
    with Generating("--rate", "max") as running:
        assert running.process.stdout is not None
        running.process.stdout.readline()
        running.process.stdout.close()
        assert running.process.wait(20) == 0
        assert running.process.stderr is not None
        assert running.process.stderr.read() == b""


def test_heartbeats_go_to_the_console_and_to_a_file(tmp_path: Path):
    file = tmp_path / "heartbeat.log"
    output, said = generated("--heartbeat", "--frequency", "200ms", "--count", "5", "--output", str(file))
    assert output == file.read_bytes()
    beats = records(output)
    assert [beat["message"] for beat in beats] == [f"Heartbeat {number}: all is well" for number in range(1, 6)]
    assert {(beat["level"], beat["service"]) for beat in beats} == {("INFO", "heartbeat")}
    times = [to_us(beat["timestamp"]) for beat in beats]
    assert [later - times[0] for later in times] == [number * 200_000 for number in range(5)]
    assert "5 logs" in said


def test_heartbeats_know_the_plain_names_of_others_and_our_names_win(tmp_path: Path):
    file = tmp_path / "plain.log"
    plain = {
        "LOG_FREQUENCY": "0.1",
        "LOG_LEVEL": "warning",
        "LOG_FORMAT": "%(asctime)s %(levelname)s %(message)s",
        "LOG_FILE": str(file),
        # Where these are not set, the plain ones hold; a child's environment names every setting.
        **dict.fromkeys((f"LOGMILL_GENERATE_{name}" for name in ("FREQUENCY_S", "LEVEL", "FORMAT", "FILE")), ""),
    }
    began_s = time.monotonic()
    output, _ = generated("--heartbeat", "--count", "3", environ=plain)
    assert time.monotonic() - began_s < 10
    assert [line.split(None, 1)[1] for line in output.decode().splitlines()] == [
        f"WARNING Heartbeat {number}: all is well" for number in (1, 2, 3)
    ]
    assert file.read_bytes() == output
    ours, _ = generated("--heartbeat", "--count", "1", environ={**plain, "LOGMILL_GENERATE_LEVEL": "ERROR"})
    assert b" ERROR " in ours
    # Without heartbeats the names may mean anything.
    output, _ = generated("--count", "1", environ={**plain, "LOG_LEVEL": "loud", "LOG_FREQUENCY": "often"})
    assert len(records(output)) == 1


def test_the_status_file_says_how_it_is_going(tmp_path: Path):
    file = tmp_path / "status.json"
    with Generating("--rate", "100", "--status-file", str(file)) as running:
        wait_until(lambda: file.exists() and json.loads(file.read_text())["total"] > 100)
        assert json.loads(file.read_text())["refused"] == 0
        running.process.send_signal(signal.SIGTERM)
        # Somebody has to read what it writes.
        assert running.ended()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, None])
def test_the_status_file_has_the_final_state(number: signal.Signals | None, tmp_path: Path):
    file = tmp_path / "status.json"
    duration = ["--duration", "1500ms"] if number is None else []
    with Generating("--rate", "100", "--status-file", str(file), *duration) as running:
        wait_until(lambda: file.exists() and json.loads(file.read_text())["total"] > 0)
        assert json.loads(file.read_text())["state"] == "running"
        if number is not None:
            running.process.send_signal(number)
        code, output, _ = running.ended()
    standing = json.loads(file.read_text())
    assert (code, standing["state"], standing["reason"]) == (0, "ended", "")
    assert standing["total"] == len(records(output))


@contextmanager
def refusing_producer(status: int) -> Iterator[str]:
    """The address of a producer that takes nothing; where the status is 0, of none."""
    with Server() as server:
        server.respond = lambda handler: handler.send(status, {"status": "error", "message": "no"})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.url if status else f"http://127.0.0.1:{free_port()}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "rate", "reason"),
    [
        (503, "20000", "the producer answers 503: no"),
        (503, "10", "the producer answers 503: no"),
        (503, "max", "the producer answers 503: no"),
        (429, "20000", "the producer answers 429: no"),
        (0, "20000", "the producer does not answer: Connection refused"),
    ],
)
def test_a_producer_that_takes_nothing_does_not_hold_it_beyond_its_grace(
    status: int, rate: str, reason: str, tmp_path: Path
):
    file = tmp_path / "status.json"
    arguments = ["--rate", rate, "--duration", "2s", "--status-file", str(file)]
    with (
        refusing_producer(status) as url,
        Generating("--producer", url, *arguments, drain_timeout_s=1) as running,
    ):
        wait_until(file.exists)
        began_s = time.monotonic()
        code, _, said = running.ended()
        took_s = time.monotonic() - began_s
    assert code == ExitCode.DRAIN_LIMIT
    # 2 s, 1 s of grace, at most 2 s until its connections are closed; and what a busy machine takes.
    assert took_s < 15
    *_, summary, last = said.splitlines()
    assert last == f"logmill: not everything was out 1 s after the end; {reason}"
    assert "0 logs in" in summary
    assert reason in summary
    standing = json.loads(file.read_text())
    assert (standing["state"], standing["total"]) == ("failed", 0)
    assert reason in standing["reason"]
    if rate == "max":
        assert standing["missed"] > 0
    else:
        assert standing["missed"] == 2 * int(rate)
        assert f"{2 * int(rate):,} missed" in summary
        assert standing["asked"] == pytest.approx(int(rate), rel=0.1)


@pytest.mark.parametrize("status", [401, 404])
def test_a_producer_that_will_never_take_anything_ends_it_at_once(status: int, tmp_path: Path):
    file = tmp_path / "status.json"
    with (
        refusing_producer(status) as url,
        Generating("--producer", url, "--rate", "100", "--status-file", str(file)) as running,
    ):
        code, _, said = running.ended()
    assert code == ExitCode.ERROR
    assert said.splitlines()[-1] == f"logmill: the producer answers {status}: no"
    standing = json.loads(file.read_text())
    assert (standing["state"], standing["reason"]) == ("failed", f"the producer answers {status}: no")
    assert standing["missed"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rate", "quick"], "--rate: 'quick'"),
        (["--incident", "flood"], "known are payment-outage"),
        (["--format", "xml"], "--format"),
        (["--producer", "nowhere"], "--producer"),
        (["--producer", "http://127.0.0.1:1", "--format", "csv"], "reads json"),
        (["--broker", "redis://a"], "unknown scheme"),
        (["--broker", "sqlite:///a", "--format", "text"], "--broker"),
        (["--heartbeat", "--format", "access"], "--format"),
        (["--output", "/proc/nothing/here"], "cannot be written"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(arguments: list[str], words: str):
    with Generating(*arguments) as running:
        code, output, said = running.ended()
    assert code in {ExitCode.USAGE, ExitCode.ERROR}
    assert output == b""
    assert words in said
    assert said.count("\n") == 1


def test_help_lists_the_kinds_of_incidents():
    with Generating("--help") as running:
        code, output, _ = running.ended()
    assert code == 0
    for kind in ("payment-outage", "auth-outage", "slow-database", "bad-deploy", "login-attack", "disk-full"):
        assert kind in output.decode().partition("Kinds of incidents:")[2]


def test_where_the_generator_is_not_installed_it_is_said(monkeypatch: pytest.MonkeyPatch):
    """As in the images of the other services, which hold `logmill` and their own folder only."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "generator"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "generator", None)
    result = CliRunner().invoke(main, ["generate", "--count", "1"])
    assert result.exit_code == ExitCode.USAGE
    assert "the generator is not installed here" in result.output
    assert CliRunner().invoke(main, ["generate", "--help"]).exit_code == 0
