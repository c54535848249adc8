"""Notes for which event times logs came, on disk before they can be found, so that no time is left unjudged."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from logmill.errors import StorageUnavailable
from logmill.timestamps import now_us
from storage.alerting.file import StateFile
from storage.alerting.spans import MINUTE_US, Span, fewer, spans_of

log = structlog.get_logger()

# More are brought together to one that covers them all.
MAX_SPANS = 20_000
_LAG_OVER_US = 2 * MINUTE_US
_MAX_LAGS = 10_000


class Arrivals:
    """What came since the last look; safe for threads.

    A span is noted before its rows are written, so that a crash after that finds the note; and once more after that
    where somebody took the notes meanwhile, who may have looked before the rows were there.

    Args:
        file: where it is kept.
        clock: the time now, microseconds.
    """

    def __init__(self, file: StateFile, clock: Callable[[], int] = now_us) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: set[Span] = {(row["start_us"], row["end_us"]) for row in file.rows("arrived")}
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

    def take(self, rules: Iterable[str]) -> None:
        """Owe each of these rules a look at every span that is noted, and begin anew.

        Raises:
            StorageUnavailable: the file cannot be written; all is as it was.
        """
        with self._lock:
            if not self._pending:
                return
            with self._file.transaction():
                for start_us, end_us in _apart(self._pending, self._clock()):
                    for rule in rules:
                        self._file.run("owe", rule=rule, start_us=start_us, end_us=end_us)
                self._file.run("forget_arrived")
            self._pending = set()
            self._round += 1

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
            fresh = [span for span in spans if span not in self._pending]
            if fresh:
                self._pending.update(fresh)
                try:
                    with self._file.transaction():
                        if len(self._pending) > MAX_SPANS:
                            self._pending = set(_apart(self._pending, self._clock()))
                            self._file.run("forget_arrived")
                            fresh = list(self._pending)
                        for start_us, end_us in fresh:
                            self._file.run("note_arrived", start_us=start_us, end_us=end_us)
                except StorageUnavailable as error:
                    # They are known as long as the process lives; logs are not refused for that.
                    log.warning("arrivals are not on disk", reason=str(error))
            return self._round


def _apart(spans: set[Span], now_us: int) -> list[Span]:
    """The spans as they are, or all that lie within as few as there may be."""
    most = MAX_SPANS // 10
    return sorted(spans) if len(spans) <= most else fewer(spans, most, now_us)
