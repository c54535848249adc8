"""What people are told of retention: what was dropped, what is next, and whether it makes room in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logmill.cached import Cached
from logmill.errors import LogmillError
from storage.pipeline.activity import Activity
from storage.retention.days import Policy, StoredDay
from storage.retention.service import Retention
from storage.store import Store

_AGE_S, _WAIT_S = 5.0, 2.5


@dataclass(frozen=True, slots=True)
class _Found:
    """What takes a look at the store and the archive; None is not known."""

    days: list[StoredDay] | None
    files: int | None
    bytes: int | None


class Figures:
    """What there is to say of one store's retention; safe for threads.

    Attributes:
        retention: whose figures.

    Args:
        retention: the same.
        store: the days in it.
        activity: what came in.
        folder: where the store is.
    """

    def __init__(self, retention: Retention, store: Store, activity: Activity, folder: Path) -> None:
        self.retention = retention
        self._store = store
        self._activity = activity
        self._folder = folder
        self._found = Cached(self._look, _AGE_S, _WAIT_S)

    def shown(self, bytes_a_day: float | None, stored_bytes: int, room_bytes: float) -> dict[str, Any] | None:
        """For JSON; None where everything is kept for ever, and always was.

        Args:
            bytes_a_day: what logs of a day take, None where that is not known.
            stored_bytes: what they take now.
            room_bytes: what they may still take.
        """
        retention, entries = self.retention, self.retention.entries
        if not retention.is_on and entries.dropped_through is None:
            return None
        found = self._looked()
        oldest = min(found.days, key=lambda one: one.day).day if found.days else None
        drops_on = None if oldest is None else retention.policy.drops_on(oldest)
        status = retention.status
        return {
            "days": retention.policy.days,
            "max_bytes": retention.policy.max_bytes,
            "over_bytes": status.over_bytes,
            "oldest_day": _text(oldest),
            "drops_on": _text(drops_on),
            "dropped_through": _text(entries.dropped_through),
            "dropped_days": entries.days,
            "dropped_logs": entries.logs,
            "dropped_bytes": entries.bytes,
            "expired_logs": self._activity.expired,
            "doing": status.doing,
            "day": _text(status.day),
            "archived": status.archived,
            "error": status.error,
            "makes_room": None
            if bytes_a_day is None
            else makes_room(retention.policy, bytes_a_day, stored_bytes, room_bytes - self._archive_growth(found)),
            "archive": self._archive(found),
        }

    def archive_bytes(self) -> float:
        """What the archive takes; not a number where that is not known."""
        found = self._looked().bytes
        return float("nan") if found is None else found

    def archive_files(self) -> float:
        """How many files it has; not a number where that is not known."""
        found = self._looked().files
        return float("nan") if found is None else found

    def _archive(self, found: _Found) -> dict[str, Any] | None:
        archive, entries = self.retention.archive, self.retention.entries
        if archive is None:
            return None
        return {
            "folder": str(archive.folder),
            "max_bytes": archive.max_bytes,
            "files": found.files,
            "bytes": found.bytes,
            "logs": entries.archived_logs,
            "pruned_files": entries.pruned_files,
            "pruned_bytes": entries.pruned_bytes,
        }

    def _archive_growth(self, found: _Found) -> float:
        """How much of the store's disk the archive may still take."""
        archive = self.retention.archive
        if archive is None or not _share_disk(self._folder, archive.folder):
            return 0.0
        return max(0, archive.max_bytes - (found.bytes or 0)) if archive.max_bytes else float("inf")

    def _looked(self) -> _Found:
        try:
            return self._found.get()
        except LogmillError:  # others have been looking for long
            return _Found(None, None, None)

    def _look(self) -> _Found:
        days: list[StoredDay] | None = None
        files: int | None = None
        size: int | None = None
        try:
            days = self._store.days()
            files, size = (0, 0) if self.retention.archive is None else self.retention.archive.use()
        except LogmillError:  # what is not known now is shown as that
            pass
        return _Found(days, files, size)


def makes_room(policy: Policy, bytes_a_day: float, stored_bytes: int, room_bytes: float) -> bool:
    """Whether days are dropped before the disk is full, if logs go on coming as they did.

    Args:
        policy: which days are kept.
        bytes_a_day: what logs of a day take.
        stored_bytes: what logs take now.
        room_bytes: what they may still take.
    """
    most = []
    if policy.days:
        most.append(bytes_a_day * (policy.days + 1))
    if policy.max_bytes:
        # Today is kept.
        most.append(max(float(policy.max_bytes), bytes_a_day))
    return bool(most) and min(most) <= stored_bytes + room_bytes


def _share_disk(one: Path, other: Path) -> bool:
    try:
        while not other.exists() and other != other.parent:
            other = other.parent
        return one.stat().st_dev == other.stat().st_dev
    except OSError:
        return True


def _text(day: Any) -> str | None:
    return None if day is None else str(day)
