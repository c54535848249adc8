"""`make torture`: the long form, as a table, as JSON and in docs/reliability.md."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.torture import report
from tests.torture.rotations import WAYS
from tests.torture.run import Result, Torture, run

console = Console(width=None if sys.stdout.isatty() else 160)


@click.command()
@click.option("--lines", "events", default=1_000_000, show_default=True, help="Events in all files together.")
@click.option("--files", default=50, show_default=True, help="Logs that are written and rotated.")
@click.option("--seed", type=int, help="Of all that is left to chance; printed where it is not given.")
@click.option("--rate", default=10_000.0, show_default=True, help="Events a second of all files together.")
@click.option(
    "--way", "only", multiple=True, type=click.Choice(list(WAYS)), help="Rotate in this way only. Repeatable."
)
@click.option(
    "--multiline", type=click.Choice(["regex", "auto", "none"]), default="regex", show_default=True,
    help="How the collector joins lines; with none, each event has one line.",
)  # fmt: skip
@click.option("--kills/--no-kills", default=True, help="Whether collector and producer are killed again and again.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep logs, data and outputs in this new folder.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/torture.json"))
@click.option("--write-docs", is_flag=True, help="Fill docs/reliability.md from the result.")
@click.option("--list", "show_list", is_flag=True, help="Show every way of rotating.")
def main(
    events: int,
    files: int,
    seed: int | None,
    rate: float,
    only: tuple[str, ...],
    multiline: str,
    keep: Path | None,
    output: Path,
    *,
    kills: bool,
    write_docs: bool,
    show_list: bool,
) -> None:
    """Have a collector follow files that are rotated in every way, kill it, and count what is lost or doubled."""
    if show_list:
        _show_ways()
        return
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    console.print(f"seed {seed}")
    torture = Torture(
        seed=seed, events=events, files=files, rate=rate, ways=only or tuple(WAYS), multiline=multiline, has_kills=kills
    )
    result = _run(torture, keep)
    _show(result)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(report.as_json(result), indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        report.write_document(result, WAYS, f"--lines {events} --files {files} --seed {seed}")
        console.print(f"{report.DOCUMENT} is filled")
    if not result.passed:
        console.print(f"failed; seed {seed}", style="bold red")
        sys.exit(1)


def _run(torture: Torture, keep: Path | None) -> Result:
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    folder = keep or Path(tempfile.mkdtemp(prefix="logmill-torture-"))
    folder.mkdir(parents=True, exist_ok=keep is None)
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("starting", total=torture.events)

            def tell(phase: str, done: int, total: int) -> None:
                progress.update(task, description=phase, completed=done, total=total)

            return run(torture, folder, tell)
    finally:
        if keep is None:
            shutil.rmtree(folder)


def _show(result: Result) -> None:
    for columns, table_rows in (
        (report.WAY_COLUMNS, report.way_rows(result, WAYS)), (report.COLUMNS, report.rows(result)),
    ):  # fmt: skip
        table = Table(*columns)
        for row in table_rows:
            table.add_row(*row)
        console.print(table)
    for words in result.troubles:
        console.print(words, style="red", markup=False, highlight=False)


def _show_ways() -> None:
    table = Table(*report.WAY_COLUMNS[:2])
    for row in WAYS.items():
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    # What it started ends with it, also where it is ended from outside.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
