"""How a load test is doing, while it does: a table on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from logmill.bench.counts import Totals
from logmill.bench.plan import Part, Plan
from logmill.bench.running import Phase

LINES_EVERY_S = 5.0
LIVE_EVERY_S = 0.5
_RATE_S = 4.0
# So few and short that they fit into eighty characters.
_COLUMNS = ("", "asked/s", "kept/s", "open", "late s", "p50 ms", "p99 ms", "refused", "failed", "dropped")


@dataclass(frozen=True, slots=True)
class _Row:
    """How one part is doing; rates are of what its unit is."""

    name: str
    unit: str
    asked: float | None
    kept: float
    in_flight: int
    behind_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    refused: int
    failed: int
    dropped: int


class _Rows:
    """Makes rows of totals; rates are those of the last few seconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # By part: when, and how much was done by then.
        self._seen: dict[Part, deque[tuple[float, int]]] = {}

    def of(self, elapsed_s: float, totals: dict[Part, Totals]) -> list[_Row]:
        return [self._row(part, one, time.monotonic(), elapsed_s) for part, one in totals.items()]

    def _row(self, part: Part, totals: Totals, now_s: float, elapsed_s: float) -> _Row:
        plan, counts, warm_up = self._plan, totals.all.counts, totals.warm_up
        done = counts.ok + warm_up.ok if part is not Part.INGEST else counts.logs_accepted + warm_up.logs_accepted
        seen = self._seen.setdefault(part, deque([(now_s - elapsed_s, 0)]))
        while len(seen) > 1 and seen[1][0] <= now_s - _RATE_S:
            seen.popleft()
        before_s, before = seen[0]
        seen.append((now_s, done))
        p50, p99, longest = totals.all.latency.at((50.0, 99.0, 100.0))
        return _Row(
            name="probes" if part is Part.PROBE else part.value,
            unit={Part.INGEST: "logs", Part.QUERY: "questions", Part.PROBE: "found"}[part],
            asked={Part.INGEST: plan.rate, Part.QUERY: plan.query_rate, Part.PROBE: 1.0}[part],
            kept=(done - before) / (now_s - before_s) if now_s > before_s else 0.0,
            in_flight=totals.in_flight,
            behind_s=totals.behind_s,
            p50_ms=p50 * 1000,
            p99_ms=p99 * 1000,
            max_ms=longest * 1000,
            refused=counts.refused + warm_up.refused,
            failed=counts.failed + warm_up.failed,
            dropped=counts.dropped + warm_up.dropped,
        )


class Lines:
    """A line for each part every few seconds, on standard error.

    Args:
        plan: what is shown.
    """

    every_s = LINES_EVERY_S

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows = _Rows(plan)

    def show(self, phase: Phase, elapsed_s: float, totals: dict[Part, Totals]) -> None:
        """As `Display`."""
        where = _where(phase, elapsed_s, self._plan)
        if not totals:
            click.echo(where, err=True)
        for row in self._rows.of(elapsed_s, totals):
            click.echo(
                f"{where}, {row.name}: {row.kept:,.1f} of {_asked(row)} {row.unit}/s, "
                f"p50 {row.p50_ms:,.1f} ms, p99 {row.p99_ms:,.1f} ms, max {row.max_ms:,.1f} ms, "
                f"{row.in_flight} in flight, {row.behind_s:.1f} s behind, "
                f"{row.refused:,} refused, {row.failed:,} failed, {row.dropped:,} dropped",
                err=True,
            )

    def count(self, stored: int, accepted: int) -> None:
        """As `Display`."""
        click.echo(f"counting: {stored:,} of {accepted:,} accepted logs are stored", err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Screen:
    """A table that changes, on standard error; gone when it ends.

    Args:
        plan: what is shown.
    """

    every_s = LIVE_EVERY_S

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows = _Rows(plan)
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def show(self, phase: Phase, elapsed_s: float, totals: dict[Part, Totals]) -> None:
        """As `Display`."""
        table = Table(
            *_COLUMNS, title=_where(phase, elapsed_s, self._plan), title_justify="left", box=None, pad_edge=False
        )
        for column in table.columns[1:]:
            column.justify = "right"
        for row in self._rows.of(elapsed_s, totals):
            bad = "red" if row.failed or row.dropped else "yellow" if row.refused else ""
            table.add_row(
                row.name, _asked(row), _short(row.kept), str(row.in_flight), f"{row.behind_s:.1f}",
                _short(row.p50_ms), _short(row.p99_ms),
                f"{row.refused:,}", f"{row.failed:,}", f"{row.dropped:,}", style=bad,
            )  # fmt: skip
        self._live.update(table, refresh=True)

    def count(self, stored: int, accepted: int) -> None:
        """As `Display`."""
        self._live.update(f"counting: {stored:,} of {accepted:,} accepted logs are stored", refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._live.stop()


def display_for(plan: Plan) -> Lines | Screen:
    """What fits where standard error goes."""
    return Screen(plan) if Console(stderr=True).is_terminal else Lines(plan)


def _short(number: float) -> str:
    return f"{number:,.1f}" if number < 1000 else f"{number:,.0f}"  # noqa: PLR2004 - four digits say enough


def _asked(row: _Row) -> str:
    return "max" if row.asked is None else f"{row.asked:,g}"


def _where(phase: Phase, elapsed_s: float, plan: Plan) -> str:
    if phase is Phase.PREPARING:
        return f"{phase}: {len(plan.shares())} processes"
    return f"{phase}: {max(0.0, elapsed_s):.0f} of {plan.length_s:.0f} s"
