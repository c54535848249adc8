"""Files of batches: one process holds a file at a time, appends to it, and reads it again; others find what it left.

A file begins with a line that says what it is. Each batch is a line of JSON (key, records, bytes, CRC-32) and its body.
What a crash cut off at the end is told by length and CRC. The lock is the operating system's; it ends with the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
from collections import OrderedDict
from collections.abc import KeysView
from dataclasses import dataclass
from pathlib import Path

from logmill.handler.batches import Batch, Lane
from logmill.ids import new_batch_id

try:
    import fcntl
except ImportError:  # Windows has other locks, with which nobody has tried this
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".spill"
_MAGIC = b'{"file": "logmill spill", "version": 1}\n'
_MAX_HEADER_BYTES = 512
_MODE = 0o600
_TRIES = 10


class DamagedError(Exception):
    """What stands in a file is not what was written there."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a batch stands: the place and length of its body, its CRC-32, and how many records it has."""

    offset: int
    length: int
    crc32: int
    records: int


def is_supported() -> bool:
    """Whether this system has the locks that are needed."""
    return fcntl is not None


def lane_of(path: Path) -> Lane | None:
    """The lane of a file by its name; None where it is no such file."""
    name = path.name.partition("-")[0]
    return Lane(name) if path.suffix == SUFFIX and name in set(Lane) else None


class Segment:
    """An open file, and which batches in it are still to be sent, the oldest first.

    Attributes:
        path: where it is.
        lane: of all its batches.
        size_bytes: of the file.
        damaged_bytes: what stood behind the last whole batch when it was opened.
    """

    def __init__(self, path: Path, lane: Lane, descriptor: int) -> None:
        self.path = path
        self.lane = lane
        self.size_bytes = 0
        self.damaged_bytes = 0
        self._descriptor = descriptor
        # A plain dictionary looks for its first item among all that were taken out before.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._is_synced = True

    @classmethod
    def create(cls, folder: Path, lane: Lane) -> Segment:
        """A new file in a folder that is there.

        Raises:
            OSError: it cannot be made or written.
        """
        for _ in range(_TRIES):
            path = folder / f"{lane}-{new_batch_id()}{SUFFIX}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            if _lock(descriptor):
                found = cls(path, lane, descriptor)
                try:
                    found._write(_MAGIC)
                except OSError:
                    found.remove()
                    raise
                return found
            os.close(descriptor)  # another process took it for one that was left, and removes it
        raise BlockingIOError(f"no file in {folder} can be locked")

    @classmethod
    def adopt(cls, path: Path, lane: Lane) -> Segment | None:
        """A file that another process left; None where one holds it, it is gone, or it is of another version.

        Raises:
            OSError: it cannot be read.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        found = cls(path, lane, descriptor)
        try:
            if _lock(descriptor) and os.fstat(descriptor).st_nlink and found._load():
                return found
        except OSError:
            found.close()
            raise
        found.close()
        return None

    def append(self, batch: Batch) -> None:
        """Write a batch behind the others.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        crc32 = zlib.crc32(batch.body)
        header = {"key": batch.key, "records": batch.records, "bytes": len(batch.body), "crc32": crc32}
        line = json.dumps(header).encode() + b"\n"
        start = self.size_bytes + len(line)
        self._write(b"".join((line, batch.body, b"\n")))
        self._entries[batch.key] = _Entry(start, len(batch.body), crc32, batch.records)

    def sync(self) -> None:
        """Have the disk keep what was written, over a power cut too.

        Raises:
            OSError: it cannot.
        """
        if not self._is_synced:
            os.fsync(self._descriptor)
            self._is_synced = True

    def keys(self) -> KeysView[str]:
        """The batches that are still to be sent, the oldest first."""
        return self._entries.keys()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def records(self) -> int:
        """How many records these batches have."""
        return sum(entry.records for entry in self._entries.values())

    def first(self) -> Batch:
        """The oldest batch; there must be one.

        Raises:
            DamagedError: it cannot be read as it was written.
        """
        key, entry = next(iter(self._entries.items()))
        try:
            body = os.pread(self._descriptor, entry.length, entry.offset)
        except OSError as error:
            raise DamagedError(str(error.strerror)) from None
        if zlib.crc32(body) != entry.crc32 or len(body) != entry.length:
            raise DamagedError("its checksum is another")
        return Batch(key, self.lane, entry.records, body, time.monotonic())

    def settle(self, key: str) -> int:
        """A batch need not be sent any more; how many records it had, 0 where it is none of these."""
        entry = self._entries.pop(key, None)
        return 0 if entry is None else entry.records

    def reset(self) -> None:
        """Empty the file, all batches in which are settled, to be used again.

        Raises:
            OSError: it cannot be.
        """
        os.ftruncate(self._descriptor, len(_MAGIC))
        self.size_bytes = len(_MAGIC)

    def close(self) -> None:
        """Let go of the file, which stays."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        view, place = memoryview(data), self.size_bytes
        self._is_synced = False
        try:
            while view:
                written = os.pwrite(self._descriptor, view, place)
                view, place = view[written:], place + written
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes = place

    def _load(self) -> bool:
        """Find the batches; whether it is a file that this version knows."""
        size = os.fstat(self._descriptor).st_size
        if os.pread(self._descriptor, len(_MAGIC), 0) not in {_MAGIC, _MAGIC[:size]}:
            return False
        place = len(_MAGIC)
        while place < size:
            line, newline, _ = os.pread(self._descriptor, _MAX_HEADER_BYTES, place).partition(b"\n")
            entry = _entry_of(line, place + len(line) + 1) if newline else None
            if entry is None or entry[1].offset + entry[1].length + 1 > size:
                break
            self._entries[entry[0]] = entry[1]
            place = entry[1].offset + entry[1].length + 1
        self.size_bytes = place
        self.damaged_bytes = max(0, size - place)
        return True


def _entry_of(line: bytes, offset: int) -> tuple[str, _Entry] | None:
    """Key and place of the batch with this header; None where it is no header."""
    try:
        header = json.loads(line)
        entry = _Entry(offset, int(header["bytes"]), int(header["crc32"]), int(header["records"]))
        key = str(header["key"])
    except (ValueError, KeyError, TypeError):
        return None
    return (key, entry) if entry.length > 0 and entry.records > 0 and key else None


def _lock(descriptor: int) -> bool:
    """Whether this process has the file now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
