"""Sees before anything is collected that a local copy may go on in the file that lies there: it is one, of its type."""

from __future__ import annotations

import re
from pathlib import Path

from collector.outputs.structured import COLUMNS
from logmill.errors import ConfigError

_HEAD_BYTES = 64 * 1024
_DATABASE = b"SQLite format 3\x00"
_SHEET = ",".join(COLUMNS).encode()
_LINE = re.compile(
    b"".join(
        rb'%s"%s":"(?:[^"\\]|\\.)*+"' % (b"{" if name == COLUMNS[0] else b",", name.encode())
        for name in COLUMNS[: COLUMNS.index("message")]
    )
)
_BEGIN = b'{"timestamp":"'
_NAMES = {"jsonl": "a copy in JSON lines", "csv": "a copy in CSV", "sqlite": "a SQLite database"}


def check_existing(path: Path, kind: str, settled_bytes: int | None = None) -> None:
    """See that the file is of the type, or empty, or is not there.

    Args:
        path: of the copy.
        kind: jsonl, csv or sqlite.
        settled_bytes: what is behind them is of no account, since it is cut off; None: the file stays as it is.

    Raises:
        ConfigError: it is something else, which is left as it is.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"--output (LOGMILL_COLLECT_OUTPUT): {path} is a folder; name a file")
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES if settled_bytes is None else min(settled_bytes, _HEAD_BYTES))
    except OSError as error:
        raise ConfigError(f"--output (LOGMILL_COLLECT_OUTPUT): {path} cannot be read: {error.strerror}") from None
    found = next((one for one in _NAMES if _is_of(head, one)), "")
    if head and not _is_of(head, kind):
        what = f"is {_NAMES[found]}" if found else "is no copy that the collector wrote"
        raise ConfigError(
            f"--output (LOGMILL_COLLECT_OUTPUT): {path} {what}, and --output-type is {kind}; "
            "name another file, or the type that it has. Nothing was changed in it"
        )


def check_not_collected(path: Path, patterns: list[str]) -> None:
    """See that nobody asked for the copy itself to be collected; a glob that matches it too leaves it out.

    Raises:
        ConfigError: a pattern names it.
    """
    for pattern in patterns:
        named = Path(pattern)
        if named.absolute() == path.absolute() or (path.exists() and named.exists() and named.samefile(path)):
            raise ConfigError(
                f"--output (LOGMILL_COLLECT_OUTPUT): {path} is also to be collected ({pattern}), "
                "and a copy is never collected; name another file"
            )


def _is_of(head: bytes, kind: str) -> bool:
    """Whether a file begins as this type does; one that was cut off in its first line is told by what there is."""
    if kind == "sqlite":
        return head.startswith(_DATABASE)
    if kind == "csv":
        return head.startswith(_SHEET) or _SHEET.startswith(head)
    is_torn = b"\n" not in head and len(head) < _HEAD_BYTES
    return _LINE.match(head) is not None or (is_torn and (head.startswith(_BEGIN) or _BEGIN.startswith(head)))
