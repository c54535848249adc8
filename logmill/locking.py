"""One process per folder: a lock that the operating system lets go of when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from logmill.errors import AlreadyRunning, ConfigError


class FolderLock:
    """Holds a file of a folder from `acquire` to `release`.

    Args:
        folder: made where it is missing.
        name: of the lock file, which also says who holds it.
        holder: what would hold it, in words for the error.
        remedy: what to do where another one does, in words for the error.
    """

    def __init__(self, folder: Path, name: str, holder: str, remedy: str = "") -> None:
        self._folder = folder
        self._path = folder / name
        self._holder = holder
        self._remedy = remedy
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            AlreadyRunning: another process has it.
            ConfigError: the folder cannot be made or written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+", encoding="ascii")
        except OSError as error:
            raise ConfigError(f"the data folder {self._folder} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            process = file.read(20).strip() or "unknown"
            file.close()
            message = f"the data folder {self._folder} is in use by another {self._holder} (process {process})"
            raise AlreadyRunning(f"{message}; {self._remedy}" if self._remedy else message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def holder(self) -> int | None:
        """The process that took it last, None where none did; it may have ended since."""
        try:
            text = self._path.read_text(encoding="ascii")
        except OSError:
            return None
        return int(text) if text.isdigit() else None

    def release(self) -> None:
        """Let others have the folder."""
        if self._file is not None:
            self._file.close()
            self._file = None
