"""A load test from its first process to its result."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Protocol

from logmill import __version__
from logmill.bench.counts import Totals
from logmill.bench.fleet import READY_TIMEOUT_S, Fleet
from logmill.bench.plan import Part, Plan, is_here
from logmill.bench.result import KIND, SCHEMA_VERSION, Asked, Load, Result, Searchable, Stored, Timing
from logmill.bench.target import Target
from logmill.errors import LogmillError
from logmill.lifecycle import StopSignal

_PACKAGES = ("hdrhistogram", "urllib3")
# How long what was accepted is looked for where the load was stopped.
_EARLY_SETTLE_S = 10.0


class Phase(StrEnum):
    """Where a load test is."""

    PREPARING = "preparing"
    WARM_UP = "warm-up"
    MEASURING = "measuring"
    FINISHING = "finishing"
    COUNTING = "counting"


class Display(Protocol):
    """Shows how a load test is doing.

    Attributes:
        every_s: how often it wants to be told.
    """

    every_s: float

    def show(self, phase: Phase, elapsed_s: float, totals: dict[Part, Totals]) -> None:
        """Show what was measured so far.

        Args:
            phase: where it is.
            elapsed_s: since the load began.
            totals: of each part that there is.
        """

    def count(self, stored: int, accepted: int) -> None:
        """Show how many logs of those that were accepted are stored."""


class LoadTest:
    """Runs a plan.

    Args:
        plan: what to send.
        target: where to.
        stop: ends it early; what was measured by then is the result.
        display: shows how it is doing.
    """

    def __init__(self, plan: Plan, target: Target, stop: StopSignal, display: Display) -> None:
        self._plan = plan
        self._target = target
        self._stop = stop
        self._display = display

    def run(self) -> Result:
        """What it measured.

        Raises:
            LogmillError: a process of it failed.
        """
        started = datetime.now(UTC)
        with Fleet(self._plan) as fleet:
            self._stop.before_end = fleet.kill
            self._wait(fleet, fleet.is_ready, time.monotonic() + READY_TIMEOUT_S)
            if self._stop.is_set():
                fleet.kill()
            start_s = fleet.begin()
            shown: tuple[Phase, float] = (Phase.PREPARING, start_s)
            while not fleet.is_done():
                if self._stop.is_set():
                    fleet.stop()
                fleet.listen()
                now_s = time.monotonic()
                phase = self._phase(now_s - start_s)
                if phase is not shown[0] or now_s >= shown[1] + self._display.every_s:
                    shown = phase, now_s
                    self._display.show(phase, now_s - start_s, self._totals(fleet))
            totals = self._totals(fleet)
        is_early = self._stop.is_set()
        stored = self._count(totals[Part.INGEST]) if Part.INGEST in totals else None
        cpu_s = [one for part in totals.values() for one in part.cpu_s]
        longest_s = max((part.elapsed_s for part in totals.values()), default=0.0) + self._plan.warm_up_s
        probes = totals.get(Part.PROBE)
        return Result(
            kind=KIND,
            schema_version=SCHEMA_VERSION,
            run=self._plan.run,
            started_at=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            ended_early=is_early,
            configuration=configuration(self._plan),
            machine=machine(self._plan),
            ingest=self._load(Part.INGEST, totals.get(Part.INGEST)),
            query=self._load(Part.QUERY, totals.get(Part.QUERY)),
            stored=stored,
            searchable=None if probes is None else _searchable(probes),
            busiest_process=round(max(cpu_s, default=0.0) / longest_s, 3) if longest_s else 0.0,
            cpu_s=round(sum(cpu_s), 3),
        )

    def _wait(self, fleet: Fleet, condition: Callable[[], bool], limit_s: float) -> None:
        self._display.show(Phase.PREPARING, 0.0, {})
        while not condition() and not self._stop.is_set():
            fleet.listen()
            if time.monotonic() > limit_s:
                raise LogmillError(f"the processes of the load test were not ready within {READY_TIMEOUT_S:g} s")

    def _totals(self, fleet: Fleet) -> dict[Part, Totals]:
        found = {part: fleet.snapshots(part) for part in Part}
        return {part: Totals(snapshots) for part, snapshots in found.items() if snapshots}

    def _phase(self, elapsed_s: float) -> Phase:
        if elapsed_s > self._plan.length_s or self._stop.is_set():
            return Phase.FINISHING
        return Phase.WARM_UP if elapsed_s < self._plan.warm_up_s else Phase.MEASURING

    def _count(self, totals: Totals) -> Stored:
        counts = [totals.all.counts, totals.warm_up]
        accepted = sum(one.logs_accepted for one in counts)
        limit_s = min(self._plan.settle_s, _EARLY_SETTLE_S) if self._stop.is_set() else self._plan.settle_s
        counted = self._target.wait_stored(
            self._plan.run,
            accepted,
            limit_s,
            self._rest(),
            lambda count: self._display.count(count, accepted),
        )
        return Stored(
            accepted=accepted,
            rejected=sum(one.logs_rejected for one in counts),
            refused=sum(one.logs_refused for one in counts),
            unsure=sum(one.logs_unsure for one in counts),
            stored=counted.logs,
            waited_s=round(counted.waited_s, 3),
            is_final=counted.logs is not None and (counted.logs >= accepted or counted.waited_s >= self._plan.settle_s),
        )

    def _rest(self) -> Callable[[float], bool]:
        """Waits so many seconds, and says whether somebody stopped it meanwhile; who stopped the load did not."""
        if not self._stop.is_set():
            return self._stop.wait
        never = threading.Event()
        return never.wait

    def _load(self, part: Part, totals: Totals | None) -> Load | None:
        if totals is None:
            return None
        elapsed_s = totals.elapsed_s
        counts = totals.all.counts
        return Load(
            asked_per_s=self._plan.requests_per_s(part),
            kept_per_s=_a_second(counts.ok, elapsed_s),
            logs_per_s=_a_second(counts.logs_accepted, elapsed_s) if part is Part.INGEST else None,
            elapsed_s=round(elapsed_s, 3),
            total=Asked.of(totals.all),
            behind=Timing.of(totals.behind),
            failures=totals.failures,
            example=totals.example,
            by_name={name: Asked.of(times) for name, times in sorted(totals.series.items())}
            if part is Part.QUERY
            else {},
        )


def configuration(plan: Plan) -> dict[str, str | int | float | bool | None]:
    """What was asked for, without addresses, keys and paths."""
    names = (
        "rate", "query_rate", "batch", "processes", "connections",
        "duration_s", "warm_up_s", "max_behind_s", "timeout_s", "settle_s", "seed",
    )  # fmt: skip
    parts = "both" if len(plan.parts) > 1 else plan.parts[0].value
    return {"mode": parts, **{name: getattr(plan, name) for name in names}}


def machine(plan: Plan) -> dict[str, str | int | bool]:
    """Where the load comes from, without its name."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "logmill": __version__,
        **{name: version(name) for name in _PACKAGES},
        "is_target_here": all(is_here(url) for url in plan.urls()),
    }


def _a_second(count: int, elapsed_s: float) -> float:
    return round(count / elapsed_s, 3) if elapsed_s else 0.0


def _searchable(totals: Totals) -> Searchable:
    asked = Asked.of(totals.all)
    return Searchable(asked.requests, asked.latency, asked.service)
