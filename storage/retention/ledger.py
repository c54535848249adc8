"""What was dropped, on disk: a small file that is replaced as a whole, so that it is as it was or as it is to be."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import msgspec
import structlog

from logmill.errors import ConfigError, StorageUnavailable

log = structlog.get_logger()

FILE_NAME = "retention.json"
VERSION = 1


class ArchivedFile(msgspec.Struct, frozen=True):
    """A file of the archive: its name, its size, and the logs in it."""

    name: str
    bytes: int
    logs: int


class Pending(msgspec.Struct, frozen=True):
    """A day whose fate is sealed: its archive is complete, and what is left of it is to be dropped.

    Attributes:
        day: the day.
        cause: why, as `Cause`.
        logs: how many it has.
        bytes: what they take on disk.
        folder: where its archive is, "" where it is not archived.
        files: of the archive, under their last names or still under those before.
    """

    day: date
    cause: str
    logs: int
    bytes: int
    folder: str = ""
    files: tuple[ArchivedFile, ...] = ()


class Entries(msgspec.Struct, frozen=True):
    """All that is written.

    Attributes:
        version: of the form of the file.
        dropped_through: the last day that was dropped; those before it are gone, too.
        pending: a day that is being dropped.
        again: a day that was, and is archived again before, since its archive was not whole.
        days: how many were dropped.
        logs: how many logs they had.
        bytes: what those took on disk.
        archived_logs: those of them that were archived.
        pruned_files: files of the archive that were deleted for want of room.
        pruned_bytes: what those took.
    """

    version: int = VERSION
    dropped_through: date | None = None
    pending: Pending | None = None
    again: date | None = None
    days: int = 0
    logs: int = 0
    bytes: int = 0
    archived_logs: int = 0
    pruned_files: int = 0
    pruned_bytes: int = 0


class Ledger:
    """The file. One thread writes; `entries` may be read by any.

    One that cannot be read is put aside under another name, and a new one begun: logs go on being stored.

    Args:
        folder: where it is.

    Raises:
        ConfigError: a newer program wrote it.
        StorageUnavailable: it is there and cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self.entries = self._read()

    def write(self, **changes: object) -> None:
        """Change some entries; on return they are on disk.

        Raises:
            StorageUnavailable: they cannot be written, and are as before.
        """
        entries = msgspec.structs.replace(self.entries, **changes)
        fresh = self._path.with_name(f"{FILE_NAME}.new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise StorageUnavailable(f"{self._path} cannot be written: {error.strerror}", retry_after_s=5) from None
        self.entries = entries

    def _read(self) -> Entries:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Entries)
        except FileNotFoundError:
            return Entries()
        except OSError as error:
            raise StorageUnavailable(f"{self._path} cannot be read: {error.strerror}", retry_after_s=5) from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.exception("what was dropped cannot be read; a new file is begun", file=str(self._path))
            self._path.replace(self._path.with_name(f"{FILE_NAME}.damaged"))
            return Entries()
        if found.version > VERSION:
            raise ConfigError(f"a newer program wrote {self._path} (version {found.version}): use that one")
        return found


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk.

    Raises:
        OSError: they cannot be.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
