"""Where files are at a scan: under a name that a pattern matches, under another one of their folder, or nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from collector.files.discovery import Discovery, Found, names_in
from collector.files.fingerprints import Key
from collector.files.followed import Followed


class Whereabouts:
    """Answers for one scan; each folder is read once.

    Args:
        discovery: looks at single files.
        found: what patterns match.
    """

    def __init__(self, discovery: Discovery, found: Mapping[Key, Found]) -> None:
        self._discovery = discovery
        self._found = found
        self._names: dict[str, dict[int, str] | OSError] = {}

    def of(self, file: Followed | Found) -> Found | None:
        """The file where it is now; None where it has no name any more, or one in another folder.

        Raises:
            OSError: its folder, or what is there, cannot be looked at.
        """
        if file.key is None:
            return None
        one = self._found.get(file.key)
        if one is None:
            folder = os.path.dirname(file.path)
            try:
                name = self._in(folder).get(file.key[1])
            except PermissionError:
                # A folder may be entered without being listed: then it is here, or cannot be found.
                name = os.path.basename(file.path)
            if name is not None:
                path = os.path.join(folder, name)
                one = self._discovery.look(path)
                if one is None and path in self._discovery.problems:
                    raise OSError(self._discovery.problems[path])
        return one if one is not None and one.key == file.key else None

    def _in(self, folder: str) -> dict[int, str]:
        """The names in a folder by inode; none where there is no such folder."""
        if folder not in self._names:
            try:
                self._names[folder] = {inode: name for name, inode in names_in(folder).items()}
            except (FileNotFoundError, NotADirectoryError):
                self._names[folder] = {}
            except OSError as error:
                self._names[folder] = error
        names = self._names[folder]
        if isinstance(names, OSError):
            raise names
        return names
