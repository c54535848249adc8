"""What one process measures, while its threads send."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from logmill.bench.counts import Counts, Snapshot, Times, count_failure
from logmill.bench.latencies import Latencies

_MAX_EXAMPLE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request ended.

    Attributes:
        counts: all that it counts for; of `ok`, `refused` and `failed` exactly one is 1.
        is_timed: whether its times count.
        failure: its kind, where it failed.
        example: what the service said then.
    """

    counts: Counts
    is_timed: bool
    failure: str = ""
    example: str = ""


class _Piece:
    """What was measured in some time.

    Args:
        names: those that are known, so that no thread that sends has to make room for them.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.series = {name: Times() for name in names}
        self.warm_up = Counts()
        self.failures: dict[str, int] = {}
        self.behind = Latencies()

    def times(self, name: str) -> Times:
        return self.series.setdefault(name, Times())

    def add(self, other: _Piece) -> None:
        for name, times in other.series.items():
            self.times(name).add(times)
        self.warm_up.add(other.warm_up)
        for kind, count in other.failures.items():
            count_failure(self.failures, kind, count)
        self.behind.add(other.behind)


class Recorder:
    """Counts and times; for many threads that send, and one that asks for what there is.

    Latency counts of requests that were answered well. Those that got no answer in time, and those that were dropped,
    count with the time that they had waited by then, so that no percentile gets better by giving up. What was refused
    or failed otherwise is counted, and not timed: such answers are often quick.

    Args:
        measure_s: when the warm-up is over, by the monotonic clock; requests that were due before do not count.
    """

    def __init__(self, measure_s: float) -> None:
        self._measure_s = measure_s
        self._lock = threading.Lock()
        # What threads write to, and what was taken from it before: no thread waits while a snapshot adds and packs.
        self._now, self._before = _Piece(), _Piece()
        self._example = ""
        self._in_flight = 0
        self._last_s = self._last_sent_s = measure_s
        self._cpu_s = time.process_time()

    def began(self) -> None:
        """A request was sent."""
        with self._lock:
            self._in_flight += 1

    def ended(self, name: str, due_s: float, sent_s: float, ended_s: float, outcome: Outcome) -> None:
        """A request ended; times are of the monotonic clock."""
        with self._lock:
            piece = self._now
            self._in_flight -= 1
            if outcome.failure:
                count_failure(piece.failures, outcome.failure)
            self._example = self._example or outcome.example[:_MAX_EXAMPLE_CHARS]
            if due_s < self._measure_s:
                piece.warm_up.add(outcome.counts)
                return
            times = piece.times(name)
            times.counts.add(outcome.counts)
            piece.behind.note(sent_s - due_s)
            self._last_s = max(self._last_s, ended_s)
            self._last_sent_s = max(self._last_sent_s, sent_s)
            if outcome.is_timed:
                times.latency.note(ended_s - due_s)
                times.service.note(ended_s - sent_s)

    def dropped(self, name: str, due_s: float, waited_s: float, count: int) -> None:
        """Requests that will not be sent."""
        with self._lock:
            piece = self._now
            if due_s < self._measure_s:
                piece.warm_up.dropped += count
                return
            times = piece.times(name)
            times.counts.dropped += count
            times.latency.note(waited_s, count)
            piece.behind.note(waited_s, count)

    def snapshot(self, behind_s: float, until_s: float, in_time_s: float, *, is_done: bool) -> Snapshot:
        """What there is so far; for one thread.

        Args:
            behind_s: for how long the next request has been due.
            until_s: the end of what was measured by now, by the monotonic clock.
            in_time_s: where a request was sent later than so long after that, the schedule was not kept, and the time
                goes on until the last answer.
            is_done: whether no more will come.
        """
        fresh, found = _Piece(self._before.series), self._before
        with self._lock:
            taken, self._now = self._now, fresh
            in_flight, example = self._in_flight, self._example
            end_s = max(until_s, self._last_s) if self._last_sent_s > until_s + in_time_s else until_s
        found.add(taken)
        return Snapshot(
            {name: times.series() for name, times in found.series.items()},
            found.warm_up,
            found.failures,
            example,
            found.behind.encoded(),
            behind_s,
            in_flight,
            max(0.0, end_s - self._measure_s),
            time.process_time() - self._cpu_s,
            is_done,
        )
