"""Where files are at a scan: under a name that a pattern matches, under another one of their folder, or nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from collector.files.discovery import Discovery, Found, names_of
from collector.files.followed import Followed, Key


class Whereabouts:
    """Answers for one scan; each folder is read once.

    Args:
        discovery: looks at single files.
        found: what patterns match.
    """

    def __init__(self, discovery: Discovery, found: Mapping[Key, Found]) -> None:
        self._discovery = discovery
        self._found = found
        self._names: dict[str, dict[int, str]] = {}

    def of(self, file: Followed) -> Found | None:
        """The file where it is now; None where it has no name any more, or one in another folder."""
        if file.key is None:
            return None
        one = self._found.get(file.key)
        if one is None:
            folder = os.path.dirname(file.path)
            if folder not in self._names:
                self._names[folder] = {inode: name for name, inode in names_of(folder).items()}
            name = self._names[folder].get(file.key[1])
            one = None if name is None else self._discovery.look(os.path.join(folder, name))
        return one if one is not None and one.key == file.key else None
