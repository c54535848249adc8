"""How much of what is sensitive redaction finds, how much else it takes for it, and what it costs."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.records import records
from benchmarks.report import fill_document
from benchmarks.sensitive import Labelled, corpus, real_messages
from logmill.rules.ruleset import load
from logmill.settings import Settings
from processor.redaction.rules import redactor_of
from processor.redaction.text import Redactor
from processor.stages.redaction import LABELS, redact

LOGHUB = Path(__file__).parents[2] / "shared" / "data" / "loghub"
HEADINGS = ("kind", "values", "recall", "redacted", "precision")
_PLACEHOLDER = re.compile(r"<([a-z_]+)>")
# Half of a value that is left counts as the value being left, where the half is so long that it says something.
_PART_CHARS = 6


@dataclass(frozen=True, slots=True)
class Score:
    """How one kind was found.

    Attributes:
        labels: how many values of the kind there were.
        found: of how many nothing was left, not even a part.
        redacted: how many texts were redacted as this kind.
        right: how many of them were values of this kind.
    """

    labels: int
    found: int
    redacted: int
    right: int

    @property
    def recall(self) -> float:
        """Of the values, the share that was found."""
        return self.found / self.labels if self.labels else 1.0

    @property
    def precision(self) -> float:
        """Of the redacted texts, the share that were such values."""
        return self.right / self.redacted if self.redacted else 1.0


def frame_of(logs: Sequence[Labelled]) -> pl.DataFrame:
    """The columns that redaction looks at."""
    empty = {name: pl.repeat("", len(logs), dtype=pl.String, eager=True) for name in LABELS}
    metadata = [msgspec.json.encode(log.metadata).decode() for log in logs]
    return pl.DataFrame({"message": [log.message for log in logs], "metadata": metadata, **empty})


def redactor() -> Redactor:
    """With the shipped rules."""
    return redactor_of(load(""), Settings())


def scores(logs: Sequence[Labelled]) -> tuple[dict[str, Score], list[tuple[Labelled, str]]]:
    """The score of each kind, and the logs in which something was missed or mistaken, as they were redacted."""
    redacted = redact(frame_of(logs), redactor())
    counts: dict[str, Counter[str]] = {}
    wrong = []
    for log, message, metadata in zip(logs, redacted["message"], redacted["metadata"], strict=True):
        text = message + "\n" + _readable(metadata)
        was = Counter(_PLACEHOLDER.findall(log.message))
        kinds = Counter(_PLACEHOLDER.findall(text)) - was
        is_left = bool(log.kind) and any(part in text for part in _parts(log.value))
        for kind, number in kinds.items():
            count = counts.setdefault(kind, Counter())
            count["redacted"] += number
            count["right"] += min(number, 1) if kind == log.kind else 0
        if log.kind:
            count = counts.setdefault(log.kind, Counter())
            count["labels"] += 1
            count["found"] += not is_left
        if is_left or kinds != Counter({log.kind: 1} if log.kind else {}):
            wrong.append((log, text))
    return {
        kind: Score(c["labels"], c["found"], c["redacted"], c["right"]) for kind, c in sorted(counts.items())
    }, wrong


def _readable(metadata: str) -> str:
    """All texts of the object, so that escapes hide nothing."""
    texts: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                texts.append(str(key))
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        else:
            texts.append(str(value))

    walk(msgspec.json.decode(metadata))
    return "\n".join(texts)


def _parts(value: str) -> list[str]:
    middle = len(value) // 2
    return [value[:middle], value[middle:]] if middle >= _PART_CHARS else [value]


def cost_ns(rows: int = 50_000, rounds: int = 9) -> float:
    """CPU time per log where nothing is sensitive, the least of several rounds, in nanoseconds."""
    source = records(1)
    logs = []
    while len(logs) < rows:
        record = next(source)
        logs.append(Labelled(record["message"], record["metadata"]))
    one = redactor()
    frame = frame_of(logs)
    clean = frame.filter(redact(frame, one)["message"] == frame["message"])
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        redact(clean, one)
        best = min(best, time.process_time() - started)
    return best / clean.height * 1e9


@click.command()
@click.option("--count", default=90_000, show_default=True, help="How many logs of the corpus.")
@click.option("--seed", default=20261123, show_default=True)
@click.option("--write-docs", is_flag=True, help="Fill the table of docs/redaction.md.")
@click.option("--wrong", default=0, help="Print so many of the logs in which something was missed or mistaken.")
def main(count: int, seed: int, wrong: int, *, write_docs: bool) -> None:
    """Measure how well redaction finds what is sensitive, on the Loghub samples and values that Faker makes."""
    found, mistaken = scores(list(corpus(real_messages(LOGHUB), seed, count)))
    table = [
        (kind, f"{score.labels:,}", f"{score.recall:.4f}", f"{score.redacted:,}", f"{score.precision:.4f}")
        for kind, score in found.items()
    ]
    console = Console()
    shown = Table(*HEADINGS)
    for row in table:
        shown.add_row(*row)
    console.print(shown)
    for log, text in mistaken[:wrong]:
        console.print(log.kind, log.value, text, sep=" | ", markup=False)
    cost = cost_ns()
    console.print(f"{cost:.0f} ns of CPU a log where nothing is sensitive")
    if write_docs:
        words = (
            f"Measured on {count:,} logs (`make bench-redaction`), of which two thirds hold one value each. "
            f"Where nothing is sensitive, redaction costs {cost / 1000:.2f} µs of CPU a log."
        )
        fill_document(Path("docs/redaction.md"), "redaction", words, table, HEADINGS)


if __name__ == "__main__":
    main()
