"""Which processes `logmill up` runs: a file for each service in the folder `run` of the data folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from logmill.locking import FolderLock
from logmill.processes import parent_of

RUN_FOLDER = "run"
SUFFIX = ".json"


class Service(msgspec.Struct, frozen=True):
    """One running service: its process, and the URL that answers 200 once it is ready, "" where there is none."""

    name: str
    pid: int
    ready_url: str = ""


def installation_lock(folder: Path) -> FolderLock:
    """What `logmill up` holds while it runs on this data folder."""
    return FolderLock(folder, "logmill.lock", "`logmill up`")


class RunFolder:
    """The files, written by the supervisor and read by `logmill restart`.

    Files of a supervisor that was killed stay behind; `services` passes over what is not its child any more.
    """

    def __init__(self, data_dir: Path) -> None:
        self._lock = installation_lock(data_dir)
        self._folder = data_dir / RUN_FOLDER

    def note(self, service: Service) -> None:
        """Write that it runs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._path(service.name).with_suffix(".new")
        new.write_bytes(msgspec.json.encode(service) + b"\n")
        new.replace(self._path(service.name))

    def forget(self, name: str) -> None:
        """Write that it does not run."""
        self._path(name).unlink(missing_ok=True)

    def services(self) -> dict[str, Service]:
        """What runs now, by name; nothing where `logmill up` does not run on this folder."""
        supervisor = self._lock.holder()
        if supervisor is None:
            return {}
        return {service.name: service for service in self._noted() if parent_of(service.pid) == supervisor}

    def _noted(self) -> Iterator[Service]:
        for path in self._folder.glob(f"*{SUFFIX}"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                yield msgspec.json.decode(path.read_bytes(), type=Service)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"
