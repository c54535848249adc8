"""What records are said to be of where nobody says it: a file's name tells."""

from __future__ import annotations

from pathlib import PurePath

from collector.files.names import root_of

# Names that say what kind of log it is, and not of which program; the folder does then.
_KINDS = frozenset({"access", "current", "error", "errors", "log", "logs", "out", "output", "stderr", "stdout"})


def service_of(path: str) -> str:
    """The service whose log this seems to be: `shop` of `/logs/shop.log.1`, `nginx` of `/logs/nginx/error.log`."""
    found = PurePath(path)
    name = root_of(found.name)
    stem = name.split(".", 1)[0] or name
    return found.parent.name or stem if stem.lower() in _KINDS else stem
