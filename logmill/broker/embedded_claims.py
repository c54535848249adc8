"""Who is alive: each consumer of the embedded broker holds a lock that the kernel drops when its process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from pathlib import Path


class Claimant:
    """The name under which one consumer claims messages, alive as long as its lock file is locked.

    flock belongs to the open file, so two consumers of one process do not share it, and it ends with kill -9.
    It works among processes of one machine only, which the SQLite file needs anyway.
    A stopped process (SIGSTOP) keeps its lock and its messages until it goes on or ends.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.name = uuid.uuid4().hex
        self._path = folder / f"{self.name}.lock"
        while True:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if _is_at(self._descriptor, self._path):
                return
            # Somebody took the file for a dead one's between our open and our lock, and removed it.
            os.close(self._descriptor)

    def is_dead(self, name: str) -> bool:
        """Whether the consumer of that name is gone."""
        if name == self.name:
            return False
        lock = _lock_if_free(self._folder / f"{name}.lock")
        if lock is None:
            return False
        os.close(lock)
        return True

    def forget(self, name: str) -> None:
        """Remove the lock file of a consumer that is gone and holds no claims."""
        path = self._folder / f"{name}.lock"
        lock = _lock_if_free(path)
        if lock is not None:
            path.unlink(missing_ok=True)
            os.close(lock)

    def others(self) -> list[str]:
        """The names of all other lock files."""
        return [path.stem for path in self._folder.glob("*.lock") if path.stem != self.name]

    def close(self) -> None:
        """End; to be called when no claims are left."""
        # The folder may be gone, and the lock must go all the same.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def _lock_if_free(path: Path) -> int | None:
    """An open, locked descriptor of `path`, None where somebody else holds the lock. A missing file is made."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
