"""Where reading begins in a file of which only what comes is wanted, and what it is known by then."""

from __future__ import annotations

from collector.files.content import PlainContent, open_content
from collector.files.fingerprints import ANCHOR_BYTES, HEAD_BYTES, Print
from collector.files.names import COMPRESSED

_BLOCK_BYTES = 64 * 1024


def last_line_end(path: str, size_bytes: int) -> int:
    """The place behind the last whole line; 0 where there is none, and for compressed files, which end as they are.

    Raises:
        OSError: it cannot be read.
    """
    if path.endswith(COMPRESSED):
        return 0
    content = PlainContent(path)
    try:
        end = size_bytes
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            at = content.read(start, end - start).rfind(b"\n")
            if at >= 0:
                return start + at + 1
            end = start
    finally:
        content.close()
    return 0


def prints_at(path: str, position: int) -> tuple[Print, Print]:
    """The head of a file, and the anchor before a place: without them nobody could tell that it was truncated.

    Raises:
        OSError: it cannot be read.
    """
    if not position:
        return Print(), Print()
    content = open_content(path)
    try:
        start = max(0, position - ANCHOR_BYTES)
        head, before = content.read(0, min(HEAD_BYTES, position)), content.read(start, position - start)
    finally:
        content.close()
    return Print.of(head), Print.of(before)
