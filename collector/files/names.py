"""Which names of a folder are one log before and after its rotations."""

from __future__ import annotations

import re
from functools import lru_cache

COMPRESSED = ".gz"
# What rotation puts behind a name: a number, a date with or without a time, or a word; once or twice (app.log.1.old).
_BEHIND = re.compile(r"(?:[._-](?:\d{1,14}|\d{4}-\d\d-\d\d(?:[-T_.]\d\d[-:.]?\d\d(?:[-:.]?\d\d)?)?|old|bak|orig))+$")
# A date before the extension: app-2026-01-31.log, app.20260131.log. A lone number there is more often an instance's.
_BEFORE = re.compile(r"[._-]\d{4}-?\d\d-?\d\d(?:[-T_.]\d{1,6})?(?=\.[A-Za-z]+$)")


@lru_cache(maxsize=65_536)
def root_of(name: str) -> str:
    """What rotation made this name of, as far as names tell: `app.log` of `app.log.2.gz`.

    Args:
        name: of a file, without its folder.
    """
    base = name.removesuffix(COMPRESSED)
    return _BEFORE.sub("", _BEHIND.sub("", base)) or name


def is_rotated(name: str) -> bool:
    """Whether the name is one that rotation gives."""
    return root_of(name) != name
