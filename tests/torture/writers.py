"""The writing processes: each writes some streams at a steady rate, and rotates them in every way again and again."""

from __future__ import annotations

import heapq
import queue
import random
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.torture.events import EventMaker
from tests.torture.jobs import Jobs
from tests.torture.oracle import Written
from tests.torture.rotations import NEED_COLLECTOR, Rotator
from tests.torture.safety import PATIENCE_S, all_stored
from tests.torture.streams import Steps, Stream
from tests.torture.tally import Tally
from tests.torture.watch import Stored, Watch

# The folders within that of a plan. What is rotated in LIVE has names that the collector's patterns match; in EXACT
# they match the log alone, and its rotated files are for the collector to find.
LIVE, EXACT, ARCHIVE, SHORT, SCRATCH = "live", "exact", "archive", "short", "scratch"
_SHORT_SHARE = 0.02
_LARGEST_BURST = 80
_HALVES_SHARE = 0.08
_TWICE_SHARE = 0.15
_DOWN_SHARE = 0.5
_JOIN_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written.

    Attributes:
        folder: holds the folders of the logs.
        seed: of everything that is left to chance.
        events: how many, in all streams together.
        files: how many streams are rotated; beside them each process writes one to short files.
        rate: events a second, of all together, but for the time that rotations take.
        rotate_every: events of a stream between two rotations, on average.
        processes: how many write.
        ways: the names of the rotations.
        has_traces: whether some events have several lines.
        storage_url: is asked what is stored.
    """

    folder: Path
    seed: int
    events: int
    files: int
    rate: float
    rotate_every: int
    processes: int
    ways: Sequence[str]
    has_traces: bool
    storage_url: str


@dataclass
class Report:
    """What came of the plan, or of one process's part of it; `troubles` is empty where it went well."""

    written: dict[int, Written] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    troubles: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take another part in."""
        self.written |= other.written
        self.tally.add(other.tally)
        self.troubles += other.troubles


class Writers:
    """The processes of a plan; they start on construction.

    Args:
        plan: what they write.
        watch: what they share with the laboratory.
        context: makes them.
    """

    def __init__(self, plan: Plan, watch: Watch, context: SpawnContext) -> None:
        self._reports = context.Queue()
        self._is_over = context.Event()
        self._whole = Report()
        self._left = plan.processes
        self._processes: list[BaseProcess] = [
            context.Process(target=_write, args=(plan, part, watch, self._is_over, self._reports), daemon=True)
            for part in range(plan.processes)
        ]
        for process in self._processes:
            process.start()

    def are_running(self) -> bool:
        """Whether any of them still writes; takes the reports of those that have ended."""
        while self._take(0.0):
            pass
        return any(process.is_alive() for process in self._processes)

    def stop(self) -> Report:
        """What they wrote; those that have not ended by themselves end before their next step."""
        self._is_over.set()
        while self._left and self._take(_JOIN_TIMEOUT_S):
            pass
        self._whole.troubles += ["a writer ended without a report"] * self._left
        for process in self._processes:
            process.join(_JOIN_TIMEOUT_S)
            process.kill()
        return self._whole

    def _take(self, timeout_s: float) -> bool:
        """Take a report; a process whose report nobody takes does not end when it is longer than a pipe holds."""
        try:
            self._whole.add(self._reports.get(timeout=timeout_s))
        except queue.Empty:
            return False
        self._left -= 1
        return True


class _Part:
    """What one process writes."""

    def __init__(self, plan: Plan, part: int, watch: Watch) -> None:
        self._plan = plan
        self._rng = random.Random(f"{plan.seed}-{part}-writer")
        self._watch = watch
        self._stored = Stored(plan.storage_url).start()
        self.report = Report()
        self.streams: list[Stream] = []
        short = int(plan.events * _SHORT_SHARE / plan.processes)
        share, rest = divmod(plan.events - short * plan.processes, plan.files)
        numbers = range(part, plan.files, plan.processes)
        self.lives = [self._life(number, share + (number < rest)) for number in numbers]
        self.lives.append(self._short_life(plan.files + part, short))

    def _stream(self, number: int, name: str, count: int) -> Stream:
        plan = self._plan
        maker = EventMaker(plan.seed, number, has_traces=plan.has_traces)
        rng = random.Random(f"{plan.seed}-{number}-halves")
        folder = plan.folder / (EXACT if number % 2 else LIVE)
        stream = Stream(number, folder / f"{name}-{number:03}.log", count, maker, rng)
        self.streams.append(stream)
        return stream

    def _life(self, number: int, count: int) -> Steps:
        """A log that is written and rotated until it is over."""
        plan, rng = self._plan, random.Random(f"{self._plan.seed}-{number}-life")
        stream = self._stream(number, "app", count)
        folders = (plan.folder / ARCHIVE, plan.folder / SCRATCH)
        rotator = Rotator(stream, *folders, self._watch, self._stored, self.report.tally, rng)
        rate = plan.rate * (1 - _SHORT_SHARE) / plan.files
        yield rng.uniform(0.0, 1.0)
        stream.open()
        if stream.path.parent.name == EXACT:
            # One that had another name whenever somebody looked could be years old.
            stream.write(1)
            while not (yield from all_stored(stream, self._stored, PATIENCE_S)):
                pass
        safe_ways = [way for way in plan.ways if way not in NEED_COLLECTOR]
        was_down = False
        for way in _shuffled(plan.ways, rng):
            until = stream.next + rng.randrange(2 * plan.rotate_every)
            # Now and then a file is rotated that has an event, or none.
            if rng.random() < _TWICE_SHARE:
                until = stream.next + rng.randrange(2)
            while stream.next < until and not stream.is_over:
                was_down, before = not self._watch.collector_pid, was_down
                # Half of the logs are rotated as soon as the collector is down.
                if was_down and not before and rng.random() < _DOWN_SHARE:
                    break
                if rng.random() < _HALVES_SHARE:
                    yield from stream.write_in_halves()
                else:
                    most = min(until - stream.next, rng.randrange(1, _LARGEST_BURST))
                    yield stream.write(most) / rate * rng.uniform(0.5, 1.5)
            if stream.is_over:
                break
            # Waiting for the collector is no use of the time that it is down.
            is_put_off = was_down and way in NEED_COLLECTOR and safe_ways
            yield from rotator.rotate(rng.choice(safe_ways) if is_put_off else way)
        stream.close()

    def _short_life(self, number: int, count: int) -> Steps:
        """The logs of short jobs."""
        plan, rng = self._plan, random.Random(f"{self._plan.seed}-{number}-life")
        stream = self._stream(number, "job", count)
        rate = plan.rate * _SHORT_SHARE / plan.processes
        jobs = Jobs(stream, plan.folder / SHORT, self._watch, self._stored, self.report.tally, rng, rate)
        return jobs.life()


def _write(plan: Plan, part: int, watch: Watch, is_over: Event, reports: Queue[Report]) -> None:
    """What a process does."""
    mine = _Part(plan, part, watch)
    report = mine.report
    try:
        _run(mine.lives, is_over)
    except Exception:  # noqa: BLE001 - it is told, or the run would pass without what was not written
        report.troubles.append(f"a writer failed: {traceback.format_exc()}")
    for stream in mine.streams:
        report.written[stream.number] = Written(stream.name, stream.next, stream.rotations)
        report.tally.lines += stream.lines
        report.tally.written_bytes += stream.written_bytes
        report.tally.longest_pause_s = max(report.tally.longest_pause_s, stream.longest_pause_s)
        if not stream.is_over:
            report.troubles.append(f"{stream.name} has {stream.next:,} of {stream.count:,} events")
    reports.put(report)


def _run(lives: Sequence[Steps], is_over: Event) -> None:
    """Take the next step of each when it is due, until all have ended."""
    now_s = time.monotonic()
    due = [(now_s, number, life) for number, life in enumerate(lives)]
    while due:
        due_s, number, life = heapq.heappop(due)
        if is_over.wait(max(0.0, due_s - time.monotonic())):
            return
        try:
            pause_s = next(life)
        except StopIteration:
            continue
        # What is late is made up for, within limits.
        heapq.heappush(due, (max(due_s, time.monotonic() - 1.0) + pause_s, number, life))


def _shuffled(ways: Sequence[str], rng: random.Random) -> Iterator[str]:
    """All of them in an order of chance, again and again."""
    while True:
        yield from rng.sample(list(ways), len(ways))
