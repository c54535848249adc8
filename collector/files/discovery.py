"""Which files there are: those that patterns match, and what else lies in a folder."""

from __future__ import annotations

import glob
import os
import re
import stat as modes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate

from collector.files.fingerprints import Key, key_of
from collector.files.names import is_rotated

MAX_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file: the name under which it was found, where that leads, and what the file system says of it."""

    name: str
    path: str
    stat: os.stat_result

    @property
    def key(self) -> Key:
        """Device and inode."""
        return key_of(self.stat)

    @property
    def written(self) -> tuple[int, int]:
        """Its size and the time of its last change, nanoseconds, which change when something is written to it."""
        return self.stat.st_size, self.stat.st_mtime_ns

    @property
    def is_rotated(self) -> bool:
        """Whether its name is one that rotation gives."""
        return is_rotated(os.path.basename(self.path))


class Discovery:
    """Looks for files.

    Args:
        patterns: paths and globs; `**` is any number of folders.
        excluded: globs of paths that are left out; one without a slash is for names.

    Attributes:
        patterns: the same as absolute paths.
        problems: why a file could not be looked at, by path, as of the last time.
    """

    def __init__(self, patterns: Sequence[str], excluded: Iterable[str]) -> None:
        self.patterns = [os.path.abspath(pattern) for pattern in patterns]
        excluded = list(excluded)
        self._names = _any_of(pattern for pattern in excluded if "/" not in pattern)
        self._paths = _any_of(os.path.abspath(pattern) for pattern in excluded if "/" in pattern)
        self.problems: dict[str, str] = {}

    def folders(self) -> dict[str, bool]:
        """Where files may appear, and whether also below; only folders that exist."""
        found: dict[str, bool] = {}
        for pattern in self.patterns:
            folder, below = os.path.dirname(pattern), False
            while glob.has_magic(folder):
                folder, below = os.path.dirname(folder), True
            while not os.path.isdir(folder) and folder != "/":
                folder, below = os.path.dirname(folder), False
            found[folder] = found.get(folder, False) or below
        return found

    def find(self) -> dict[Key, Found]:
        """The regular files that match, each once whatever number of names it has, in the order of their names."""
        self.problems = {}
        found: dict[Key, Found] = {}
        for pattern in self.patterns:
            for name in sorted(glob.glob(pattern, recursive=True, include_hidden=False)):
                one = self.look(name)
                if one is not None:
                    found.setdefault(one.key, one)
                if len(found) >= MAX_FILES:
                    self.problems[pattern] = f"more than {MAX_FILES} files; the others are not followed"
                    return found
        return found

    def missing(self) -> dict[str, str]:
        """The paths, not globs, of which there is no file now, and why."""
        found = {}
        for path in self.patterns:
            if os.path.isdir(path):
                found[path] = f"it is a folder; name the files in it, as in '{path}/**'"
            elif not glob.has_magic(path) and not os.path.exists(path):
                found[path] = "there is no such file"
        return found

    def look(self, name: str) -> Found | None:
        """The regular file of this name; None where there is none, or it is excluded."""
        if self._is_excluded(name):
            return None
        try:
            stat = os.stat(name)
            path = os.path.realpath(name) if os.path.islink(name) else name
        except FileNotFoundError:
            return None
        except OSError as error:
            self.problems[name] = error.strerror or str(error)
            return None
        return Found(name, path, stat) if modes.S_ISREG(stat.st_mode) else None

    def _is_excluded(self, name: str) -> bool:
        by_name = self._names is not None and self._names.match(os.path.basename(name)) is not None
        return by_name or (self._paths is not None and self._paths.match(name) is not None)


def names_in(folder: str) -> dict[str, int]:
    """The names in a folder and their inodes.

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}


def names_of(folder: str) -> dict[str, int]:
    """The same; empty where it cannot be read."""
    try:
        return names_in(folder)
    except OSError:
        return {}


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    expressions = [translate(pattern) for pattern in patterns]
    return re.compile("|".join(expressions)) if expressions else None
