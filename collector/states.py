"""What people are told of a file on the live page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from collector.files.fingerprints import key_of
from collector.files.followed import Followed
from collector.status.following import FileState


def state_of(file: Followed) -> FileState:
    """As the live page shows it; under the path that its records have, and the one where it lies now."""
    size = max(file.size, file.offset)
    words = "deleted" if file.is_deleted else "rotated" if file.is_rotated or file.is_gone else "following"
    return FileState(
        path=file.source.path,
        present_path=_present_path(file),
        size_bytes=size,
        read_bytes=file.offset,
        accepted_bytes=file.settled,
        lag_bytes=max(0, size - file.settled),
        is_rotated=file.is_rotated or file.is_gone,
        modified_at=_time(file.modified_at),
        state=f"cannot be read: {file.problem}" if file.problem else words,
    )


def _present_path(file: Followed) -> str:
    """Where the file lies now that it has left its first name, else ""; a link to it is one of its names."""
    if file.is_deleted or file.path == file.source.path:
        return ""
    try:
        return "" if key_of(Path(file.source.path).stat()) == file.key else file.path
    except OSError:
        return file.path


def _time(seconds: float) -> datetime | None:
    """The time of a file; None where it has none, or one of a year that nobody will see."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
