"""What came in: how much, from which processors, how long it took; told once a block, at a cost of microseconds."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from logmill.timestamps import now_us
from storage.blocks import whole
from storage.pipeline.lag import Lag, LagMeter
from storage.pipeline.window import Window

# Names of processors that are known at a time; the one that was not seen for longest is forgotten first.
MAX_PROCESSORS = 256
# How much of a name is kept: it comes from whoever may send blocks.
MAX_NAME_CHARACTERS = 200
# Rows of a block whose times are looked at, evenly spread; rows of one batch have the same.
_SAMPLED_ROWS = 16
# Rates are of the last 15 seconds, those of processors of the last minute, growth of the last day.
_RATE = (15, 1.0)
_PROCESSOR_RATE = (12, 5.0)
_GROWTH = (144, 600.0)
_INT64_BYTES = 8


@dataclass(slots=True)
class _Seen:
    """One processor: logs since the start and of the last minute, and when it was last seen."""

    window: Window
    logs: int = 0
    last_seen_us: int = 0


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor as it is shown: its name, the logs it handed over, how many a second, and when it last did."""

    processor_id: str
    logs: int
    logs_per_s: float
    last_seen_us: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How many logs were stored in how much time."""

    logs: int
    seconds: float


@dataclass(slots=True)
class _Counts:
    """Logs stored since the start, of the last seconds and of the last day; and those that came too late."""

    now_s: float
    stored: int = 0
    expired: int = 0
    recent: Window = field(init=False)
    day: Window = field(init=False)

    def __post_init__(self) -> None:
        self.recent = Window(*_RATE, self.now_s)
        self.day = Window(*_GROWTH, self.now_s)


class Activity:
    """Told of each block, asked by people; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lag = LagMeter()
        self._counts = _Counts(time.monotonic())
        self._processors: OrderedDict[str, _Seen] = OrderedDict()

    def note(self, table: pa.Table, stored: int) -> None:
        """A block is on disk.

        Args:
            table: its rows, as `blocks.decode` lets through: at least one, each column one chunk.
            stored: how many of them were not stored before.
        """
        if not stored:
            return
        now = now_us()
        lags_s = [((now - at_us) / 1e6, rows) for at_us, rows in _received(table["received_at"], stored)]
        handed_over = _rows_by_name(table["processor_id"])
        now_s = time.monotonic()
        with self._lock:
            self._lag.add(lags_s, now_s)
            self._counts.stored += stored
            self._counts.recent.add(stored, now_s)
            self._counts.day.add(stored, now_s)
            for name, rows in handed_over:
                self._note_processor(name[:MAX_NAME_CHARACTERS], rows, now_s, now)

    def _note_processor(self, name: str, rows: int, now_s: float, at_us: int) -> None:
        seen = self._processors.get(name)
        if seen is None:
            seen = self._processors[name] = _Seen(Window(*_PROCESSOR_RATE, now_s))
            if len(self._processors) > MAX_PROCESSORS:
                self._processors.popitem(last=False)
        self._processors.move_to_end(name)
        seen.logs += rows
        seen.last_seen_us = at_us
        seen.window.add(rows, now_s)

    def note_expired(self, logs: int) -> None:
        """Logs of a day that was dropped came, and were not stored."""
        with self._lock:
            self._counts.expired += logs

    @property
    def expired(self) -> int:
        """Logs of days that were dropped, since the start."""
        return self._counts.expired

    @property
    def stored(self) -> int:
        """Logs stored since the start."""
        return self._counts.stored

    def stored_per_s(self) -> float:
        """Logs stored a second, of the last 15 seconds."""
        with self._lock:
            return round(self._counts.recent.per_s(time.monotonic()), 3)

    def growth(self) -> Growth:
        """Logs stored in the last day, or since the start where that is less."""
        with self._lock:
            now_s = time.monotonic()
            return Growth(self._counts.day.total(now_s), self._counts.day.covered_s(now_s))

    def lag(self) -> Lag:
        """From accepted to searchable, of the last minute."""
        with self._lock:
            return self._lag.lag(time.monotonic())

    def processors(self) -> list[Processor]:
        """Those that were seen since the start, MAX_PROCESSORS at most, the last seen first."""
        with self._lock:
            now_s = time.monotonic()
            return [
                Processor(name, seen.logs, round(seen.window.per_s(now_s), 3), seen.last_seen_us)
                for name, seen in reversed(self._processors.items())
            ]


def _received(column: pa.ChunkedArray, rows: int) -> list[tuple[int, float]]:
    """Times of a sample of the column in microseconds, and how many of `rows` each stands for; the oldest too."""
    times = whole(column).view(pa.int64())
    count = len(times)
    start = times.offset * _INT64_BYTES
    # Without a value of Arrow's for each, which costs a microsecond.
    values = memoryview(times.buffers()[1])[start : start + count * _INT64_BYTES].cast("B").cast("q")
    taken = min(count, _SAMPLED_ROWS)
    sample = [values[number * (count - 1) // max(1, taken - 1)] for number in range(taken)]
    found = [(value, len(list(same)) * rows / taken) for value, same in groupby(sample)]
    return [*found, (pc.min(times).as_py(), 0.0)]


def _rows_by_name(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """How many rows each processor has; a look at the dictionary where it has one value, which is how blocks come."""
    values = whole(column)
    if pa.types.is_dictionary(values.type) and len(values.dictionary) == 1:
        return [(values.dictionary[0].as_py(), len(values))]
    counted = pc.value_counts(values.cast(pa.large_utf8()))
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    # Of a block that names thousands, those that are kept anyway.
    return list(zip(names, counts, strict=True))[-MAX_PROCESSORS:]
