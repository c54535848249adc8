"""The archive: logs of days that are dropped, as gzip files of NDJSON that storage takes back as they are."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO

from logmill.errors import StorageUnavailable
from logmill.locking import FolderLock
from logmill.settings import Settings
from storage.retention.ledger import ArchivedFile, sync_folder

# Of one day in the order in which they were written.
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-(\d{5,})\.json\.gz")
# A name that nobody takes for a finished file.
_DRAFT = ".{}.part"
_DRAFTS = ".*.json.gz.part"
LOCK_NAME = "archive.lock"
_COMPRESSION = 6
# What the compressor may still hold when its file is measured, and its trailer.
_SLACK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How large a file of the archive is at most, so that one request can bring it back.

    A log that is larger by itself has a file of its own.

    Attributes:
        logs: how many.
        bytes: of them as text.
        packed_bytes: of the file.
    """

    logs: int
    bytes: int
    packed_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> FileLimits:
        """What requests may bring."""
        packed_bytes = max(settings.max_body_bytes - _SLACK_BYTES, settings.max_body_bytes // 2)
        return cls(settings.max_batch_records, settings.max_decoded_bytes, packed_bytes)


class Archive:
    """A folder of such files, which nobody else writes to. Used by one thread.

    What cannot be done to it is a StorageUnavailable; nothing is half done then that cannot be done again.

    Args:
        folder: made where it is missing, once something is written.
        max_bytes: what all files may take; 0 for no bound.
        limits: of one file.
        min_free_bytes: so much is left free on its disk.
    """

    def __init__(self, folder: Path, max_bytes: int, limits: FileLimits, min_free_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._limits = limits
        self._min_free_bytes = min_free_bytes
        self._lock: FolderLock | None = None

    def draft(self, day: date) -> Draft:
        """A new archive of a day, beside the files of it that there are. Drafts that were left are deleted.

        Raises:
            AlreadyRunning: the folder is that of another storage.
        """
        with self._access("written"):
            self.folder.mkdir(0o750, parents=True, exist_ok=True)
        if self._lock is None:
            lock = FolderLock(self.folder, LOCK_NAME, "storage")
            lock.acquire()
            self._lock = lock
        with self._access("written"):
            for left in self.folder.glob(_DRAFTS):
                left.unlink()
            names = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
            of_day = [int(name[2]) for name in names if name and name[1] == str(day)]
        return Draft(self, day, max(of_day, default=0) + 1, self._limits)

    def close(self) -> None:
        """Let others have the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def prune(self) -> list[tuple[str, int]]:
        """Delete the oldest files while all take more than they may; the name and the size of each."""
        if not self.max_bytes or not self.folder.exists():
            return []
        pruned = []
        with self._access("pruned"):
            found = [(path, size) for _, _, path, size in sorted(_files(self.folder))]
            taken = sum(size for _, size in found)
            for path, size in found:
                if taken <= self.max_bytes:
                    break
                path.unlink(missing_ok=True)
                pruned.append((path.name, size))
                taken -= size
        return pruned

    def use(self) -> tuple[int, int]:
        """How many finished files there are, and what they take."""
        if not self.folder.exists():
            return 0, 0
        with self._access("read"):
            sizes = [size for _, _, _, size in _files(self.folder)]
        return len(sizes), sum(sizes)

    def check_room(self) -> None:
        """See whether the disk has room for another file.

        Raises:
            StorageUnavailable: it has not.
        """
        with self._access("written"):
            free_bytes = shutil.disk_usage(self.folder).free
        if free_bytes - self._limits.packed_bytes < self._min_free_bytes:
            raise StorageUnavailable(
                f"the disk of the archive {self.folder} is full: {free_bytes >> 20} MiB are free, "
                f"LOGMILL_MIN_FREE_BYTES keeps {self._min_free_bytes >> 20} MiB"
            )

    @contextmanager
    def _access(self, what: str) -> Iterator[None]:
        with translated(self.folder, what):
            yield


class Draft:
    """An archive of one day that is being written; its files have no names yet that anybody would look for.

    Args:
        archive: where it belongs.
        day: the day.
        first: the number of its first file.
        limits: of one file.
    """

    def __init__(self, archive: Archive, day: date, first: int, limits: FileLimits) -> None:
        self._archive = archive
        self._day = day
        self._next = first
        self._limits = limits
        self._raw: IO[bytes] | None = None
        self._packer: gzip.GzipFile | None = None
        self._logs = self._bytes = 0
        self.files: list[ArchivedFile] = []

    @property
    def logs(self) -> int:
        """How many logs are in files that are finished."""
        return sum(file.logs for file in self.files)

    def add(self, lines: Iterable[bytes]) -> None:
        """Write logs, each a line with its end."""
        pieces: list[bytes] = []
        for line in lines:
            if self._logs >= self._limits.logs or (self._logs and self._bytes + len(line) > self._limits.bytes):
                self._write(pieces)
                pieces = []
                self._end_file()
            pieces.append(line)
            self._logs += 1
            self._bytes += len(line)
        self._write(pieces)
        if self._raw is not None and self._raw.tell() > self._limits.packed_bytes // 2:
            # Lines are added by the hundred: what they take once packed is known too late to be cut by it exactly.
            self._end_file()

    def finish(self) -> None:
        """Have all of it on disk."""
        self._end_file()
        with translated(self._archive.folder, "written"):
            sync_folder(self._archive.folder)

    def discard(self) -> None:
        """Delete what was written."""
        self._close()
        for path in self._archive.folder.glob(_DRAFTS):
            path.unlink(missing_ok=True)

    def _write(self, pieces: list[bytes]) -> None:
        if not pieces:
            return
        with translated(self._archive.folder, "written"):
            if self._packer is None:
                self._archive.check_room()
                path = self._archive.folder / _DRAFT.format(self._name)
                # Drafts that were left are deleted: what is there all the same is nothing of ours, such as a link.
                self._raw = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb")
                # Without a name and a time in it: the same logs are the same bytes.
                self._packer = gzip.GzipFile("", "wb", _COMPRESSION, self._raw, mtime=0)
            self._packer.write(b"".join(pieces))

    def _end_file(self) -> None:
        if self._packer is None or self._raw is None:
            return
        with translated(self._archive.folder, "written"):
            self._packer.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            size = self._raw.tell()
            self._raw.close()
        self.files.append(ArchivedFile(self._name, size, self._logs))
        self._raw = self._packer = None
        self._logs = self._bytes = 0
        self._next += 1

    def _close(self) -> None:
        """Let go of the file that is open, whatever becomes of it."""
        for one in (self._packer, self._raw):
            if one is not None:
                try:
                    one.close()
                except OSError:
                    continue
        self._raw = self._packer = None

    @property
    def _name(self) -> str:
        return f"{self._day}-{self._next:05}.json.gz"


def is_whole(folder: Path, files: Iterable[ArchivedFile]) -> bool:
    """Whether each of these files is there, under its last name or still as a draft."""
    return all(_size(folder / file.name) == file.bytes or _size(_draft(folder, file)) == file.bytes for file in files)


def publish(folder: Path, files: Iterable[ArchivedFile]) -> None:
    """Give these files their last names, those that do not have them yet; on return that is on disk.

    Raises:
        StorageUnavailable: it cannot be done now.
    """
    with translated(folder, "written"):
        for file in files:
            draft, last = _draft(folder, file), folder / file.name
            if not last.exists():
                draft.rename(last)
            if _size(last) != file.bytes:
                raise StorageUnavailable(f"{last} is not the file that was written")
        sync_folder(folder)


@contextmanager
def translated(folder: Path, what: str) -> Iterator[None]:
    """Have what the system refuses say which folder it was."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"the archive {folder} cannot be {what}: {error.strerror or error}") from None


def _files(folder: Path) -> list[tuple[str, int, Path, int]]:
    """Day, number, path and size of each finished file, in any order; what is no file of ours, or goes now, is none."""
    found = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        with suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                found.append((match[1], int(match[2]), path, status.st_size))
    return found


def _draft(folder: Path, file: ArchivedFile) -> Path:
    return folder / _DRAFT.format(file.name)


def _size(path: Path) -> int:
    """In bytes; -1 where it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
