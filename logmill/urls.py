"""Addresses as they may be shown: without what only their two ends should know."""

from __future__ import annotations

HIDDEN = "…"
# Its addresses are files: nothing in them is a secret, and an @ is part of the name.
_FILE_SCHEME = "sqlite"


def without_credentials(url: str) -> str:
    """An address without user, password and parameters, also one that is not well formed.

    What is before the last @ is left out, since a password may hold any character; so is what follows a question mark,
    where drivers take passwords and keys as well.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    if scheme == _FILE_SCHEME:
        return url
    head, mark, parameters = rest.partition("?")
    if "@" in parameters:  # a password with a question mark, or a parameter with an @: nobody can tell
        return f"{scheme}{separator}{HIDDEN}"
    return f"{scheme}{separator}{head.rpartition('@')[2]}{mark and mark + HIDDEN}"
