"""Results as lines, as JSON, and as the marked part of docs/reliability.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.faults.oracle import Outcome
from tests.faults.rounds import Round
from tests.faults.schedule import every_fault

RESULTS, LIST = "results", "list"
HEADINGS = (
    "round", "faults", "sent", "acknowledged", "refused", "unknown", "stored", "lost", "doubled", "altered",
    "slowest answer, s", "drained in, s", "result",
)  # fmt: skip


def row(result: Round) -> tuple[str, ...]:
    """A round as the cells of a table."""
    verdict = result.verdict
    counts = (
        result.sent, *(result.of(o) for o in (Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN)),
        verdict.stored, verdict.lost, verdict.doubled, verdict.altered,
    )  # fmt: skip
    return (
        str(result.number or ""), result.faults, *(f"{count:,}" for count in counts),
        f"{result.slowest_s:.1f}", f"{result.drain_s:.1f}", "passed" if result.passed else "failed",
    )  # fmt: skip


def as_json(result: Round) -> dict[str, Any]:
    """A round for the file of results."""
    verdict = result.verdict
    return {
        "round": result.number,
        "faults": result.faults,
        "passed": result.passed,
        "sent": result.sent,
        "outcomes": dict(result.outcomes),
        "stored": verdict.stored,
        **{kind: getattr(verdict, kind) for kind in ("lost", "doubled", "altered", "foreign")},
        "slowest_s": round(result.slowest_s, 2),
        "hung": result.hung,
        "repeats": result.repeats,
        "drain_s": round(result.drain_s, 2),
        "seconds": round(result.seconds, 1),
        "troubles": result.troubles,
        "notes": result.notes,
    }


def document(run: dict[str, Any], results: dict[str, list[Round]]) -> str:
    """The marked part: how it was run, and a table for each broker."""
    lines = [
        f"Run on {run['at'][:10]} on {run['cores']} cores with Python {run['python']}: "
        f"`python -m tests.faults {run['arguments']}`, {run['minutes']} minutes."
    ]
    for broker, rounds in results.items():
        lines += ["", f"### {broker}", "", _line(HEADINGS), _line(("---",) * len(HEADINGS))]
        lines += [_line(row(result)) for result in rounds]
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def fault_list() -> str:
    """Each fault in a line of Markdown."""
    return "\n".join(
        ["| fault | what happens | brokers |", "| --- | --- | --- |"]
        + [_line((fault.name, fault.words, ", ".join(sorted(fault.brokers)))) for fault in every_fault()]
    )


def fill_document(path: Path, part: str, text: str) -> None:
    """Replace what stands between the marks of a part.

    Raises:
        ValueError: the marks are missing.
    """
    whole = path.read_text()
    begin, end = (f"<!-- faults {part}: {mark} -->" for mark in ("begin", "end"))
    if begin not in whole or end not in whole:
        raise ValueError(f"{path} lacks the marks {begin} and {end}")
    path.write_text(f"{whole.split(begin)[0]}{begin}\n{text}\n{end}{whole.split(end)[1]}")
