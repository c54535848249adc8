"""Gathers what came of events until it is a batch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import zstandard

from collector.checkpoint import Checkpoint
from collector.checkpoint_rows import Batch, End
from collector.files.fingerprints import Print
from collector.records.made import Made
from logmill.ids import new_batch_id

ZSTD_LEVEL = 1


@dataclass(slots=True)
class _Pending:
    pieces: list[bytes] = field(default_factory=list)
    count: int = 0
    size_bytes: int = 0
    ends: dict[int, End] = field(default_factory=dict)
    heads: dict[int, Print] = field(default_factory=dict)
    since: float = 0.0


class Batcher:
    """What was made of events and is in no batch yet; used by the reading thread.

    Args:
        checkpoint: keeps each batch before anybody gets it.
        max_records: a batch is full at so many records.
        max_bytes: or at so many bytes, uncompressed.
        interval_s: or when its first piece has waited so long.
    """

    def __init__(self, checkpoint: Checkpoint, *, max_records: int, max_bytes: int, interval_s: float) -> None:
        self._checkpoint = checkpoint
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._interval_s = interval_s
        self._compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self._pending = _Pending()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._pending.pieces and not self._pending.ends

    @property
    def count(self) -> int:
        """Records that wait."""
        return self._pending.count

    def add(self, made: Made, end: End | None, head: Print) -> None:
        """Take what came of events of a file.

        Args:
            made: the records.
            end: how far they go in the file; None for what is no file.
            head: of the file.
        """
        pending = self._pending
        if self.is_empty:
            pending.since = time.monotonic()
        if made.body:
            pending.pieces.append(made.body)
            pending.count += made.count
            pending.size_bytes += len(made.body)
        if end is not None:
            pending.ends[end.file_id] = end
            pending.heads[end.file_id] = head

    def is_due(self) -> bool:
        """Whether what waits is to be sent now."""
        pending = self._pending
        is_full = pending.count >= self._max_records or pending.size_bytes >= self._max_bytes
        return is_full or (not self.is_empty and time.monotonic() - pending.since >= self._interval_s)

    def left_s(self) -> float:
        """How long until it is, if nothing more comes; a long time where nothing waits."""
        if self.is_empty:
            return self._interval_s
        return max(0.0, self._pending.since + self._interval_s - time.monotonic())

    def seal(self) -> Batch | None:
        """Make a batch of what waits, which is then on disk; None where it holds no record: then positions move on.

        Raises:
            CheckpointUnavailable: nothing happened; call it again.
        """
        pending = self._pending
        ends = list(pending.ends.values())
        batch = None
        if pending.pieces:
            body = self._compressor.compress(b"".join(pending.pieces))
            batch = self._checkpoint.add(str(new_batch_id()), body, pending.count, ends, list(pending.heads.items()))
        elif ends:
            self._checkpoint.move(ends)
        self._pending = _Pending()
        return batch
