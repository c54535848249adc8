"""Files that are not known by their inode, from one scan to the next, until somebody can say what they are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence

from collector.files.discovery import Found
from collector.files.fingerprints import Key
from collector.files.followed import Followed
from collector.files.names import COMPRESSED, root_of
from collector.files.whereabouts import Whereabouts


class Strangers:
    """Remembers which of them were met before, and which have to be followed whatever their names are now."""

    def __init__(self) -> None:
        # Rotated files that seemed new: at the next scan all is known of which they may be copies.
        self._newcomers: set[Key] = set()
        self._met_before: set[Key] = set()
        # Those that were renamed before anything of them was read.
        self._unread: dict[Key, Found] = {}

    def look_again(self, whereabouts: Whereabouts) -> None:
        """Find again what was renamed unread; at the start of a scan."""
        before, self._unread = self._unread, {}
        for one in before.values():
            try:
                there = whereabouts.of(one)
            except OSError:
                there = one
            if there is not None and _is_same_log(there.path, one.path):
                self._unread[there.key] = dataclasses.replace(there, name=one.name)

    def renamed_unread(self, file: Followed, one: Found) -> None:
        """This has the inode of a file of which nothing was read; its records are named by that one's first name.

        Where its name says that it is of another log, it was given the inode.
        """
        if _is_same_log(one.path, file.path):
            self._unread[one.key] = dataclasses.replace(one, name=file.source.path)

    def gather(self, found: Iterable[Found]) -> Sequence[Found]:
        """These and those that were renamed unread: logs before what rotation may have made of them, then by age.

        What is compressed comes last: while the file that it is made of is there as well, that one is read.
        """
        strangers = {one.key: one for one in found} | self._unread
        self._met_before, self._newcomers = {*self._newcomers, *self._unread}, set()
        return sorted(
            strangers.values(), key=lambda one: (one.is_rotated, one.path.endswith(COMPRESSED), one.stat.st_mtime_ns)
        )

    def has_to_wait(self, one: Found) -> bool:
        """Whether a file that seems new is to be met once more before it counts as such.

        What a rotated file was copied from may have come since the scan began; the next one finds it.
        """
        if not one.is_rotated or one.key in self._met_before:
            return False
        self._newcomers.add(one.key)
        return True

    def is_wanted(self, key: Key) -> bool:
        """Whether a file was followed before it was renamed unread."""
        return key in self._unread

    def settle(self, key: Key) -> bool:
        """Somebody can say what it is; whether it was renamed unread."""
        return self._unread.pop(key, None) is not None


def _is_same_log(path: str, other: str) -> bool:
    return root_of(os.path.basename(path)) == root_of(os.path.basename(other))
