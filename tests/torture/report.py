"""A result as rows of a table, as JSON, and as the marked part of docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.report import fill_document
from tests.support.process_figures import MIB
from tests.torture.run import Result

DOCUMENT = Path("docs/reliability.md")
RESULTS, WAYS = "torture results", "torture ways"
COLUMNS = ("what", "how many")
WAY_COLUMNS = ("rotation", "what happens", "done", "while the collector was down")


def rows(result: Result) -> Iterator[tuple[str, str]]:
    """What was done, and what came of it."""
    tally, verdict = result.tally, result.verdict
    yield "events written", f"{result.events:,} in {tally.lines:,} lines, {tally.written_bytes / MIB:,.0f} MiB"
    yield "longest pause in the middle of a line", f"{tally.longest_pause_s:.2f} s"
    yield "rotations", f"{tally.done.total():,}, {tally.done_while_down.total():,} while the collector was down"
    yield "short files that appeared and vanished", f"{tally.short_files:,}"
    yield "files deleted before all of them was read", f"{tally.deleted_unread:,}"
    yield "files made anew with the same inode", f"{tally.reused:,}"
    for what, times in sorted(result.strikes.items()):
        yield what, f"{times:,}"
    yield "the collector was down", f"{result.down_s:.0f} s of {result.write_s:.0f} s"
    yield "all stored after the last was written", f"{result.drain_s:.1f} s"
    yield "memory of the collector, MiB", str(result.memory or "")
    yield "stored", f"{verdict.stored:,}"
    for kind in ("lost", "doubled", "altered", "foreign"):
        yield kind, f"{getattr(verdict, kind):,}"
    yield "result", "passed" if result.passed else "failed"


def way_rows(result: Result, words: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """Each way of rotating, and how often it was done."""
    tally = result.tally
    for name, what in words.items():
        given_up = f", {tally.given_up[name]} given up" if tally.given_up[name] else ""
        yield name, what, f"{tally.done[name]:,}{given_up}", f"{tally.done_while_down[name]:,}"


def heading(arguments: str) -> str:
    """When, on what and how it was run."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"Run on {datetime.now(UTC):%Y-%m-%d} on {cores} cores with Python {platform.python_version()}: "
        f"`python -m tests.torture {arguments}`."
    )


def as_json(result: Result) -> dict[str, Any]:
    """Everything, for the file of results."""
    return {**msgspec.to_builtins(result), "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "passed": result.passed}


def write_document(result: Result, words: Mapping[str, str], arguments: str) -> None:
    """Fill the marked parts of docs/reliability.md."""
    fill_document(DOCUMENT, RESULTS, heading(arguments), list(rows(result)), COLUMNS)
    fill_document(DOCUMENT, WAYS, "How often each was done:", list(way_rows(result, words)), WAY_COLUMNS)
