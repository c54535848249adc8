"""A disk of its own for a folder, small enough to be filled: a tmpfs, which needs root."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

_ATTEMPTS = 100


@cache
def can_mount() -> bool:
    """Whether this process may mount: as root, and not in a container that forbids it."""
    if os.geteuid() != 0:
        return False
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return done.returncode == 0


class SmallDisk:
    """Mounted on `folder` from construction to `close`.

    Args:
        folder: an existing, empty folder.
        size_bytes: how large it is.
    """

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder = folder
        self._size_bytes = size_bytes
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder], check=True)

    def fill(self, leave_bytes: int) -> None:
        """Leave only so much room, at once: the disk shrinks to what is used of it."""
        for _ in range(_ATTEMPTS):
            status = os.statvfs(self._folder)
            used_bytes = (status.f_blocks - status.f_bfree) * status.f_frsize
            if self._resize(used_bytes + leave_bytes):
                return
            # It was written to meanwhile, and no disk becomes smaller than what is on it.
        raise OSError(f"{self._folder} cannot be made smaller")

    def free(self) -> None:
        """Undo `fill`."""
        self._resize(self._size_bytes)

    def _resize(self, size_bytes: int) -> bool:
        command = ["mount", "-o", f"remount,size={size_bytes}", self._folder]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        """Unmount it; what it held is gone."""
        subprocess.run(["umount", "--lazy", self._folder], check=True)
