"""What is measured of a collector: files that are there already, and a file that somebody writes to."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import requests

from benchmarks.records import records
from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.process_figures import Memory, MemorySampler, cpu_of
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

# Told how many lines are done.
Progress = Callable[[int], None]
TIMEOUT_S = 900.0
_LIVE_TICK_S = 0.01
_LOOK_S = 0.25
_PROGRESS_LINES = 10_000
_ACCEPTED = 'logmill_producer_records_total{result="accepted"} '


class BenchmarkError(RuntimeError):
    """A measurement that would not mean anything."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took.

    Attributes:
        lines: that were read and accepted.
        wall_s: from the start of the collector's process to its end.
        collector_cpu_s: user and system time of the collector, its start included.
        producer_cpu_s: that of the producer, which holds the embedded broker.
        memory: resident memory of the collector.
        late_s: of a live file, from writing to accepting: the median and the most of some moments.
    """

    lines: int
    wall_s: float
    collector_cpu_s: float
    producer_cpu_s: float
    memory: Memory
    late_s: tuple[float, float] | None = None


def write_files(folder: Path, lines: int, files: int, progress: Progress) -> list[Path]:
    """Write lines as applications do, in turns to some files; about 190 bytes each, no two alike."""
    paths = [folder / f"app-{number}.log" for number in range(files)]
    source = records(seed=61)
    for path, count in zip(paths, _shares(lines, files), strict=True):
        with path.open("w", encoding="utf-8", buffering=1024 * 1024) as file:
            for written in range(0, count, _PROGRESS_LINES):
                part = list(itertools.islice(source, min(_PROGRESS_LINES, count - written)))
                file.writelines(map(_line, part))
                progress(len(part))
    return paths


def once(folder: Path, paths: list[Path], lines: int) -> Cost:
    """`logmill collect --once` on files that are there, beside a producer whose broker nobody empties."""
    with _producer(folder) as producer:
        accepted, cpu_s = _accepted(producer), _cpu_s(producer)
        started_s = time.perf_counter()
        process = _collect(folder, producer, "--once", *map(str, paths))
        with MemorySampler(lambda: process.pid, 0.1) as sampler:
            code, used = _wait(process)
        wall_s = time.perf_counter() - started_s
        if code != 0:
            raise BenchmarkError(f"the collector ended with {code}: {_said(folder)}")
        if (found := _accepted(producer) - accepted) != lines:
            raise BenchmarkError(f"{found:,} of {lines:,} lines were accepted")
        return Cost(lines, wall_s, used, _cpu_s(producer) - cpu_s, sampler.memory)


def live(folder: Path, content: Path, rate: int, seconds: float, progress: Progress) -> Cost:
    """Follow a file to which so many lines a second are appended.

    Args:
        folder: an empty one.
        content: a file with the lines.
        rate: lines a second.
        seconds: how long.
        progress: told of lines that were written.
    """
    target = folder / "live.log"
    target.touch()
    with _producer(folder) as producer, content.open("rb") as source:
        accepted, cpu_s = _accepted(producer), _cpu_s(producer)
        started_s = time.perf_counter()
        process = _collect(folder, producer, str(target))
        try:
            with MemorySampler(lambda: process.pid, 0.1) as sampler:
                append = _Appender(source, target, rate, seconds)
                late_s = append.run(lambda: _accepted(producer) - accepted, progress)
        finally:
            process.send_signal(signal.SIGTERM)
            code, used = _wait(process)
        wall_s = time.perf_counter() - started_s
        if code != 0:
            raise BenchmarkError(f"the collector ended with {code}: {_said(folder)}")
        return Cost(append.written, wall_s, used, _cpu_s(producer) - cpu_s, sampler.memory, late_s)


class _Appender:
    """Appends lines at a rate, and sees how late they are accepted."""

    def __init__(self, source: Iterator[bytes], target: Path, rate: int, seconds: float) -> None:
        self._source = source
        self._target = target
        self._rate = rate
        self._seconds = seconds
        # When so many lines had been written.
        self._history: list[tuple[float, int]] = []
        self.written = 0

    def run(self, accepted: Callable[[], int], progress: Progress) -> tuple[float, float]:
        """Write for the whole time and wait until all is accepted; how late, as the median and the most, seconds."""
        late: list[float] = []
        began_s = looked_s = time.perf_counter()
        with self._target.open("ab", buffering=0) as file:
            while (now_s := time.perf_counter()) < began_s + self._seconds:
                self._append(file.write, int((now_s - began_s) * self._rate), now_s, progress)
                if now_s - looked_s > _LOOK_S:
                    looked_s = now_s
                    late.append(self._late_s(accepted()))
                time.sleep(_LIVE_TICK_S)
        wait_until(lambda: accepted() >= self.written, TIMEOUT_S, "all lines accepted")
        # Until the collector has read its first line, it starts.
        settled = late[len(late) // 4 :]
        return median(settled), max(settled)

    def _append(self, write: Callable[[bytes], int], due: int, now_s: float, progress: Progress) -> None:
        lines = list(itertools.islice(self._source, due - self.written))
        if len(lines) < due - self.written:
            raise BenchmarkError("there are fewer lines than are to be written")
        whole = b"".join(lines)
        if whole and write(whole) != len(whole):
            raise BenchmarkError("the disk is full")
        self.written = due
        self._history.append((now_s, due))
        progress(len(lines))

    def _late_s(self, accepted: int) -> float:
        """For how long the oldest line that is not accepted has been there."""
        now_s = time.perf_counter()
        return next((now_s - at_s for at_s, written in self._history if written > accepted), 0.0)


@contextmanager
def _producer(folder: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess("producer", folder) as producer:
        yield producer.wait_ready()


def _collect(folder: Path, producer: ServiceProcess, *arguments: str) -> subprocess.Popen[bytes]:
    """A collector on one core, another one than the producer's where there are several."""
    command = python_command("collect", *arguments, "--producer", producer.url, "--data-dir", str(folder / "collector"))
    environment = child_environment(load({}, data_dir=str(folder / "collector")))
    allowed = os.sched_getaffinity(0)
    taken = [cores for pid in producer.group() if len(cores := os.sched_getaffinity(pid)) == 1]
    free = allowed.difference(*taken) or allowed
    os.sched_setaffinity(0, {max(free)})
    try:
        with (folder / "collector.log").open("ab") as output:
            return subprocess.Popen(
                [*command, "--from", "start", "--port", "0"], env=environment, stdout=output, stderr=output
            )
    finally:
        os.sched_setaffinity(0, allowed)


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """The exit code of a process, once it has ended, and the CPU time that it used, all its threads together."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime
        if time.monotonic() > deadline_s:
            process.kill()
            raise BenchmarkError(f"the collector did not end within {TIMEOUT_S:g} s")
        time.sleep(_LIVE_TICK_S)


def _accepted(producer: ServiceProcess) -> int:
    text = requests.get(f"{producer.url}/metrics", timeout=60).text
    return int(sum(float(line.removeprefix(_ACCEPTED)) for line in text.splitlines() if line.startswith(_ACCEPTED)))


def _cpu_s(producer: ServiceProcess) -> float:
    return sum(cpu_of(pid) for pid in producer.group())


def _said(folder: Path) -> str:
    return (folder / "collector.log").read_text(errors="replace")[-2000:]


def _line(record: dict[str, object]) -> str:
    """A record as a line of text."""
    facts = record["metadata"]
    assert isinstance(facts, dict)
    return (
        f"{record['timestamp']} {record['level']} [{record['service']}] {record['message']} "
        f"(request {facts['request_id']}, {facts['user_id']}, {facts['method']} {facts['path']}: "
        f"{facts['status_code']} in {facts['response_time_ms']} ms, {facts['region']})\n"
    )


def _shares(total: int, parts: int) -> list[int]:
    share, rest = divmod(total, parts)
    return [share + (number < rest) for number in range(parts)]
