"""Files of batches: one process holds a file at a time, appends to it, and reads it again; others find what it left.

A file begins with a line that says what it is. Each batch is a line of JSON (key, records, bytes, CRC-32) and its body.
What a crash cut off at the end is told by length and CRC. The lock is the operating system's; it ends with the process.
Which batches a file holds stands in the file alone: memory would grow with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import zlib
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
    """What stands in a file is not what was written there; the file has been passed over so far.

    Args:
        message: what it is, in words.
        records: logs that are lost by that.
    """

    def __init__(self, message: str, records: int) -> None:
        super().__init__(message)
        self.records = records


@dataclass(frozen=True, slots=True)
class _Entry:
    """A batch in a file: its key, the place of its body, its length, its CRC-32, and how many records it has."""

    key: str
    offset: int
    length: int
    crc32: int
    records: int

    @property
    def end(self) -> int:
        """Where the next batch begins."""
        return self.offset + self.length + 1


def is_supported() -> bool:
    """Whether this system has the locks that are needed."""
    return fcntl is not None


def lane_of(path: Path) -> Lane | None:
    """The lane of a file by its name; None where it is no such file."""
    name = path.name.partition("-")[0]
    return Lane(name) if path.suffix == SUFFIX and name in set(Lane) else None


class Segment:
    """An open file, from which batches are taken in the order in which they were written.

    Attributes:
        path: where it is.
        lane: of all its batches.
        size_bytes: of the file.
        batches: how many this process wrote to it that are still to be sent.
        records: how many logs these have.
    """

    def __init__(self, path: Path, lane: Lane, descriptor: int) -> None:
        self.path = path
        self.lane = lane
        self.size_bytes = 0
        self.batches = 0
        self.records = 0
        self._descriptor = descriptor
        # Where the oldest batch that is still to be sent begins, and what its header says once it was read.
        self._head = len(_MAGIC)
        self._first: _Entry | None = None
        self._is_synced = self._is_known = True

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
                found._is_known = False
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
            if _lock(descriptor):
                status = os.fstat(descriptor)
                found.size_bytes = status.st_size
                beginning = os.pread(descriptor, len(_MAGIC), 0)
                if status.st_nlink and beginning in {_MAGIC, _MAGIC[: status.st_size]}:
                    return found
        except OSError:
            found.close()
            raise
        found.close()
        return None

    @property
    def is_empty(self) -> bool:
        """Whether nothing in it is to be sent any more."""
        return self._head >= self.size_bytes

    def append(self, batch: Batch) -> None:
        """Write a batch behind the others.

        Raises:
            OSError: it cannot be written; the file is as it was.
        """
        header = {
            "key": batch.key,
            "records": batch.records,
            "bytes": len(batch.body),
            "crc32": zlib.crc32(batch.body),
        }
        self._write(b"".join((json.dumps(header).encode(), b"\n", batch.body, b"\n")))
        self.batches += 1
        self.records += batch.records

    def sync(self) -> None:
        """Have the disk keep what was written, over a power cut too.

        Raises:
            OSError: it cannot.
        """
        if not self._is_synced:
            os.fsync(self._descriptor)
            self._is_synced = True
        if not self._is_known:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._is_known = True

    def first_key(self) -> str | None:
        """The key of the oldest batch; None where there is none.

        Raises:
            DamagedError: it cannot be read, nor what stands behind it.
        """
        if self._first is None and not self.is_empty:
            self._first = self._read_header()
        return None if self._first is None else self._first.key

    def first(self) -> Batch | None:
        """The oldest batch; None where there is none.

        Raises:
            DamagedError: it cannot be read as it was written.
        """
        if self.first_key() is None or self._first is None:
            return None
        entry = self._first
        body = self._read(entry.length, entry.offset)
        if zlib.crc32(body) != entry.crc32 or len(body) != entry.length:
            self.pass_first()
            raise DamagedError("a batch is not as it was written", entry.records)
        return Batch(entry.key, self.lane, entry.records, body, time.monotonic())

    def pass_first(self) -> None:
        """The oldest batch need not be sent any more; its header was read."""
        if self._first is not None:
            self._head = self._first.end
            self.batches = max(0, self.batches - 1)
            self.records = max(0, self.records - self._first.records)
            self._first = None

    def reset(self) -> None:
        """Empty the file, nothing in which is to be sent any more, to be used again.

        Raises:
            OSError: it cannot be.
        """
        os.ftruncate(self._descriptor, len(_MAGIC))
        self.size_bytes = self._head = len(_MAGIC)

    def close(self) -> None:
        """Let go of the file, which stays."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self.close()

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

    def _read(self, length: int, offset: int) -> bytes:
        try:
            return os.pread(self._descriptor, length, offset)
        except OSError:
            return b""

    def _read_header(self) -> _Entry:
        line, newline, _ = self._read(_MAX_HEADER_BYTES, self._head).partition(b"\n")
        entry = _entry_of(line, self._head + len(line) + 1) if newline else None
        if entry is None or entry.end > self.size_bytes:
            left_bytes, records = self.size_bytes - self._head, self.records
            self._head, self.batches, self.records = self.size_bytes, 0, 0
            raise DamagedError(f"the last {left_bytes:,} bytes are no whole batch", records)
        return entry


def _entry_of(line: bytes, offset: int) -> _Entry | None:
    """What a header says; None where it is none."""
    try:
        header = json.loads(line)
        entry = _Entry(str(header["key"]), offset, int(header["bytes"]), int(header["crc32"]), int(header["records"]))
    except (ValueError, KeyError, TypeError):
        return None
    return entry if entry.length > 0 and entry.records > 0 and entry.key else None


def _lock(descriptor: int) -> bool:
    """Whether this process has the file now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
