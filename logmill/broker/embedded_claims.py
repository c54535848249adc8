"""Who is alive: each consumer of the embedded broker holds a lock that the kernel drops when its process ends.

A process that stands still (SIGSTOP, a machine that was put to sleep) keeps its lock, so there is a heartbeat as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
import uuid
from pathlib import Path

import structlog

from logmill.broker import embedded_queue as queue
from logmill.broker.embedded_file import translated

log = structlog.get_logger()

# A consumer whose heart did not beat for so long loses its claims. Many beats, so that a busy machine may miss some.
LEASE_S = 20.0
_BEATS = 10


class Claimant:
    """The name under which one consumer claims messages, as long as its lock file is locked and touched.

    flock belongs to the open file, so two consumers of one process do not share it, and it ends with kill -9.
    It works among processes of one machine only, which the SQLite file needs anyway.

    Args:
        folder: of the lock files.
        lease_s: how long a heart may stand still; the same for all consumers of one file.
    """

    def __init__(self, folder: Path, lease_s: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lease_s = lease_s
        # What was seen last of the others' hearts, and when, by our own clock: it does not jump.
        self._beats: dict[str, tuple[int, float]] = {}
        self.name = uuid.uuid4().hex
        self._path = folder / f"{self.name}.lock"
        while True:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if self.is_known:
                break
            # Somebody took the file for a dead one's between our open and our lock, and removed it.
            os.close(self._descriptor)
        self._ending = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="broker-heartbeat", daemon=True)
        self._heart.start()

    def _beat(self) -> None:
        while not self._ending.wait(self._lease_s / _BEATS):
            # A full or broken disk is for others to report; without a beat the claims go to somebody who can write.
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)

    @property
    def is_known(self) -> bool:
        """Whether others take this consumer for alive. Once they do not, its claims are theirs, and so it stays."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def is_dead(self, name: str) -> bool:
        """Whether the consumer of that name is gone."""
        if name == self.name:
            return False
        lock = _lock_if_free(self._folder / f"{name}.lock")
        if lock is None:
            return False
        os.close(lock)
        return True

    def stands_still(self, name: str) -> bool:
        """Whether the consumer of that name holds its lock, but its heart did not beat for the length of the lease."""
        try:
            beat = (self._folder / f"{name}.lock").stat().st_mtime_ns
        except FileNotFoundError:
            return False
        now_s = time.monotonic()
        seen, since_s = self._beats.get(name, (0, 0.0))
        if name == self.name or seen != beat:
            self._beats[name] = (beat, now_s)
            return False
        return now_s - since_s > self._lease_s

    def expel(self, name: str) -> None:
        """Let a consumer that stands still know, when it goes on, that it is taken for dead."""
        (self._folder / f"{name}.lock").unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Remove the lock file of a consumer that is gone and holds no claims."""
        path = self._folder / f"{name}.lock"
        lock = _lock_if_free(path)
        if lock is not None:
            path.unlink(missing_ok=True)
            os.close(lock)

    def others(self) -> set[str]:
        """The names of all other lock files."""
        names = {path.stem for path in self._folder.glob("*.lock")} - {self.name}
        self._beats = {name: beat for name, beat in self._beats.items() if name in names}
        return names

    def close(self) -> None:
        """End; to be called when no claims are left."""
        self._ending.set()
        # Before the descriptor is closed: its number may be another file's right after.
        self._heart.join()
        # The folder may be gone, and the lock must go all the same.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def free_claims(db: sqlite3.Connection, claimant: Claimant) -> None:
    """Free what consumers hold that are gone or stand still."""
    with translated():
        claiming = queue.claimants(db)
        for name in sorted(claiming | claimant.others()):
            if claimant.is_dead(name):
                if name in claiming:
                    log.info("claims_of_dead_consumer_freed", messages=queue.release_all(db, name))
                claimant.forget(name)
            elif claimant.stands_still(name):
                # It is expelled first: whatever it still claims until it notices is freed as a dead one's.
                claimant.expel(name)
                log.warning("claims_of_stopped_consumer_freed", messages=queue.release_all(db, name))


def _lock_if_free(path: Path) -> int | None:
    """An open, locked descriptor of `path`, None where somebody else holds the lock. A missing file is made."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
