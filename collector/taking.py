"""What reading takes of buffers, and who makes records of it and counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.checkpoint import End
from collector.files.fingerprints import Print
from collector.records.made import Made, Source


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
