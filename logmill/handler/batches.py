"""Batches: lines on their way to the producer, compressed, each with a key under which it is stored once."""

from __future__ import annotations

import gzip
import logging
import time
import zlib
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from logmill.ids import derived_batch_id, new_batch_id

# As quick as level 1, nearly; level 6 makes a fifth less of it in twice the time.
_COMPRESSION = 3
_GZIP = 31  # zlib's number for gzip with its largest window
# Python's number of the level from which on logs are urgent.
URGENT_FROM = logging.ERROR


class Lane(StrEnum):
    """Which batches go first: those of ERROR and CRITICAL, or all others."""

    URGENT = "urgent"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Batch:
    """What one request carries.

    Attributes:
        key: its Idempotency-Key.
        lane: the one it travels in.
        records: how many lines it has.
        body: the lines, in gzip.
        made_s: when, by the monotonic clock.
    """

    key: str
    lane: Lane
    records: int
    body: bytes
    made_s: float


class OpenBatch:
    """A batch that is being filled.

    Args:
        lane: the one it travels in.

    Attributes:
        records: how many lines it has.
        size_bytes: of its lines, before compression.
        opened_s: when, by the monotonic clock.
    """

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.records = 0
        self.size_bytes = 0
        self.opened_s = time.monotonic()
        self._lines: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Add a line with its end."""
        self.records += 1
        self.size_bytes += len(line)
        self._lines.append(line)

    def close(self) -> Batch:
        """The batch; nothing may be added afterwards.

        All of it is compressed at once: other threads run meanwhile, but to go on after that means to wait for them.
        """
        body = zlib.compress(b"".join(self._lines), _COMPRESSION, _GZIP)
        return Batch(str(new_batch_id()), self.lane, self.records, body, time.monotonic())


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two batches with the records of one that has two or more; their keys are the same each time."""
    lines = gzip.decompress(batch.body).splitlines(keepends=True)
    middle = len(lines) // 2
    parts = (list(islice(lines, middle)), lines[middle:])
    first, second = (
        Batch(
            str(derived_batch_id(batch.key, part)),
            batch.lane,
            len(some),
            zlib.compress(b"".join(some), _COMPRESSION, _GZIP),
            batch.made_s,
        )
        for part, some in zip((b"first half", b"second half"), parts, strict=True)
    )
    return first, second
