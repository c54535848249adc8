"""`make bench`: the whole pipeline on both brokers, as a table, as JSON and in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import scenarios
from benchmarks.records import bodies
from benchmarks.report import fill_document, heading, rows
from tests.support.pipeline import Pipeline

PER_REQUEST = 1000
console = Console()


class Session:
    """The measurements of one run of this program.

    Args:
        progress: where each shows how far it is.
        prepared: request bodies of the end-to-end runs.
        rounds: how many of those.
        connections: their client connections.
        seconds: length of the other measurements.
        only: one measurement's name, or None for all.
    """

    def __init__(
        self, progress: Progress, prepared: list[bytes], rounds: int, connections: int, seconds: float, only: str | None
    ) -> None:
        self._progress = progress
        self._prepared = prepared
        self._rounds = rounds
        self._connections = connections
        self._seconds = seconds
        self._only = only

    def measure(self, broker: str) -> dict[str, Any]:
        """Everything asked for, on one broker."""
        with tempfile.TemporaryDirectory(prefix="logmill-bench-") as folder, Pipeline(Path(folder), broker) as pipeline:
            measured: dict[str, Any] = {}
            if self._wants("end_to_end"):
                arguments = (PER_REQUEST, self._connections)
                self._run(pipeline, f"{broker}: warm-up", scenarios.end_to_end, self._prepared[:50], *arguments)
                measured["end_to_end"] = [
                    self._run(pipeline, f"{broker}: {title}", scenarios.end_to_end, self._prepared, *arguments)
                    for title in (f"end to end, {n + 1} of {self._rounds}" for n in range(self._rounds))
                ]
            if self._wants("single"):
                title = f"{broker}: single records"
                measured["single"] = self._run(pipeline, title, scenarios.single_records, 16, self._seconds)
            if self._wants("searchable"):
                title = f"{broker}: searchable"
                measured["searchable"] = self._run(pipeline, title, scenarios.searchable, 1000, self._seconds)
            return measured

    def _wants(self, name: str) -> bool:
        return self._only in {None, name}

    def _run(self, pipeline: Pipeline, title: str, scenario: Callable[..., Any], *arguments: Any) -> Any:
        task = self._progress.add_task(title, total=1.0)
        value = scenario(pipeline, *arguments, lambda share: self._progress.update(task, completed=share))
        self._progress.update(task, completed=1.0)
        return value


@click.command()
@click.option("--broker", "brokers", multiple=True, type=click.Choice(["rabbitmq", "embedded"]), help="Default: both.")
@click.option("--logs", default=1_000_000, show_default=True, help="Records of the end-to-end run.")
@click.option("--rounds", default=3, show_default=True, help="End-to-end runs; the median is reported.")
@click.option("--connections", default=4, show_default=True, help="Client connections of the end-to-end run.")
@click.option("--seconds", default=15.0, show_default=True, help="Length of the single-record and latency runs.")
@click.option("--only", type=click.Choice(["end_to_end", "single", "searchable"]), help="One measurement only.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/pipeline.json"))
@click.option("--write-docs", is_flag=True, help="Fill docs/performance.md from the result.")
def main(
    brokers: tuple[str, ...],
    logs: int,
    rounds: int,
    connections: int,
    seconds: float,
    only: str | None,
    output: Path,
    *,
    write_docs: bool,
) -> None:
    """Measure the whole pipeline: producer, broker, two processors, storage and the client on this machine."""
    result: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "brokers": {},
    }
    columns = (
        TextColumn("{task.description:<44}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        prepared: list[bytes] = []
        if only in {None, "end_to_end"}:
            task = progress.add_task("making records", total=logs // PER_REQUEST)
            for body in bodies(seed=1, requests=logs // PER_REQUEST, per_request=PER_REQUEST):
                prepared.append(body)
                progress.advance(task)
            result["bytes_per_record"] = round(sum(map(len, prepared)) / logs, 1)
        session = Session(progress, prepared, rounds, connections, seconds, only)
        for broker in brokers or ("rabbitmq", "embedded"):
            result["brokers"][broker] = session.measure(broker)
    table = Table("broker", "measurement", "value", title=f"Logmill pipeline, {result['cores']} cores")
    for row in rows(result):
        table.add_row(*row)
    console.print(table)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        fill_document(Path("docs/performance.md"), "measured", heading(result), rows(result))
        console.print("docs/performance.md is filled")


if __name__ == "__main__":
    main()
