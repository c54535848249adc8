"""What /proc says about processes: whose child one is, and whether anything of a group still runs (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_ENDED = frozenset({"Z", "X"})


def parent_of(pid: int) -> int | None:
    """The process that `pid` is a child of; None where there is no such process."""
    fields = _stat(pid)
    return int(fields[1]) if fields is not None and fields[0] not in _ENDED else None


def is_group_alive(group: int) -> bool:
    """Whether a process of this group runs; those that ended and were not yet waited for do not count."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    found = (_stat(int(folder.name)) for folder in Path("/proc").iterdir() if folder.name.isdigit())
    return any(fields is not None and fields[0] not in _ENDED and int(fields[2]) == group for fields in found)


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every process of a group; nothing happens where there is none."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on (proc(5)): state, parent, group; the second may hold spaces."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
