"""What the collector counts: logs read and accepted, by level, format, tag, service and file; faults with samples."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from collector.records.made import Made, Source
from collector.status.figures import FaultSeen, History, Rates, Reason, Snapshot, SourceCounted, Totals
from collector.status.windows import Named, Tally, Window, printable

# The chart shows five minutes of seconds; the one that has just begun is not shown.
HISTORY_S = 300
MAX_SOURCES = 1000
MAX_SERVICES = 1000
# Of a declared format tags and the like come from the lines, so there may be any number.
MAX_NAMES = 100
MAX_REASONS = 50
MAX_FAULTS = 50
_MAX_REASON_CHARS = 300
_GRAVE = ("ERROR", "CRITICAL")


class _FromSource(Named):
    """What is counted of one file."""

    def __init__(self, now_s: float) -> None:
        super().__init__(now_s)
        self.service = ""
        self.read_bytes = 0
        self.faults = 0

    def absorb(self, gone: _FromSource, now_s: float) -> None:
        super().absorb(gone, now_s)
        self.read_bytes += gone.read_bytes
        self.faults += gone.faults


class _Why(Named):
    """What is counted of one reason."""

    def __init__(self, now_s: float) -> None:
        super().__init__(now_s)
        self.last_at = datetime.now(UTC)


class Statistics:
    """Counts for as long as the collector runs. Every thread may use it; its memory is bounded.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        now_s = clock()
        self._filtered = self._faults = self._refused = self._retried = self._requests = 0
        self._records, self._read_bytes, self._accepted, self._accepted_bytes, self._errors = (
            _Flow(now_s) for _ in range(5)
        )
        self._levels, self._formats, self._tags = (Tally(Named, MAX_NAMES, now_s, keeps_first=True) for _ in range(3))
        self._services = Tally(Named, MAX_SERVICES, now_s, keeps_first=False)
        self._sources = Tally(_FromSource, MAX_SOURCES, now_s, keeps_first=False)
        self._newest_faults: deque[FaultSeen] = deque(maxlen=MAX_FAULTS)
        self._refusals, self._retries = (Tally(_Why, MAX_REASONS, now_s, keeps_first=False) for _ in range(2))

    def add(self, source: Source, made: Made, read_bytes: int) -> None:
        """Events were made records.

        Args:
            source: the file they are from.
            made: what came of them.
            read_bytes: how much was read for them.
        """
        now_s = self._clock()
        with self._lock:
            self._records.add(made.count, now_s)
            self._read_bytes.add(read_bytes, now_s)
            for tally, counts in ((self._levels, made.levels), (self._formats, made.formats), (self._tags, made.tags)):
                for name, number in counts.items():
                    tally.of(name, now_s).add(number, now_s)
            grave = sum(made.levels.get(level, 0) for level in _GRAVE)
            if grave:
                self._errors.add(grave, now_s)
            self._services.of(source.service, now_s).add(made.count, now_s)
            one = self._sources.of(source.path, now_s)
            one.add(made.count, now_s)
            one.service = source.service
            one.read_bytes += read_bytes
            self._filtered += made.filtered
            if made.fault_count:
                one.faults += made.fault_count
                self._note_faults(source, made)

    def _note_faults(self, source: Source, made: Made) -> None:
        self._faults += made.fault_count
        at = datetime.now(UTC)
        for fault in made.faults[:MAX_FAULTS]:
            found = FaultSeen(at, printable(fault.reason), printable(source.path), printable(fault.sample))
            self._newest_faults.appendleft(found)

    def accepted(self, records: int, body_bytes: int) -> None:
        """The producer answered 201 to a request.

        Args:
            records: how many it holds.
            body_bytes: of its body as it was sent.
        """
        now_s = self._clock()
        with self._lock:
            self._requests += 1
            self._accepted.add(records, now_s)
            self._accepted_bytes.add(body_bytes, now_s)

    def refused(self, records: int, reason: str) -> None:
        """The producer refused these records for good."""
        with self._lock:
            self._refused += records
            self._note(self._refusals, reason, records)

    def retried(self, reason: str) -> None:
        """A request is sent again."""
        with self._lock:
            self._retried += 1
            self._note(self._retries, reason, 1)

    def _note(self, reasons: Tally[_Why], reason: str, number: int) -> None:
        now_s = self._clock()
        why = reasons.of(printable(reason[:_MAX_REASON_CHARS]), now_s)
        why.add(number, now_s)
        why.last_at = datetime.now(UTC)

    def snapshot(self) -> Snapshot:
        """All figures of this moment."""
        now_s = self._clock()
        with self._lock:
            return Snapshot(
                self._totals(),
                Rates(
                    self._records.per_s(now_s),
                    self._read_bytes.per_s(now_s),
                    self._accepted.per_s(now_s),
                    self._accepted_bytes.per_s(now_s),
                ),
                History(
                    self._records.history(now_s),
                    self._accepted.history(now_s),
                    self._errors.history(now_s),
                ),
                self._levels.counted(now_s),
                self._formats.counted(now_s),
                self._tags.counted(now_s),
                self._services.counted(now_s),
                _sources(self._sources, now_s),
                tuple(self._newest_faults),
                _reasons(self._refusals),
                _reasons(self._retries),
            )

    def _totals(self) -> Totals:
        return Totals(
            records=self._records.total,
            read_bytes=self._read_bytes.total,
            filtered=self._filtered,
            faults=self._faults,
            accepted=self._accepted.total,
            accepted_bytes=self._accepted_bytes.total,
            requests=self._requests,
            refused=self._refused,
            retried=self._retried,
        )


class _Flow:
    """A total, and each of the last seconds."""

    def __init__(self, now_s: float) -> None:
        self.total = 0
        self._window = Window(1, HISTORY_S + 1, now_s)

    def add(self, number: int, now_s: float) -> None:
        self.total += number
        self._window.add(number, now_s)

    def per_s(self, now_s: float) -> float:
        return self._window.per_s(now_s)

    def history(self, now_s: float) -> list[int]:
        return self._window.ended(HISTORY_S, now_s)


def _sources(sources: Tally[_FromSource], now_s: float) -> tuple[SourceCounted, ...]:
    """The largest first, the others last."""

    def shown(path: str, one: _FromSource, *, is_other: bool = False) -> SourceCounted:
        per_s = one.window.per_s(now_s)
        return SourceCounted(
            printable(path), printable(one.service), one.count, per_s, one.read_bytes, one.faults, is_other
        )

    found = sorted((shown(path, one) for path, one in sources.items()), key=lambda one: (-one.records, one.path))
    if sources.other.read_bytes:
        found.append(shown("other", sources.other, is_other=True))
    return tuple(found)


def _reasons(reasons: Tally[_Why]) -> tuple[Reason, ...]:
    """The newest first."""
    found = (Reason(reason, why.count, why.last_at) for reason, why in reasons.items())
    return tuple(sorted(found, key=lambda one: one.last_at, reverse=True))
