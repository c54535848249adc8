"""Where files of batches may lie: the folder that was named, else this user's own."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT = "~/.local/state/logmill/handler"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that may be used.

    Attributes:
        path: the folder.
        is_public: whether others may put folders where it lies, so that it must be looked at whose it is.
    """

    path: Path
    is_public: bool = False

    def is_usable(self) -> bool:
        """Whether it is there, and this user can write it."""
        try:
            if self.is_public and not all(_is_own(folder) for folder in (self.path, self.path.parent)):
                return False
            return self.path.is_dir() and os.access(self.path, os.W_OK | os.X_OK)
        except OSError:
            return False

    def make(self) -> None:
        """Make it, and what is above it, for this user alone.

        Raises:
            OSError: it cannot be made, or is another's.
        """
        for folder in (*reversed(self.path.parents), self.path):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        if not self.is_usable():
            raise PermissionError(errno.EACCES, "it is not this user's own", str(self.path))


def places(spill_dir: str | os.PathLike[str], url: str) -> list[Place]:
    """The folders that may be used for what goes to this producer, the first that works."""
    parts = urlsplit(url)
    name = f"{parts.hostname}-{parts.port or parts.scheme}-{blake2b(url.encode(), digest_size=4).hexdigest()}"
    found = [Place(Path(spill_dir).expanduser() / name)]
    if spill_dir == DEFAULT:
        found.append(Place(Path(tempfile.gettempdir()) / f"logmill-handler-{os.geteuid()}" / name, is_public=True))
    return found


def _is_own(folder: Path) -> bool:
    """Whether it is a folder that this user made, and nobody else can put anything there."""
    status = os.lstat(folder)
    is_safe = not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and is_safe
