"""What a process has cost so far, as /proc says (Linux): CPU time and memory, and memory over time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MIB = 1024 * 1024
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_of(pid: int) -> float:
    """User and system time of a process and of its children that have ended; 0 where there is none."""
    fields = stat_fields(pid)
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS_A_SECOND if fields else 0.0


def resident_bytes(pid: int) -> int:
    """Its resident memory; 0 where there is none."""
    fields = stat_fields(pid)
    return int(fields[21]) * _PAGE_BYTES if fields else 0


def descendants(pid: int) -> list[int]:
    """Its children, theirs, and so on."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := stat_fields(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, queue = [], [pid]
    while queue:
        for child in children.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def stat_fields(pid: int) -> list[str]:
    """The fields of its stat file from the third on (proc(5)): the second may hold spaces; [] where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory over a time, MiB: the medians of its first and last quarter, and the most."""

    first_mib: int
    last_mib: int
    most_mib: int

    @classmethod
    def of(cls, samples: list[int]) -> Memory:
        """That of samples in bytes, in their order.

        Raises:
            ValueError: there are none.
        """
        if not samples:
            raise ValueError("no memory was looked at: the process was never there")
        quarter = max(1, len(samples) // 4)
        parts = (median(samples[:quarter]), median(samples[-quarter:]), max(samples))
        return cls(*(round(part / MIB) for part in parts))

    def __str__(self) -> str:
        return f"{self.first_mib} in the first quarter, {self.last_mib} in the last, {self.most_mib} at most"


class MemorySampler:
    """Looks at the memory of a process now and then. Use it as a context manager.

    Args:
        pid: of the process, which may be another each time; 0 while there is none.
        every_s: how often.
    """

    def __init__(self, pid: Callable[[], int], every_s: float = 0.25) -> None:
        self._pid = pid
        self._every_s = every_s
        self._over = threading.Event()
        self._samples: list[int] = []
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> MemorySampler:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join(10.0)

    @property
    def memory(self) -> Memory:
        """What was seen so far."""
        return Memory.of(self._samples)

    def _look(self) -> None:
        while not self._over.wait(self._every_s):
            if found := resident_bytes(self._pid()):
                self._samples.append(found)
