"""`make bench`: the whole pipeline on both brokers, as a table, as JSON and in docs/performance.md."""

from __future__ import annotations

import json
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import scenarios
from tests.support.pipeline import Pipeline
from benchmarks.records import bodies
from benchmarks.report import fill_document, rows

PER_REQUEST = 1000
console = Console()


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
        "cores": len(__import__("os").sched_getaffinity(0)),
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
        for broker in brokers or ("rabbitmq", "embedded"):
            measured: dict[str, Any] = {}
            result["brokers"][broker] = measured
            with (
                tempfile.TemporaryDirectory(prefix="logmill-bench-") as folder,
                Pipeline(Path(folder), broker) as pipeline,
            ):

                def run(name: str, measure: Any, *arguments: Any) -> Any:
                    task = progress.add_task(f"{broker}: {name}", total=1.0)
                    value = measure(pipeline, *arguments, lambda share: progress.update(task, completed=share))
                    progress.update(task, completed=1.0)
                    return value

                if only in {None, "end_to_end"}:
                    run("warm-up", scenarios.end_to_end, prepared[:50], PER_REQUEST, connections)
                    runs = [
                        run(
                            f"end to end, {n + 1} of {rounds}", scenarios.end_to_end, prepared, PER_REQUEST, connections
                        )
                        for n in range(rounds)
                    ]
                    measured["end_to_end"] = runs
                if only in {None, "single"}:
                    measured["single"] = run("single records", scenarios.single_records, 16, seconds)
                if only in {None, "searchable"}:
                    measured["searchable"] = run("searchable", scenarios.searchable, 1000, seconds)
    table = Table("broker", "measurement", "value", title=f"Logmill pipeline, {result['cores']} cores")
    for row in rows(result):
        table.add_row(*row)
    console.print(table)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        fill_document(Path("docs/performance.md"), result)
        console.print("docs/performance.md is filled")


if __name__ == "__main__":
    main()
