"""From what was read to batches: takes events of buffers, has records made of them, and seals batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.batching import Batcher
from collector.checkpoint_rows import End
from collector.files.fingerprints import Print
from collector.files.followed import Followed
from collector.framing.framer import Coming, Framer
from collector.records.made import Made, Source
from collector.shipping import Shipper
from collector.stream import Stream


class Recorder(Protocol):
    """Makes records of events."""

    def make_all(self, given: Sequence[tuple[Source, Sequence[bytes]]]) -> Sequence[Made]:
        """The records of events of several sources, each in their order."""


class Counter(Protocol):
    """Counts what was made."""

    def add(self, source: Source, made: Made, read_bytes: int) -> None:
        """Events were made records."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Events of one source that are not records yet, and how far they go."""

    source: Source
    events: Sequence[bytes]
    size_bytes: int
    end: End | None
    head: Print


class Taker:
    """Takes events of buffers on the reading thread.

    Of many files at once, since each look at a column costs the same for one line as for a thousand.

    Args:
        framer: makes events.
        recorder: makes records.
        counter: counts them.
        batcher: makes batches.
        shipper: sends them.
        most_events: are taken before records are made of them.
    """

    def __init__(
        self, framer: Framer, recorder: Recorder, counter: Counter, batcher: Batcher, shipper: Shipper, most_events: int
    ) -> None:
        self._framer = framer
        self._recorder = recorder
        self._counter = counter
        self._batcher = batcher
        self._shipper = shipper
        self._most_events = most_events
        self._taken: list[Taken] = []
        self._events = 0

    def take(self, file: Followed | Stream, coming: Coming) -> bool:
        """Take the events that a buffer begins with; says whether there were any."""
        framed = self._framer.frame(file.buffer, self._most_events, coming)
        if not framed.used_bytes:
            return False
        file.use(framed.used_bytes)
        end, head = (file.end(), file.head_print) if isinstance(file, Followed) else (None, Print())
        self._taken.append(Taken(file.source, framed.events, framed.used_bytes, end, head))
        self._events += len(framed.events)
        if self._events >= self._most_events:
            self.record()
        return True

    def record(self) -> None:
        """Make records of what was taken."""
        if not self._taken:
            return
        taken, self._taken, self._events = self._taken, [], 0
        for one, made in zip(taken, self._recorder.make_all([(one.source, one.events) for one in taken]), strict=True):
            self._batcher.add(made, one.end, one.head)
            self._counter.add(one.source, made, one.size_bytes)

    def is_due(self) -> bool:
        """Whether there are records enough for a batch, or they have waited for long enough."""
        return self._batcher.is_due()

    def left_s(self) -> float:
        """How long until that is so."""
        return self._batcher.left_s()

    def seal(self) -> None:
        """Make a batch of the records, and have it sent.

        Raises:
            CheckpointUnavailable: it cannot be written.
        """
        batch = self._batcher.seal()
        if batch is not None:
            self._shipper.give(batch)
