"""`make bench-query`: how long questions take on 10,000,000 records, alone and with logs coming in; bytes on disk."""

from __future__ import annotations

import json
import os
import platform
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.client import Connection, percentile
from benchmarks.machine import loop_ms
from benchmarks.questions import QUESTIONS, Known, Question
from benchmarks.records import STEP, bodies, records
from benchmarks.report import fill_document
from benchmarks.scenarios import CREATED, BenchmarkError
from benchmarks.store_size import bytes_per_record
from tests.support.pipeline import Pipeline

PER_REQUEST = 1000
OK = 200
_KNOWN = 300
# What is sent over and over beside the questions.
_STREAM_BODIES = 200
_SETTLE_TIMEOUT_S = 900.0
Show = Callable[[float], None]
console = Console()


def fill(pipeline: Pipeline, source: Iterator[bytes], count: int, show: Show) -> None:
    """Send so many bodies and wait until all are stored; full queues are waited for."""
    connection = Connection(pipeline.producer_url)
    before = pipeline.stored_logs()
    total = count * PER_REQUEST
    for number in range(count):
        body = next(source)
        while (status := connection.post("/logs/batch", body)[0]) != CREATED:
            if status != requests.codes.unavailable:
                raise BenchmarkError(f"answered {status}")
            time.sleep(0.2)
        if number % 50 == 0:
            show((pipeline.stored_logs() - before) / total)
    connection.close()
    deadline_s = time.monotonic() + _SETTLE_TIMEOUT_S
    while (stored := pipeline.stored_logs() - before) < total:
        if time.monotonic() > deadline_s:
            raise BenchmarkError(f"{stored} of {total} stored")
        show(stored / total)
        time.sleep(0.5)
    show(1.0)


def settle(pipeline: Pipeline, show: Show) -> None:
    """Wait until storage has no more to merge: until it has been idle for five seconds."""
    deadline_s, idle = time.monotonic() + _SETTLE_TIMEOUT_S, 0
    while idle < 5:
        if time.monotonic() > deadline_s:
            raise BenchmarkError("storage does not come to rest")
        before_s = pipeline.cpu_s()["storage"]
        time.sleep(1)
        idle = idle + 1 if pipeline.cpu_s()["storage"] - before_s < 0.1 else 0
        show(idle / 5)


@contextmanager
def coming_in(pipeline: Pipeline, logs_per_s: int) -> Iterator[Callable[[], float]]:
    """Have logs of now come in at a steady rate; gives a function that tells the rate that was reached."""
    made = records(seed=99)
    sent = [
        msgspec.json.encode([{k: v for k, v in next(made).items() if k != "timestamp"} for _ in range(PER_REQUEST)])
        for _ in range(_STREAM_BODIES if logs_per_s else 0)
    ]
    stop, accepted = threading.Event(), [0]
    started_s = time.monotonic()

    def send() -> None:
        connection = Connection(pipeline.producer_url)
        number = 0
        while not stop.is_set():
            due_s = started_s + number * PER_REQUEST / logs_per_s
            if stop.wait(max(0.0, due_s - time.monotonic())):
                break
            if connection.post("/logs/batch", sent[number % len(sent)])[0] == CREATED:
                accepted[0] += PER_REQUEST
            number += 1
        connection.close()

    thread = threading.Thread(target=send, daemon=True)
    if logs_per_s:
        thread.start()
    try:
        yield lambda: accepted[0] / (time.monotonic() - started_s)
    finally:
        stop.set()
        if logs_per_s:
            thread.join(30)


def ask(pipeline: Pipeline, questions: Sequence[Question], about: Known, rounds: int, show: Show) -> dict[str, Any]:
    """Milliseconds of each question by its name, the questions in turn so that none has a moment of its own."""
    connection = Connection(pipeline.storage_url)
    rng = random.Random(11)
    took_ms: dict[str, list[float]] = {question.name: [] for question in questions}
    for number in range(rounds + 1):
        for question in questions:
            path = question.path(rng, about)
            started_s = time.perf_counter()
            status, body = connection.get(path)
            took = (time.perf_counter() - started_s) * 1e3
            if status != OK:
                raise BenchmarkError(f"{path} answered {status}: {body[:200]!r}")
            if number:  # the first round opens files
                took_ms[question.name].append(took)
        show((number + 1) / (rounds + 1))
    connection.close()
    return {
        name: {"p50": round(percentile(times, 0.5), 1), "p95": round(percentile(times, 0.95), 1)}
        for name, times in took_ms.items()
    }


def export(pipeline: Pipeline, show: Show) -> dict[str, Any]:
    """Read an export of a million logs to its end; the memory that storage took for it at most."""
    pid = max(
        (pid for name, pid in pipeline.processes() if name == "storage"), key=lambda one: _memory_mb(one, "VmRSS")
    )
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from here
    before_mb, started_s, lines = _memory_mb(pid, "VmRSS"), time.perf_counter(), 0
    with requests.get(f"{pipeline.storage_url}/logs/export", stream=True, timeout=60) as answer:
        answer.raise_for_status()
        for part in answer.iter_content(1 << 20):
            lines += part.count(b"\n")
            show(min(1.0, lines / 1e6))
    return {
        "logs": lines,
        "seconds": round(time.perf_counter() - started_s, 1),
        "extra_mb": round(_memory_mb(pid, "VmHWM") - before_mb, 1),
    }


def _memory_mb(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1024


def measure(progress: Progress, folder: Path, logs: int, rounds: int, logs_per_s: int) -> dict[str, Any]:
    """All figures at a tenth of the logs, then at all of them."""
    source = bodies(seed=3, requests=logs // PER_REQUEST, per_request=PER_REQUEST, ago=STEP * logs)
    result: dict[str, Any] = {"sizes": {}}

    def shown(title: str) -> Show:
        task = progress.add_task(title, total=1.0)
        return lambda share: progress.update(task, completed=share)

    with Pipeline(folder, "embedded") as pipeline:
        there = 0
        for size in (logs // 10, logs):
            fill(pipeline, source, (size - there) // PER_REQUEST, shown(f"{size:,} logs: storing"))
            there = size
            settle(pipeline, shown(f"{size:,} logs: merging"))
            # The times of the first tenth are the oldest.
            about = _known_of(pipeline, logs, size)
            before_ms = loop_ms()
            measured = {"alone": ask(pipeline, QUESTIONS, about, rounds, shown(f"{size:,} logs: asking"))}
            measured["loop_ms"] = [before_ms, loop_ms()]
            if size == logs // 10:
                result["export"] = export(pipeline, shown(f"{size:,} logs: exporting"))
            with coming_in(pipeline, logs_per_s) as reached:
                title = f"{size:,} logs: asking, {logs_per_s:,} logs/s coming in"
                measured["coming_in"] = ask(pipeline, QUESTIONS, about, rounds, shown(title))
                measured["came_in_per_s"] = round(reached())
            result["sizes"][str(size)] = measured
    task = progress.add_task("disk: merging all", total=None)
    result["disk"] = bytes_per_record(folder / "data" / "store")
    progress.update(task, total=1, completed=1)
    return result


def _known_of(pipeline: Pipeline, logs: int, size: int) -> Known:
    """Ids of what is there, whose times begin `logs` steps ago."""
    rng = random.Random(5)
    now_s = time.time()
    ids, request_ids = [], []
    while len(ids) < _KNOWN:
        until_s = now_s - (logs - rng.uniform(0, size)) * STEP.total_seconds()
        parameters = {"until": f"{until_s:.3f}", "limit": 1, "fields": "id,request_id"}
        answer = requests.get(f"{pipeline.storage_url}/logs", params=parameters, timeout=60)
        answer.raise_for_status()
        for log in answer.json()["logs"]:
            ids.append(log["id"])
            request_ids.append(log["request_id"])
    return Known(tuple(ids), tuple(request_ids))


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """A row a question: group, name, limit, and p50 / p95 at each size, alone and with logs coming in."""
    found = []
    for question in QUESTIONS:
        cells = [
            f"{one[way][question.name]['p50']:g} / {one[way][question.name]['p95']:g}"
            for one in result["sizes"].values()
            for way in ("alone", "coming_in")
        ]
        found.append((question.group, question.name, f"{question.limit_ms}", *cells))
    return found


def headings(result: dict[str, Any]) -> list[str]:
    """Of the columns of `rows`."""
    ways = [
        f"{int(size):,}{way}"
        for size, one in result["sizes"].items()
        for way in ("", f" and {one['came_in_per_s']:,} logs/s")
    ]
    return ["", "question", "limit, ms", *ways]


@click.command()
@click.option("--logs", default=10_000_000, show_default=True, help="Records in the store; a tenth is measured too.")
@click.option("--rounds", default=30, show_default=True, help="How often each question is asked.")
@click.option("--rate", default=20_000, show_default=True, help="Logs a second that come in meanwhile.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the data goes, some 8 GB; default: temporary.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/queries.json"))
@click.option("--write-docs", is_flag=True, help="Fill docs/performance.md from the result.")
def main(logs: int, rounds: int, rate: int, folder: Path | None, output: Path, *, write_docs: bool) -> None:
    """Measure queries on a store that the whole pipeline has filled, client and services on this machine."""
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "logs": logs,
    }
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("{task.description:<58}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with (
        Progress(*columns, TimeElapsedColumn(), console=console) as progress,
        tempfile.TemporaryDirectory(prefix="logmill-bench-", dir=folder) as place,
    ):
        result |= measure(progress, Path(place), logs, rounds, rate)
    table = Table(*headings(result), title=f"Queries, p50 / p95 in ms, {result['cores']} cores")
    for row in rows(result):
        table.add_row(*row)
    console.print(table)
    console.print(f"export: {result['export']}")
    console.print(f"disk, bytes a record: {result['disk']}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        document(result)
        console.print("docs/performance.md is filled")


def document(result: dict[str, Any]) -> None:
    """Fill the part of docs/performance.md about queries."""
    exported, disk = result["export"], result["disk"]
    heading = (
        f"Measured {result['at'][:10]} on {result['cores']} cores, Python {result['python']}; p50 / p95 in ms. "
        f"An export of {exported['logs']:,} logs took {exported['seconds']:g} s and {exported['extra_mb']:g} MB more "
        f"memory. On disk, merged, a record takes {disk['total']:g} bytes: "
        + ", ".join(f"{name} {size:g}" for name, size in disk["parts"].items())
        + ". The machine at that time: a loop of 2,000,000 additions in Python took "
        + "; ".join(
            f"{one['loop_ms'][0]:g} ms before and {one['loop_ms'][1]:g} ms after the questions about {int(size):,} logs"
            for size, one in result["sizes"].items()
        )
        + "."
    )
    fill_document(Path("docs/performance.md"), "queries", heading, rows(result), headings(result))


if __name__ == "__main__":
    main()
