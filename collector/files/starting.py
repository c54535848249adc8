"""Where reading begins in a file of which only what comes is wanted."""

from __future__ import annotations

from collector.files.content import PlainContent
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
