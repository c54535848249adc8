"""Wakes the collector when names in a folder change; how files grow is asked of the files themselves.

A writer that flushes each line makes an event a line, which costs more than reading it. So events are taken of names
alone: what appears, vanishes or is renamed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import structlog
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

log = structlog.get_logger()

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileDeletedEvent, FileMovedEvent, DirCreatedEvent, DirDeletedEvent, DirMovedEvent,
]  # fmt: skip
# File systems on which other machines write, of which the kernel here hears nothing.
SILENT = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "vboxsf", "prl_fs", "afs"})
STOP_S = 2.0
# When to try again where there were no watches left; each try costs looking at all folders, and a line in the log.
RETRY_S = 600.0


class Watch:
    """Sets a flag when names change in the folders that it was given.

    Args:
        changed: the flag.
        mode: "auto": events where the file system has them; "events": always; "poll": never.
    """

    def __init__(self, changed: threading.Event, mode: str) -> None:
        self._changed = changed
        self._mode = mode
        self._observer: BaseObserver | None = None
        self._watched: dict[str, bool] = {}
        self._retry_at = 0.0
        self.problem = ""

    @property
    def has_events(self) -> bool:
        """Whether all folders tell of themselves; else they have to be looked at."""
        return self._observer is not None and not self.problem

    def watch(self, folders: Mapping[str, bool]) -> None:
        """Watch these, and below where that is said; what was watched before stays."""
        if (
            self._mode == "poll"
            or time.monotonic() < self._retry_at
            or all(self._watched.get(path) == below for path, below in folders.items())
        ):
            return
        if self._mode == "auto" and (silent := _silent_of(folders)):
            self.problem = f"{silent} tells of no changes"
            return
        try:
            self._start(folders)
            self.problem = ""
        except OSError as error:  # most often the limit of inotify watches
            self.problem = f"no events: {error.strerror or error}"
            self._retry_at = time.monotonic() + RETRY_S
            log.warning("folders are looked at instead of watched", reason=self.problem)

    def _start(self, folders: Mapping[str, bool]) -> None:
        if self._observer is None:
            self._observer = Observer()
            self._observer.daemon = True
            self._observer.start()
        handler = _Flag(self._changed)
        for path, below in folders.items():
            if self._watched.get(path) != below:
                self._observer.schedule(handler, path, recursive=below, event_filter=_EVENTS)
                self._watched[path] = below

    def close(self) -> None:
        """End its threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(STOP_S)


class _Flag(FileSystemEventHandler):
    def __init__(self, changed: threading.Event) -> None:
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - which one does not matter
        self._changed.set()


def _silent_of(folders: Mapping[str, bool]) -> str:
    """The first of these folders whose file system is known not to tell of what others change, with its kind."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
            mounts = [line.split()[1:3] for line in file]
    except OSError:
        return ""
    for folder in folders:
        within = [(point, kind) for point, kind in mounts if (folder + "/").startswith(point.rstrip("/") + "/")]
        kind = max(within, key=lambda mount: len(mount[0]), default=("", ""))[1]
        if kind in SILENT:
            return f"{folder} ({kind})"
    return ""
