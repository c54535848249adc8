"""A whole run: write, rotate and kill; wait until all is stored; look whether it is there once; look again."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.faults.oracle import Verdict
from tests.support.process_figures import Memory, MemorySampler
from tests.torture.chaos import KILL_COLLECTOR, KILL_PRODUCER, Chaos
from tests.torture.events import BEGINS
from tests.torture.laboratory import PARTIAL_TIMEOUT_S, Laboratory
from tests.torture.oracle import judge
from tests.torture.tally import Tally
from tests.torture.writers import Plan, Report, Writers

# For each phase, what it is and how much of it is done.
Tell = Callable[[str, int, int], None]

# Nothing new comes for so long: longer than the collector waits for the end of a line.
_QUIET_S = PARTIAL_TIMEOUT_S + 1.5
_SLOWEST_PER_S = 1000
_LEAST_WAIT_S = 60.0
_WRITE_TIMEOUT_FACTOR = 30
_LOOK_S = 0.25
# Until buffers and caches have their size; a leak shows in 1,000,000 events.
_GROWTH_MIB = 64
_GROWTH_FACTOR = 1.25


@dataclass(frozen=True, slots=True)
class Torture:
    """What is done.

    Attributes:
        seed: of everything that is left to chance; what the machine makes of it is not the same each time.
        events: how many, in all files together.
        files: how many logs are written and rotated.
        rate: events a second, of all together.
        ways: the names of the rotations; none: no rotations.
        multiline: "regex": some events have several lines, and an expression says where they begin; "auto": some have,
            and it is left to the collector; "none": none have.
        has_kills: whether collector and producer are ended again and again.
        processes: how many write.
        rotate_every: events of a log between two rotations, on average.
        between_s: see `Chaos`.
        more: more arguments of the collector.
    """

    seed: int
    events: int
    files: int
    rate: float
    ways: Sequence[str]
    multiline: str = "regex"
    has_kills: bool = True
    processes: int = 2
    rotate_every: int = 300
    between_s: tuple[float, float] = (0.5, 4.0)
    more: Sequence[str] = ()


@dataclass
class Result:
    """What came of it; `troubles` is empty where it passed."""

    seed: int
    events: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    tally: Tally = field(default_factory=Tally)
    strikes: Counter[str] = field(default_factory=Counter)
    down_s: float = 0.0
    write_s: float = 0.0
    drain_s: float = 0.0
    memory: Memory | None = None
    troubles: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return not self.troubles


def run(torture: Torture, folder: Path, tell: Tell = lambda _phase, _done, _all: None) -> Result:
    """Do it in this folder, which is empty."""
    result = Result(torture.seed)
    multiline = {"regex": BEGINS}.get(torture.multiline, torture.multiline)
    with Laboratory(folder, multiline, torture.more) as lab:
        try:
            with MemorySampler(lambda: lab.watch.collector_pid) as sampler:
                report = _write(torture, lab, result, tell)
                _await_stored(lab, result, tell)
            result.memory = sampler.memory
            _judge(lab, report, result, "")
            _start_again(lab, result)
            if lab.stored.total() != result.verdict.stored:
                _judge(lab, report, result, "after the collector was started again: ")
        except (TimeoutError, requests.RequestException, subprocess.TimeoutExpired) as error:
            result.troubles.append(f"stalled: {error}")
        result.troubles += lab.unplanned_ends()
        if not result.passed:
            result.troubles.append(lab.tails())
    _check_coverage(torture, result)
    return result


def _write(torture: Torture, lab: Laboratory, result: Result, tell: Tell) -> Report:
    """Have everything written, with kills meanwhile; all services run afterwards."""
    plan = Plan(
        folder=lab.logs,
        seed=torture.seed,
        events=torture.events,
        files=torture.files,
        rate=torture.rate,
        rotate_every=torture.rotate_every,
        processes=torture.processes,
        ways=torture.ways,
        has_traces=torture.multiline != "none",
        storage_url=lab.storage_url,
    )
    chaos = Chaos(lab, random.Random(f"{torture.seed}-chaos"), torture.between_s)
    began_s = time.monotonic()
    deadline_s = began_s + _LEAST_WAIT_S + _WRITE_TIMEOUT_FACTOR * torture.events / torture.rate
    writers = Writers(plan, lab.watch, lab.context)
    try:
        while writers.are_running() and time.monotonic() < deadline_s:
            if torture.has_kills:
                chaos.strike()
            else:
                time.sleep(_LOOK_S)
            tell("stored while it is written", lab.stored.total(), torture.events)
    finally:
        report = writers.stop()
    result.write_s = time.monotonic() - began_s
    result.events = sum(written.count for written in report.written.values())
    result.tally = report.tally
    result.strikes, result.down_s = chaos.done, chaos.down_s
    result.troubles += [*report.troubles, *chaos.troubles]
    return report


def _await_stored(lab: Laboratory, result: Result, tell: Tell) -> None:
    """Wait until storage holds as many as were written, and then until nothing more comes."""
    began_s = time.monotonic()
    deadline_s = began_s + _LEAST_WAIT_S + result.events / _SLOWEST_PER_S
    while (count := lab.stored.total()) < result.events:
        tell("stored afterwards", count, result.events)
        if time.monotonic() > deadline_s:
            result.troubles.append(f"{count:,} of {result.events:,} are stored after {deadline_s - began_s:.0f} s")
            return
        time.sleep(_LOOK_S)
    result.drain_s = time.monotonic() - began_s
    _await_quiet(lab)


def _await_quiet(lab: Laboratory) -> None:
    """Wait until nothing new is stored for a while: what is doubled comes after the rest."""
    count, since_s = lab.stored.total(), time.monotonic()
    while time.monotonic() - since_s < _QUIET_S:
        time.sleep(_LOOK_S)
        if (now := lab.stored.total()) != count:
            count, since_s = now, time.monotonic()


def _judge(lab: Laboratory, report: Report, result: Result, prefix: str) -> None:
    result.verdict = verdict = judge(report.written, lab.export())
    for kind, examples in verdict.examples.items():
        result.troubles.append(f"{prefix}{getattr(verdict, kind):,} {kind}, as {'; '.join(examples)}")
    if dead := lab.dead_letters():
        result.troubles.append(f"{prefix}{dead} dead letters")


def _start_again(lab: Laboratory, result: Result) -> None:
    """Kill the collector when it has nothing to do, and have it look at everything twice: nothing may come of it."""
    lab.collector.kill()
    code = lab.collect_once()
    if code != 0:
        result.troubles.append(f"`logmill collect --once` ended with {code}")
    lab.collector.start()
    lab.wait_ready("collector")
    _await_quiet(lab)


def _check_coverage(torture: Torture, result: Result) -> None:
    """What was never done is not proved."""
    if never := set(torture.ways) - set(result.tally.done):
        result.troubles.append(f"never done: {', '.join(sorted(never))}")
    if torture.has_kills and not {KILL_COLLECTOR, KILL_PRODUCER} <= set(result.strikes):
        result.troubles.append("collector or producer was never killed")
    if not result.events:
        result.troubles.append("nothing was written, so nothing is proved")
    memory = result.memory
    if memory and memory.last_mib > memory.first_mib * _GROWTH_FACTOR + _GROWTH_MIB:
        result.troubles.append(f"the collector's memory grows: {memory} MiB")
