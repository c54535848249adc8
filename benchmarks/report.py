"""Results as table rows, and the marked part of docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Broker, measurement and value of everything measured."""
    found: list[tuple[str, str, str]] = []
    for broker, measured in result["brokers"].items():
        runs = measured.get("end_to_end")
        if runs:
            rates = [run["logs_per_s"] for run in runs]
            spread = f"{median(rates):,.0f} ({min(rates):,} to {max(rates):,})"
            found.append((broker, "end to end until found, logs/s, median of rounds (min to max)", spread))
            services = runs[0]["cpu_us_per_log"]
            cost = {name: median(run["cpu_us_per_log"].get(name, 0.0) for run in runs) for name in services}
            parts = ", ".join(f"{name} {value:.1f}" for name, value in cost.items() if name != "all" and value >= 0.05)
            found.append((broker, "CPU per log, µs, all services and the broker", f"{cost['all']:.1f} ({parts})"))
        if single := measured.get("single"):
            found.append((broker, "single-record POST /logs, 16 connections, logs/s", f"{single['logs_per_s']:,}"))
            answer = single["answer_ms"]
            found.append((broker, "its answer time, ms", f"p50 {answer['p50']}, p99 {answer['p99']}"))
        if searchable := measured.get("searchable"):
            wait = searchable["searchable_ms"]
            name = f"answer to searchable at {searchable['logs_per_s']:,} logs/s, ms"
            found.append((broker, name, f"p50 {wait['p50']:.0f}, p99 {wait['p99']:.0f}"))
    return found


def heading(result: dict[str, Any]) -> str:
    """When and on what it was measured."""
    size = f", {result['bytes_per_record']} bytes a record" if "bytes_per_record" in result else ""
    return f"Measured {result['at'][:10]} on {result['cores']} cores, Python {result['python']}{size}."


def fill_document(
    path: Path,
    mark: str,
    heading: str,
    table: Sequence[tuple[str, ...]],
    columns: Sequence[str] = ("broker", "measurement", "value"),
) -> None:
    """Replace what stands between the marks `<!-- MARK: begin -->` and `<!-- MARK: end -->` of a document.

    Raises:
        ValueError: the marks are missing.
    """
    text = path.read_text()
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    if begin not in text or end not in text:
        raise ValueError(f"{path} lacks the marks {begin} and {end}")
    before, after = text.split(begin)[0], text.split(end)[1]
    lines = [heading, "", *("| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *table))]
    path.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after)
