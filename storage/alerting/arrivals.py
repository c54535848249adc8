"""Notes for which event times logs came, on disk before they can be found, so that no time is left unjudged."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from logmill.errors import StorageUnavailable
from logmill.timestamps import now_us
from storage.alerting.file import StateFile
from storage.alerting.spans import MINUTE_US, Span, bound, fewer, spans_of

log = structlog.get_logger()

# More are brought together to one that covers them all.
MAX_SPANS = 20_000
# So long may rows wait for their note, before they are written and after; then it is kept in memory until it can be.
NOTE_S = 0.5
# What is owed in one transaction; between two of them others have their turn.
_PER_TAKE = 20_000
_TURN_S = 0.001
_LAG_OVER_US = 2 * MINUTE_US
_MAX_LAGS = 10_000


class Arrivals:
    """What came since the last look; safe for threads.

    A span is noted before its rows are written, so that a crash after that finds the note; and once more after that
    where somebody took the notes meanwhile, who may have looked before the rows were there. Where the file cannot be
    written, or not within a moment, the note is in memory only: logs are neither refused nor kept waiting for that.

    Args:
        file: where it is kept.
        clock: the time now, microseconds.
    """

    def __init__(self, file: StateFile, clock: Callable[[], int] = now_us) -> None:
        self._file = file
        self._clock = clock
        # Held for a moment only, never while the file is waited for.
        self._lock = threading.Lock()
        self._pending: set[Span] = {(row["start_us"], row["end_us"]) for row in file.rows("arrived")}
        # Those that are on disk: what another thread has only begun to note is not there yet.
        self._on_disk = set(self._pending)
        self._round = 0
        self._lags: deque[tuple[int, int]] = deque(maxlen=_MAX_LAGS)

    @contextmanager
    def of(self, table: pa.Table) -> Iterator[None]:
        """While rows are written."""
        spans = spans_of(table, self._clock())
        self._note_lag(table)
        before = self._note(spans)
        try:
            yield
        finally:
            if self._round != before:
                self._note(spans)

    def take(self, rules: Sequence[str]) -> None:
        """Owe each of these rules a look at every span that is noted, and begin anew.

        Raises:
            StorageUnavailable: the file cannot be written; what is not owed yet stays noted.
        """
        if len(self._pending) > MAX_SPANS // 10:
            self._bring_together()
        with self._lock:
            spans = sorted(self._pending)
        per_take = max(1, _PER_TAKE // max(1, len(rules)))
        for at in range(0, len(spans), per_take):
            some = spans[at : at + per_take]
            with self._file.transaction():
                self._file.run_each("owe", ({"rule": rule, **bound(span)} for rule in rules for span in some))
                self._file.run_each("forget_one_arrived", map(bound, some))
            with self._lock:
                self._pending.difference_update(some)
                self._on_disk.difference_update(some)
                self._round += 1
            time.sleep(_TURN_S)

    @property
    def waiting(self) -> int:
        """How many spans are noted, which nobody took yet."""
        return len(self._pending)

    @property
    def lag_us(self) -> int:
        """How long the slowest of what came in the last minutes was under way; 0 where nothing came."""
        with self._lock:
            now = self._clock()
            while self._lags and self._lags[0][0] < now - _LAG_OVER_US:
                self._lags.popleft()
            # What was noted while the clock was ahead says nothing.
            return max((lag for at, lag in self._lags if now - _LAG_OVER_US <= at <= now), default=0)

    def _note_lag(self, table: pa.Table) -> None:
        received = (
            pc.min(table["received_at"].cast(pa.int64())).as_py() if "received_at" in table.column_names else None
        )
        if received is not None:
            now = self._clock()
            with self._lock:
                self._lags.append((now, max(0, now - received)))

    def _note(self, spans: list[Span]) -> int:
        """Note spans; the number of the round they belong to."""
        with self._lock:
            number = self._round
            self._pending.update(spans)
            fresh = [span for span in spans if span not in self._on_disk]
            are_many = len(self._pending) > MAX_SPANS
        if fresh:
            try:
                with self._file.transaction(wait_s=NOTE_S):
                    if are_many:
                        self._bring_together()
                    else:
                        self._file.run_each("note_arrived", map(bound, fresh))
            except StorageUnavailable as error:
                if self._file.is_closed:
                    raise
                # They are known as long as the process lives; logs are not refused for that.
                log.warning("arrivals are not on disk", reason=str(error))
            else:
                with self._lock:
                    # Else somebody took them meanwhile, or brought them together.
                    if self._round == number:
                        self._on_disk.update(fresh)
        return number

    def _bring_together(self) -> None:
        """Note fewer spans, which cover all that are noted."""
        with self._file.transaction():
            with self._lock:
                self._pending = set(_apart(self._pending, self._clock()))
                self._on_disk = set()
                self._round += 1
                noted = list(self._pending)
            self._file.run("forget_arrived")
            self._file.run_each("note_arrived", map(bound, noted))


def _apart(spans: set[Span], now_us: int) -> list[Span]:
    """The spans as they are, or all that lie within as few as there may be."""
    most = MAX_SPANS // 10
    return sorted(spans) if len(spans) <= most else fewer(spans, most, now_us)
