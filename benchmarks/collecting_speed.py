"""`make bench-collect`: how fast a collector reads files, and what it costs, as a table and in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.collecting import Cost, live, once, write_files
from benchmarks.machine import loop_ms
from benchmarks.report import fill_document

DOCUMENT, MARK = Path("docs/performance.md"), "collecting"
COLUMNS = ("measurement", "value")
MILLION = 1_000_000
console = Console(width=None if os.isatty(1) else 160)


def rows(files: Sequence[Cost], start: Cost, live_costs: Sequence[Cost], rate: int) -> Iterator[tuple[str, str]]:
    """Measurements and their values; medians of the rounds, with the least and the most in brackets."""
    if files:
        yield (
            "files: read to accepted, lines/s, start and end of the command included",
            _spread([cost.lines / cost.wall_s for cost in files], ",.0f"),
        )
        steady = [(cost.lines - start.lines) / (cost.wall_s - start.wall_s) for cost in files]
        yield f"files: the same without the {start.wall_s:.1f} s that one line takes", _spread(steady, ",.0f")
        yield from _costs("files", files, start)
    if live_costs:
        yield f"live: {rate:,} lines/s, written to accepted, s, median", _spread(_late(live_costs, 0), ".2f")
        yield "live: the same, the most", _spread(_late(live_costs, 1), ".2f")
        yield from _costs("live", live_costs, start)


def _costs(what: str, costs: Sequence[Cost], start: Cost) -> Iterator[tuple[str, str]]:
    mine = [_per_million(cost, cost.collector_cpu_s - start.collector_cpu_s) for cost in costs]
    yield f"{what}: CPU of the collector without its start, s per million lines", _spread(mine, ".2f")
    theirs = [_per_million(cost, cost.producer_cpu_s) for cost in costs]
    yield f"{what}: CPU of the producer with its broker, the same", _spread(theirs, ".2f")
    largest = max(costs, key=lambda cost: cost.memory.most_mib)
    yield f"{what}: memory of the collector, MiB, in the round with the most", str(largest.memory)


def _per_million(cost: Cost, seconds: float) -> float:
    return seconds / cost.lines * MILLION


def _late(costs: Sequence[Cost], at: int) -> list[float]:
    return [cost.late_s[at] for cost in costs if cost.late_s]


def _spread(values: Sequence[float], form: str) -> str:
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _measured(
    lines: int, files: int, rounds: int, rate: int, seconds: float, only: str | None
) -> tuple[list[Cost], Cost, list[Cost], int]:
    """The costs of reading files, of reading one line, of following a live file; and bytes a line."""
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="logmill-collect-") as made,
        Progress(*columns, console=console) as progress,
    ):
        folder = Path(made)

        def counted(title: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(title, total=total)
            return lambda count: progress.advance(task, count)

        def fresh(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        logs = fresh("logs")
        paths = write_files(logs, lines, files, counted("writing files", lines))
        bytes_a_line = sum(path.stat().st_size for path in paths) // lines
        one = write_files(fresh("one"), 1, 1, counted("writing one line", 1))
        start = once(fresh("start"), one, 1)
        read, followed = [], []
        for number in range(rounds):
            if only in {None, "files"}:
                tell = counted(f"files, {number + 1} of {rounds}", lines)
                read.append(once(fresh(f"files-{number}"), paths, lines))
                tell(lines)
            if only in {None, "live"}:
                tell = counted(f"live, {number + 1} of {rounds}", int(rate * seconds))
                followed.append(live(fresh(f"live-{number}"), paths[0], rate, seconds, tell))
        return read, start, followed, bytes_a_line


@click.command()
@click.option("--lines", default=2_000_000, show_default=True, help="In all files together.")
@click.option("--files", default=4, show_default=True, help="That they are in.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--live-rate", default=20_000, show_default=True, help="Lines a second that are appended to a live file.")
@click.option("--live-seconds", default=20.0, show_default=True)
@click.option("--only", type=click.Choice(["files", "live"]), help="One of the measurements.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmarks/results/collecting.json"))
@click.option("--write-docs", is_flag=True, help="Fill the table of docs/performance.md.")
def main(
    lines: int,
    files: int,
    rounds: int,
    live_rate: int,
    live_seconds: float,
    only: str | None,
    output: Path,
    *,
    write_docs: bool,
) -> None:
    """Measure a collector on one core, beside a producer on the embedded broker that nobody empties."""
    if live_rate * live_seconds > lines // files:
        raise click.ClickException("the first file has fewer lines than the live one gets: raise --lines")
    speed_ms = loop_ms()
    read, start, followed, bytes_a_line = _measured(lines, files, rounds, live_rate, live_seconds, only)
    table = list(rows(read, start, followed, live_rate))
    shown = Table(*COLUMNS)
    for row in table:
        shown.add_row(*row)
    console.print(shown)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    result = {
        "at": at,
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "loop_ms": speed_ms,
        "bytes_a_line": bytes_a_line,
        "start": asdict(start),
        "files": [asdict(cost) for cost in read],
        "live": [asdict(cost) for cost in followed],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"written to {output}")
    if write_docs:
        words = (
            f"Measured {at[:10]} on {result['cores']} cores, the collector on one of them, Python {result['python']}: "
            f"{rounds} rounds of {lines:,} lines in {files} files, {bytes_a_line} bytes a line. A loop of 2,000,000 "
            f"additions took {speed_ms:g} ms before."
        )
        fill_document(DOCUMENT, MARK, words, table, COLUMNS)
        console.print(f"{DOCUMENT} is filled")


if __name__ == "__main__":
    main()
