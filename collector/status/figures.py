"""The figures of one moment, as `Statistics` gives them and /status.json shows them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from collector.status.windows import Counted


class Totals(msgspec.Struct, frozen=True):
    """Since the start: records made and what they were read from, and what became of them.

    Attributes:
        records: made of what was read.
        read_bytes: read from files and standard input.
        filtered: events that a filter left out.
        faults: events with a fault, such as a line that is not of the declared format.
        accepted: records that the producer accepted.
        accepted_bytes: of the bodies that it accepted, as sent.
        requests: that it accepted.
        refused: records that it refused for good.
        retried: requests that are sent again.
    """

    records: int = 0
    read_bytes: int = 0
    filtered: int = 0
    faults: int = 0
    accepted: int = 0
    accepted_bytes: int = 0
    requests: int = 0
    refused: int = 0
    retried: int = 0


class Rates(msgspec.Struct, frozen=True):
    """The same a second, over the last minute."""

    records_per_s: float
    read_bytes_per_s: float
    accepted_per_s: float
    accepted_bytes_per_s: float


class History(msgspec.Struct, frozen=True):
    """The last minutes, a number for each second that has ended, the oldest first."""

    records: list[int]
    accepted: list[int]
    errors: list[int]
    step_s: int = 1


class SourceCounted(msgspec.Struct, frozen=True):
    """What came of one file."""

    path: str
    service: str
    records: int
    per_s: float
    read_bytes: int
    faults: int
    is_other: bool = False


class FaultSeen(msgspec.Struct, frozen=True):
    """A fault, when and in which file it was seen, and the start of the event."""

    at: datetime
    reason: str
    file: str
    sample: str


class Reason(msgspec.Struct, frozen=True):
    """Why requests were sent again, or records refused; how many, and when last."""

    reason: str
    count: int
    last_at: datetime


class Snapshot(msgspec.Struct, frozen=True):
    """All figures of one moment; each list is bounded, the largest first, faults and reasons the newest first."""

    totals: Totals
    rates: Rates
    history: History
    levels: tuple[Counted, ...]
    formats: tuple[Counted, ...]
    tags: tuple[Counted, ...]
    services: tuple[Counted, ...]
    sources: tuple[SourceCounted, ...]
    faults: tuple[FaultSeen, ...]
    refusals: tuple[Reason, ...]
    retries: tuple[Reason, ...]
