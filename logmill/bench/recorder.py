"""What one process measures, while its threads send."""

from __future__ import annotations

import threading
import time
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


class Recorder:
    """Counts and times; for many threads.

    Latency counts of requests that were answered well. Those that got no answer in time, and those that were dropped,
    count with the time that they had waited by then, so that no percentile gets better by giving up. What was refused
    or failed otherwise is counted, and not timed: such answers are often quick.

    Args:
        measure_s: when the warm-up is over, by the monotonic clock; requests that were due before do not count.
    """

    def __init__(self, measure_s: float) -> None:
        self._measure_s = measure_s
        self._lock = threading.Lock()
        self._series: dict[str, Times] = {}
        self._warm_up = Counts()
        self._failures: dict[str, int] = {}
        self._example = ""
        self._behind = Latencies()
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
            self._in_flight -= 1
            self._fail(outcome)
            if due_s < self._measure_s:
                self._warm_up.add(outcome.counts)
                return
            times = self._times(name)
            times.counts.add(outcome.counts)
            self._behind.note(sent_s - due_s)
            self._last_s = max(self._last_s, ended_s)
            self._last_sent_s = max(self._last_sent_s, sent_s)
            if outcome.is_timed:
                times.latency.note(ended_s - due_s)
                times.service.note(ended_s - sent_s)

    def dropped(self, name: str, due_s: float, waited_s: float, count: int) -> None:
        """Requests that will not be sent."""
        with self._lock:
            if due_s < self._measure_s:
                self._warm_up.dropped += count
                return
            times = self._times(name)
            times.counts.dropped += count
            times.latency.note(waited_s, count)
            self._behind.note(waited_s, count)

    def snapshot(self, behind_s: float, until_s: float, in_time_s: float, *, is_done: bool) -> Snapshot:
        """What there is so far.

        Args:
            behind_s: for how long the next request has been due.
            until_s: the end of what was measured by now, by the monotonic clock.
            in_time_s: where a request was sent later than so long after that, the schedule was not kept, and the time
                goes on until the last answer.
            is_done: whether no more will come.
        """
        with self._lock:
            counts = Counts()
            counts.add(self._warm_up)
            end_s = max(until_s, self._last_s) if self._last_sent_s > until_s + in_time_s else until_s
            return Snapshot(
                {name: times.series() for name, times in self._series.items()},
                counts,
                dict(self._failures),
                self._example,
                self._behind.encoded(),
                behind_s,
                self._in_flight,
                max(0.0, end_s - self._measure_s),
                time.process_time() - self._cpu_s,
                is_done,
            )

    def _times(self, name: str) -> Times:
        return self._series.setdefault(name, Times())

    def _fail(self, outcome: Outcome) -> None:
        if outcome.failure:
            count_failure(self._failures, outcome.failure)
            self._example = self._example or outcome.example[:_MAX_EXAMPLE_CHARS]
