"""One process per data folder: a lock that the operating system lets go of when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from logmill.errors import AlreadyRunning, ConfigError


class FolderLock:
    """Holds `<folder>/store.lock` from construction to `release`.

    Raises:
        AlreadyRunning: another process holds it.
        ConfigError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "store.lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("a+", encoding="ascii")
        except OSError as error:
            raise ConfigError(f"the data folder {folder} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise AlreadyRunning(f"the data folder {folder} is in use by another storage (process {holder})") from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others have the folder."""
        self._file.close()
