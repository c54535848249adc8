"""`make bench-results`: files of test results through the whole pipeline; whether totals are exact, what it takes."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import requests
from rich.console import Console
from rich.table import Table

from benchmarks.machine import loop_ms
from benchmarks.records import bodies
from benchmarks.scenarios import BenchmarkError
from logmill.broker import Message, open_broker
from logmill.record import Lane
from tests.support.pipeline import Pipeline
from tests.support.result_files import RESULTS_A_FILE, Sample, sample

SENDERS = 4
ASKED = 15
PER_REQUEST = 1000
_SETTLE_TIMEOUT_S = 900.0
_TIMEOUT_S = 120
console = Console()


def send_over_amqp(pipeline: Pipeline, made: list[bytes]) -> None:
    """Publish each file as one message, as any AMQP client may."""
    publisher = open_broker(pipeline.settings.broker_url).publisher()
    waiting = []
    for body in made:
        waiting.append(publisher.publish(Message(body, Lane.NORMAL, str(uuid4()), content_type="text/plain")))
        if len(waiting) == 500:
            waiting.pop(0).result(_TIMEOUT_S)
    for one in waiting:
        one.result(_TIMEOUT_S)
    publisher.close(_TIMEOUT_S)


def send_over_http(pipeline: Pipeline, made: list[bytes]) -> None:
    """Post each file, from SENDERS connections."""

    def post(some: list[bytes]) -> None:
        with requests.Session() as session:
            for body in some:
                while True:
                    headers = {"Content-Type": "text/plain", "Idempotency-Key": str(uuid4())}
                    answer = session.post(f"{pipeline.producer_url}/files", data=body, headers=headers, timeout=60)
                    if answer.status_code == requests.codes.created:
                        break
                    if answer.status_code != requests.codes.unavailable:
                        raise BenchmarkError(f"answered {answer.status_code}: {answer.text[:200]}")
                    time.sleep(0.2)

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(post, [made[number::SENDERS] for number in range(SENDERS)]))


def fill(pipeline: Pipeline, logs: int) -> None:
    """Have so many other logs stored beside."""
    with requests.Session() as session:
        for body in bodies(seed=5, requests=logs // PER_REQUEST, per_request=PER_REQUEST):
            while (
                session.post(
                    f"{pipeline.producer_url}/logs/batch",
                    data=body,
                    headers={"Content-Type": "application/json"},
                    timeout=60,
                ).status_code
                != requests.codes.created
            ):
                time.sleep(0.2)
    await_logs(pipeline, logs // PER_REQUEST * PER_REQUEST)


def await_logs(pipeline: Pipeline, count: int) -> None:
    """Wait until so many are stored."""
    deadline_s = time.monotonic() + _SETTLE_TIMEOUT_S
    while (stored := pipeline.stored_logs()) < count:
        if time.monotonic() > deadline_s:
            raise BenchmarkError(f"{stored:,} of {count:,} records stored")
        time.sleep(0.2)


def took_ms(pipeline: Pipeline, **params: str) -> list[float]:
    """How long a summary takes, asked again and again."""
    found = []
    for _ in range(ASKED):
        started_s = time.perf_counter()
        answer = requests.get(f"{pipeline.storage_url}/results/summary", params, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        found.append((time.perf_counter() - started_s) * 1000)
    return found


def compare(pipeline: Pipeline, made: Sample) -> tuple[list[tuple[str, int, int]], int]:
    """What is in the files and what storage found, total by total; and how many tests have other counts."""
    answer = requests.get(f"{pipeline.storage_url}/results/summary", {"limit": 10_000}, timeout=_TIMEOUT_S).json()
    totals = answer["totals"]
    counted = {name: counter for name, counter in made.counts.items() if counter}
    wanted = {
        "files": len(made.bodies),
        "tests": len(counted),
        "results": made.results,
        **{result: made.of(result) for result in ("passed", "failed", "skipped")},
        "problems": made.problems,
    }
    found = {one["test"]: {name: one[name] for name in ("passed", "failed", "skipped")} for one in answer["tests"]}
    names = ("passed", "failed", "skipped")
    others = [name for name, one in counted.items() if found.get(name) != {result: one[result] for result in names}]
    return [(name, count, totals[name]) for name, count in wanted.items()], len(others)


def measure(broker: str, made: Sample, over: str, processors: int, others: int, *, kill: bool) -> bool:
    """One run; whether all totals are exact."""
    records = len(made.bodies) + made.results
    with tempfile.TemporaryDirectory() as folder, Pipeline(Path(folder), broker, processors=processors) as pipeline:
        if others:
            fill(pipeline, others)
        before = pipeline.stored_logs()
        cpu_before = pipeline.cpu_s()
        half = len(made.bodies) // 2
        ways = {"amqp": made.bodies, "http": []}
        if over != "amqp":
            ways = {"amqp": made.bodies[:half], "http": made.bodies[half:]} if over == "both" else {"http": made.bodies}
        started_s = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            sending = [
                pool.submit(send_over_amqp if way == "amqp" else send_over_http, pipeline, some)
                for way, some in ways.items()
                if some
            ]
            if kill:
                time.sleep(2)
                os.kill(next(pid for name, pid in pipeline.processes() if name == "processor"), signal.SIGKILL)
            for one in sending:
                one.result()
        sent_s = time.perf_counter() - started_s
        await_logs(pipeline, before + records)
        stored_s = time.perf_counter() - started_s
        cpu_s = {name: value - cpu_before.get(name, 0.0) for name, value in pipeline.cpu_s().items()}
        totals, wrong = compare(pipeline, made)
        table = Table("", "in the files", "found", title=f"{broker}, {processors} processors, over {over}")
        for name, wanted, found in totals:
            table.add_row(name, f"{wanted:,}", f"{found:,}", style="" if wanted == found else "red")
        table.add_row("tests with other counts", "0", f"{wrong:,}", style="red" if wrong else "")
        console.print(table)
        figures: dict[str, Any] = {
            "sent after, s": f"{sent_s:.1f}",
            "stored after, s": f"{stored_s:.1f}",
            "files/s": f"{len(made.bodies) / stored_s:,.0f} ({records / stored_s:,.0f} logs/s)",
            "CPU per file, ms": f"{sum(cpu_s.values()) / len(made.bodies) * 1000:.2f}",
            "logs in storage": f"{pipeline.total_logs():,}",
        }
        for form in ("json", "text", "svg", "png"):
            ms = took_ms(pipeline, format=form)
            figures[f"summary as {form}, ms"] = f"median {statistics.median(ms):.0f}, most {max(ms):.0f}"
        figures["of one test, ms"] = f"median {statistics.median(took_ms(pipeline, test=next(iter(made.counts)))):.0f}"
        for name, value in figures.items():
            console.print(f"{name}: {value}")
    return not wrong and all(wanted == found for _, wanted, found in totals)


@click.command()
@click.option("--files", default=10_000, show_default=True, help=f"Files of {RESULTS_A_FILE} results each.")
@click.option("--tests", default=200, show_default=True, help="Different tests.")
@click.option("--processors", default=4, show_default=True, help="Consumers of one queue.")
@click.option("--broker", "brokers", multiple=True, type=click.Choice(["rabbitmq", "embedded"]), help="Default: both.")
@click.option("--over", type=click.Choice(["amqp", "http", "both"]), default="both", show_default=True, help="How.")
@click.option("--others", default=0, show_default=True, help="Other logs that are stored before.")
@click.option("--kill", is_flag=True, help="Kill a processor (SIGKILL) while files come in.")
def main(
    files: int, tests: int, processors: int, brokers: tuple[str, ...], over: str, others: int, *, kill: bool
) -> None:
    """Send files of test results, and hold what storage says of them to what is in them; 1 where that differs."""
    console.print(f"machine: {len(os.sched_getaffinity(0))} cores, loop {loop_ms()} ms")
    made = sample(files, tests)
    well = [
        measure(broker, made, over, processors, others, kill=kill) for broker in brokers or ("rabbitmq", "embedded")
    ]
    sys.exit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
