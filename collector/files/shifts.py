"""Logs whose name another file has taken over, and what lies beside them since."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Container

from collector.files.discovery import Discovery, Found, names_of
from collector.files.fingerprints import Key
from collector.files.followed import CLOCK_SLACK_S
from collector.files.names import is_rotated, root_of

# For so long after a rotation the folder is searched for what no pattern matches: the rest of a truncated file, or
# one that came and went between two looks.
SEARCH_S = 120.0


class Shifts:
    """Remembers for SEARCH_S that a log was rotated, and when it was seen last before that."""

    def __init__(self) -> None:
        # By folder and name: seconds since 1970, and when that was noted, monotonic.
        self._seen: dict[tuple[str, str], tuple[float, float]] = {}

    def note(self, path: str, seen_at: float) -> None:
        """What lay here, and was seen last at this time, is not there any more."""
        folder, name = os.path.split(path)
        if not is_rotated(name):
            before, _at = self._seen.get((folder, name), (math.inf, 0.0))
            self._seen[folder, name] = (min(seen_at, before), time.monotonic())

    def came_since(self, one: Found) -> bool:
        """Whether it was written after the log was seen last whose rotation it is, by its name.

        What was last written before that was rotated before anybody followed the log.
        """
        folder, name = os.path.split(one.path)
        since, _at = self._seen.get((folder, root_of(name)), (math.inf, 0.0))
        return one.stat.st_mtime >= since - CLOCK_SLACK_S

    def beside(self, discovery: Discovery, known: Container[Key], found: Container[Key]) -> list[Found]:
        """Files that rotation may have made of these logs, which are not known and no pattern matches."""
        now = time.monotonic()
        self._seen = {log: seen for log, seen in self._seen.items() if now - seen[1] < SEARCH_S}
        beside = []
        for folder in {folder for folder, _name in self._seen}:
            for name in names_of(folder):
                if is_rotated(name) and (folder, root_of(name)) in self._seen:
                    one = discovery.look(os.path.join(folder, name))
                    if one is not None and one.key not in found and one.key not in known:
                        beside.append(one)
        return beside
