"""`make faults`: the long form, every fault on both brokers, as lines, as JSON and in docs/reliability.md."""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from logmill.settings import in_ci
from tests.faults import report
from tests.faults.fault import Fault
from tests.faults.laboratory import Laboratory
from tests.faults.rounds import Pace, Round, run_series
from tests.faults.schedule import every_fault, lacking, make_schedule, named

DOCUMENT = Path("docs/reliability.md")
console = Console(width=None if sys.stdout.isatty() else 200)


class Session:
    """One run of this program.

    Args:
        progress: where it shows how far it is.
        seed: of everything that is random.
        pace: of all rounds.
        keep: where to leave the laboratories' folders; they are deleted where it is None.
    """

    def __init__(self, progress: Progress, seed: int, pace: Pace, keep: Path | None) -> None:
        self._progress = progress
        self._seed = seed
        self._pace = pace
        self._keep = keep

    def run(self, broker: str, schedule: list[list[Fault]]) -> list[Round]:
        """All rounds on one broker."""
        task = self._progress.add_task(broker, total=len(schedule) + 1)

        def show(result: Round) -> None:
            cells = report.row(result)
            self._progress.console.print(_sentence(cells), style="green" if result.passed else "bold red")
            for words in (*result.troubles, *(f"ended by itself: {note}" for note in result.notes)):
                self._progress.console.print(f"    {words}", markup=False, highlight=False)
            self._progress.advance(task)

        if self._keep is not None:
            folder = self._keep / broker
            folder.mkdir(parents=True)
            with Laboratory(folder, broker) as lab:
                return run_series(lab, schedule, self._pace, self._seed, show)
        with tempfile.TemporaryDirectory(prefix="logmill-faults-") as made, Laboratory(Path(made), broker) as lab:
            return run_series(lab, schedule, self._pace, self._seed, show)


def _sentence(cells: tuple[str, ...]) -> str:
    return "  ".join(
        cell.ljust(36) if name == "faults" else cell if name == "round" else f"{name.partition(',')[0]} {cell}"
        for name, cell in zip(report.HEADINGS, cells, strict=True)
    )


def _check_machine() -> None:
    """Say what is missing here; in CI that is a failure where it could have been installed."""
    for need, words in lacking().items():
        if in_ci() and need == "libfaketime":
            raise click.ClickException(words)
        console.print(f"left out: {words}", style="yellow")


def _show_faults() -> None:
    table = Table("fault", "what happens", "brokers")
    for fault in every_fault():
        table.add_row(fault.name, fault.words, ", ".join(sorted(fault.brokers)))
    console.print(table)


@click.command()
@click.option("--rounds", default=36, show_default=True, help="Rounds on each broker.")
@click.option("--seed", type=int, help="Of the schedule and of every round; printed where it is not given.")
@click.option("--broker", type=click.Choice(["rabbitmq", "embedded", "both"]), default="both", show_default=True)
@click.option("--fault", "only", multiple=True, help="A round of this, as in the table; `a + b` is a pair. Repeatable.")
@click.option("--rate", default=2000.0, show_default=True, help="Records a second.")
@click.option("--keys/--no-keys", default=True, help="Whether some requests carry an Idempotency-Key.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep data and outputs in this new folder.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/faults.json"))
@click.option("--write-docs", is_flag=True, help="Fill docs/reliability.md from the result.")
@click.option("--list", "show_list", is_flag=True, help="Show every fault.")
def main(
    rounds: int,
    seed: int | None,
    broker: str,
    only: tuple[str, ...],
    rate: float,
    keep: Path | None,
    output: Path,
    *,
    keys: bool,
    write_docs: bool,
    show_list: bool,
) -> None:
    """Break Logmill in every way that is known, under load, and count what is lost, doubled or altered."""
    if show_list:
        _show_faults()
        return
    _check_machine()
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    console.print(f"seed {seed}")
    pace = Pace(rate=rate, keyed_share=0.3 if keys else 0.0)
    brokers = ("rabbitmq", "embedded") if broker == "both" else (broker,)
    results: dict[str, list[Round]] = {}
    started_s = time.monotonic()
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        session = Session(progress, seed, pace, keep)
        for name in brokers:
            schedule = [named(words, name) for words in only] or make_schedule(name, rounds, random.Random(seed))
            results[name] = session.run(name, schedule)
    run: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "minutes": round((time.monotonic() - started_s) / 60),
        "seed": seed,
        "arguments": f"--rounds {rounds} --seed {seed} --broker {broker}" + ("" if keys else " --no-keys"),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    listed = {name: [report.as_json(result) for result in series] for name, series in results.items()}
    output.write_text(json.dumps({**run, "brokers": listed}, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        report.fill_document(DOCUMENT, report.LIST, report.fault_list())
        report.fill_document(DOCUMENT, report.RESULTS, report.document(run, results))
        console.print(f"{DOCUMENT} is filled")
    failed = [f"{name} {result.number}" for name, series in results.items() for result in series if not result.passed]
    if failed:
        console.print(f"failed: {', '.join(failed)}; seed {seed}", style="bold red")
        sys.exit(1)


if __name__ == "__main__":
    # What it started ends with it, also where it is ended from outside.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
