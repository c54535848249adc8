"""What the collector makes of real logs: which formats it sees in them, whose levels, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from logmill.settings import Settings, use_one_polars_thread

use_one_polars_thread()

from benchmarks.parsing import SAMPLES  # noqa: E402 - polars reads its setting when it is imported
from benchmarks.report import fill_document  # noqa: E402
from collector.outputs.structured import Structure  # noqa: E402
from collector.records.made import UNKNOWN_LEVEL, Source  # noqa: E402
from collector.records.recorder import Recorder  # noqa: E402
from logmill.rules.ruleset import load  # noqa: E402
from logmill.submitted import Limits  # noqa: E402

LOGHUB = Path("../shared/data/loghub")
MACHINE = Path("/var/log")
MAX_FILE_BYTES = 8 * 1024 * 1024
CHUNK = 5000
ROUNDS = 9
HEADINGS = ("logs", "lines", "seen as", "with a level", "recorded, µs", "taken apart, µs")
SOURCE = Source("/var/log/app.log", "app", "web-1")


def machine_logs(folder: Path = MACHINE) -> dict[str, bytes]:
    """The text files of a folder that can be read, by their names in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= MAX_FILE_BYTES:
                content = path.read_bytes()
                if b"\0" not in content and path.suffix not in {".gz", ".xz"}:
                    found[str(path.relative_to(folder))] = content
        except OSError:
            continue  # not for us
    return found


def sources() -> dict[str, Sequence[bytes]]:
    """Lines by the name of what they are from."""
    found: dict[str, Sequence[bytes]] = {
        f"Loghub, {path.name.removesuffix('_2k.log')}": path.read_bytes().splitlines()
        for path in sorted(LOGHUB.glob("*_2k.log"))
    }
    found |= {f"a Debian machine, {name}": content.split(b"\n") for name, content in machine_logs().items()}
    found |= {f"made up, {name}": [make(n).encode() for n in range(CHUNK)] for name, make in SAMPLES.items()}
    return found


def least_us(work: Callable[[], object], count: int) -> float:
    """The least CPU time of some rounds, for one of so many."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - started)
    return min(times) / count / 1000


def measured() -> list[tuple[str, ...]]:
    """The rows of the table."""
    rules, limits = load(""), Limits()
    recorder, structure = Recorder(rules, limits), Structure(rules, limits, Settings().slow_response_ms)
    rows = []
    for name, lines in sources().items():
        made = recorder.make(SOURCE, lines)
        assert made.count == sum(bool(line.decode(errors="replace").strip()) for line in lines), name
        seen = ", ".join(f"{form} {count:,}" for form, count in sorted(made.formats.items(), key=lambda one: -one[1]))
        known = 1 - made.levels.get(UNKNOWN_LEVEL, 0) / made.count
        chunk = list(islice(cycle(line for line in lines if line.strip()), CHUNK))
        body = recorder.make(SOURCE, chunk).body
        recorded_us = least_us(lambda chunk=chunk: recorder.make(SOURCE, chunk), CHUNK)  # type: ignore[misc]
        apart_us = least_us(lambda body=body: structure.frame_of(body), CHUNK)  # type: ignore[misc]
        rows.append((name, f"{made.count:,}", seen, f"{known:.0%}", f"{recorded_us:.2f}", f"{apart_us:.1f}"))
    return rows


@click.command()
@click.option("--write-docs", is_flag=True, help="Fill the table of docs/collector-formats.md.")
def main(*, write_docs: bool) -> None:
    """Have the collector record real logs, and show what it sees in them and what that costs."""
    table = measured()
    shown = Table(*HEADINGS)
    for row in table:
        shown.add_row(*row)
    Console().print(shown)
    if write_docs:
        words = (
            f"CPU of one core for a line, chunks of {CHUNK:,} lines, the least of {ROUNDS} rounds "
            "(`make bench-recording`). Each line that is not blank is a record: none is lost."
        )
        fill_document(Path("docs/collector-formats.md"), "recording", words, table, HEADINGS)


if __name__ == "__main__":
    main()
