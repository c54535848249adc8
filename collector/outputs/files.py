"""A local copy that is a file: appended to and synced batch by batch, rotated by size, and cut back after a crash.

The checkpoint keeps the file's length with each batch that it settles. What is behind that after a crash is of batches
that are sent once more, so it is cut off, and each record is there once.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections import deque
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec
import structlog

from collector.outputs.lines import Form
from collector.outputs.structured import Structure
from collector.outputs.unavailable import OutputUnavailable
from logmill.errors import AlreadyRunning, ConfigError

log = structlog.get_logger()

# Older files beside the one that is written: PATH.1 is the newest of them.
KEPT_FILES = 3
_TAIL_BYTES = 256
# Batches that may be given once more without a restart; far more than are on their way at a time.
_KNOWN_KEYS = 1000


class _Position(msgspec.Struct, frozen=True, array_like=True):
    """How long which file was: its inode, its size, and a hash of what stands before that."""

    inode: int
    size: int
    tail: str


_decode = msgspec.json.Decoder(_Position).decode


def settled_part(path: Path, position: str) -> tuple[Path, int | None]:
    """Which file `FileOutput.restore` goes back to, and how many bytes it leaves of it; the path and None where none.

    Raises:
        ConfigError: the files cannot be read.
    """
    try:
        wanted = _decode(position)
        found = _place_of(path, wanted)
    except msgspec.DecodeError:
        return path, None
    except OSError as error:
        raise ConfigError(f"LOGMILL_COLLECT_OUTPUT: {path} cannot be read: {error.strerror}") from None
    return (path, None) if found is None else (found, wanted.size)


class FileOutput:
    """The file; any thread may write, one at a time.

    Args:
        path: made for its owner alone where it is missing, and its folders.
        structure: takes logs apart.
        form: what is written.
        max_bytes: a file that is so long is rotated before the next batch; 0: never.

    Raises:
        ConfigError: it cannot be written.
        AlreadyRunning: another collector writes it.
    """

    def __init__(self, path: Path, structure: Structure, form: Form, max_bytes: int) -> None:
        self._path = path
        self._structure = structure
        self._form = form
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._keys: deque[str] = deque(maxlen=_KNOWN_KEYS)
        # Rotated at most once between two positions: then the file of the last one is PATH or PATH.1.
        self._may_rotate = True
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: int | None = _opened(path)
        except OSError as error:
            raise ConfigError(f"LOGMILL_COLLECT_OUTPUT: {path} cannot be written: {error.strerror}") from None

    def write(self, key: str, body: bytes) -> None:
        """Add the records of a batch, NDJSON; they are on disk then. Once for each key.

        Raises:
            OutputUnavailable: nothing was added; call it again.
        """
        with self._lock:
            if key in self._keys:
                return
            rows = self._form.rows(self._structure.frame_of(body))
            try:
                self._append(self._current(), rows)
            except OSError as error:
                raise OutputUnavailable(f"the local copy {self._path} cannot be written: {error.strerror}") from None
            self._keys.append(key)

    def position(self) -> str:
        """How far it goes, for `restore`.

        Raises:
            OutputUnavailable: the file cannot be read.
        """
        with self._lock:
            try:
                file = self._handle()
                size = os.fstat(file).st_size
                found = _Position(os.fstat(file).st_ino, size, _tail(file, size))
            except OSError as error:
                raise OutputUnavailable(f"the local copy {self._path} cannot be read: {error.strerror}") from None
            self._may_rotate = True
        return msgspec.json.encode(found).decode()

    def restore(self, position: str) -> None:
        """Cut off what was written after that; "" is as it is now. A file that somebody put there instead stays whole.

        Raises:
            ConfigError: it cannot be done.
        """
        if not position:
            return
        try:
            wanted = _decode(position)
        except msgspec.DecodeError:
            log.warning("the local copy was of another type; it goes on where it ends", output=str(self._path))
            return
        with self._lock:
            try:
                self._restore(wanted)
            except OSError as error:
                raise ConfigError(f"LOGMILL_COLLECT_OUTPUT: {self._path} cannot be cut: {error.strerror}") from None

    def close(self) -> None:
        """Let go of the file; writing fails from then on."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _restore(self, wanted: _Position) -> None:
        place = _place_of(self._path, wanted)
        if place is None:
            log.warning("the local copy is another file than before; it goes on at its end", output=str(self._path))
            return
        if place != self._path:
            # What was written since it was rotated is not settled either.
            _shift_back(self._path)
            self._reopen()
        file = self._handle()
        surplus_bytes = os.fstat(file).st_size - wanted.size
        if surplus_bytes:
            os.ftruncate(file, wanted.size)
            os.fsync(file)
            log.info("cut off the local copy what is not settled and comes again", bytes=surplus_bytes)

    def _current(self) -> int:
        """The file that is written now: another one where it was rotated, by us or by somebody."""
        file = self._handle()
        if not _is_at(file, self._path):
            return self._reopen()
        if self._may_rotate and 0 < self._max_bytes <= os.fstat(file).st_size:
            self._may_rotate = False
            _shift(self._path)
            return self._reopen()
        return file

    def _reopen(self) -> int:
        old, self._file = self._handle(), _opened(self._path)
        os.close(old)
        return self._file

    def _handle(self) -> int:
        if self._file is None:
            raise OSError(errno.EBADF, "it is closed")
        return self._file

    def _append(self, file: int, rows: bytes) -> None:
        size = os.fstat(file).st_size
        data = memoryview(rows if size else self._form.begin() + rows)
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(file, data[written:], size + written)
            os.fsync(file)
        except OSError:
            # A part of a batch is none.
            with suppress(OSError):
                os.ftruncate(file, size)
            raise


def _opened(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise AlreadyRunning(f"the local copy {path} is written by another collector") from None
    except OSError:  # a file system without locks
        pass
    _sync_folder(path)
    return file


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _place_of(path: Path, wanted: _Position) -> Path | None:
    """The file that has what was there then: that of the path, or the one before it; None where neither has."""
    for by_inode in (True, False):
        for place in (path, _older(path, 1)):
            if _is_of(place, wanted, by_inode=by_inode):
                return place
    return None


def _is_of(path: Path, wanted: _Position, *, by_inode: bool) -> bool:
    """Whether the file has what it had then. Files may be alike, so their inodes are asked first; not all stay."""
    try:
        with path.open("rb") as file:
            stat = os.fstat(file.fileno())
            if by_inode and stat.st_ino != wanted.inode:
                return False
            if not by_inode and wanted.size == 0:
                return False
            return stat.st_size >= wanted.size and _tail(file.fileno(), wanted.size) == wanted.tail
    except FileNotFoundError:
        return False


def _tail(file: int, size: int) -> str:
    start = max(0, size - _TAIL_BYTES)
    return blake2b(os.pread(file, size - start, start), digest_size=16).hexdigest()


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _shift(path: Path) -> None:
    """Make PATH the first of the older files; the oldest is gone."""
    for number in range(KEPT_FILES - 1, 0, -1):
        with suppress(FileNotFoundError):
            _older(path, number).replace(_older(path, number + 1))
    path.replace(_older(path, 1))
    _sync_folder(path)


def _shift_back(path: Path) -> None:
    """Undo that; what was PATH meanwhile is gone."""
    _older(path, 1).replace(path)
    for number in range(1, KEPT_FILES):
        with suppress(FileNotFoundError):
            _older(path, number + 1).replace(_older(path, number))
    _sync_folder(path)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
