"""What the writers and the laboratory know of each other: where the collector is, and what may be destroyed when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.context import SpawnContext
from pathlib import Path

import requests

_ASK_EVERY_S = 0.4
_STORAGE_TIMEOUT_S = 30.0


class Watch:
    """Shared by the processes of one run.

    A file with unread content may only be deleted while the collector has it open, and then nobody may kill the
    collector until the content is in storage: nobody could save it otherwise. Who deletes takes a hold for so long.

    Args:
        context: of the processes.
    """

    def __init__(self, context: SpawnContext) -> None:
        self._pid = context.Value("i", 0)
        self._rotations = context.Value("i", 0)
        self._holds = context.Value("i", 0)
        # Who wants to kill goes first, or there would always be another hold.
        self._is_wanted = context.Event()

    @property
    def collector_pid(self) -> int:
        """Its process; 0 while it is down."""
        return int(self._pid.value)

    @collector_pid.setter
    def collector_pid(self, pid: int) -> None:
        self._pid.value = pid

    @property
    def rotations(self) -> int:
        """How many were done so far, in any way."""
        return int(self._rotations.value)

    def count_rotation(self) -> None:
        """Note one more."""
        with self._rotations.get_lock():
            self._rotations.value += 1

    def try_hold(self) -> bool:
        """Take a hold, which keeps the collector from being killed; False where it is down or wanted."""
        with self._holds.get_lock():
            if self._is_wanted.is_set() or not self.collector_pid:
                return False
            self._holds.value += 1
            return True

    def release(self) -> None:
        """Give a hold back."""
        with self._holds.get_lock():
            self._holds.value -= 1

    @contextmanager
    def unheld(self, timeout_s: float) -> Iterator[bool]:
        """No holds inside: whether that could be had in time."""
        self._is_wanted.set()
        try:
            deadline_s = time.monotonic() + timeout_s
            while self._holds.value and time.monotonic() < deadline_s:
                time.sleep(0.02)
            with self._holds.get_lock():
                free = self._holds.value == 0
            yield free
        finally:
            self._is_wanted.clear()

    def open_files(self) -> set[tuple[int, int]]:
        """Device and inode of all that the collector has open now."""
        pid = self.collector_pid
        try:
            descriptors = list(Path(f"/proc/{pid}/fd").iterdir()) if pid else []
        except OSError:
            return set()
        found = set()
        for descriptor in descriptors:
            # It may close one meanwhile.
            with suppress(OSError):
                found.add(identity(descriptor))
        return found

    def has_open(self, path: Path) -> bool:
        """Whether the collector has this file open now."""
        return identity(path) in self.open_files()


class Stored:
    """How many events storage holds of each stream. It is asked on a thread, so that who looks here never waits.

    Args:
        storage_url: where it is.
    """

    def __init__(self, storage_url: str) -> None:
        self._url = f"{storage_url}/logs/stats"
        self._counts: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="stored", daemon=True)

    def start(self) -> Stored:
        """Begin to ask."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(2 * _STORAGE_TIMEOUT_S)

    def count(self, name: str) -> int:
        """Those of the services that are named by this stream; a moment old."""
        return sum(count for service, count in self.counts().items() if service.startswith(name))

    def total(self) -> int:
        """All of them."""
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        """By service."""
        return self._counts

    def _ask(self) -> None:
        http = requests.Session()
        while not self._over.wait(_ASK_EVERY_S):
            # One that does not answer in time holds at least what it held before.
            with suppress(requests.RequestException):
                answer = http.get(self._url, timeout=_STORAGE_TIMEOUT_S)
                answer.raise_for_status()
                self._counts = answer.json()["by_service"]


def identity(path: Path) -> tuple[int, int]:
    """Device and inode of a file."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino
