"""Compares what the engine believes to have written with what is on disk.

ClickHouse 26.9 (chDB 4.4) writes the end of a part when it is finished, and takes no notice where that fails: on a disk
that filled up meanwhile INSERT and merge reported success, and the part was a folder of empty files. Read back in this
process it is an error, and after the next start it is put aside: the rows are gone. Synced or not makes no difference.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

# Files of a part that the engine does not count in `bytes_on_disk`.
_UNCOUNTED = frozenset(
    {
        "checksums.txt",
        "columns.txt",
        "columns_substreams.txt",
        "default_compression_codec.txt",
        "metadata_version.txt",
    }
)


class Parts:
    """Which parts were seen to be whole; safe for threads, since what was seen is replaced and never changed."""

    def __init__(self) -> None:
        self._whole: set[str] = set()

    def damaged(self, active: Iterable[Mapping[str, object]]) -> list[str]:
        """The names of those parts that are shorter on disk than the engine believes.

        Args:
            active: path and bytes_on_disk of each part that is in use now.
        """
        whole, found = set(), []
        known = self._whole
        for part in active:
            path, bytes_on_disk = str(part["path"]), int(str(part["bytes_on_disk"]))
            if path in known or _is_whole(path, bytes_on_disk):
                whole.add(path)
            elif os.path.isdir(path):  # noqa: PTH112 - else it was dropped meanwhile
                found.append(os.path.basename(path.rstrip("/")))  # noqa: PTH119
        self._whole = whole
        return found


def _is_whole(path: str, bytes_on_disk: int) -> bool:
    counted = 0
    try:
        for name, size_bytes in _files(path):
            if name not in _UNCOUNTED:
                counted += size_bytes
            elif size_bytes == 0:
                return False
    except FileNotFoundError:
        return False
    return counted >= bytes_on_disk


def _files(path: str) -> Iterator[tuple[str, int]]:
    """Name and size of each file of a part and of its projections."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            else:
                yield entry.name, entry.stat(follow_symlinks=False).st_size
