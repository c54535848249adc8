"""Lines of container runtimes for Kubernetes that are parts of one: `TIME stdout P …` up to `TIME stdout F …`."""

from __future__ import annotations

import re
from collections.abc import Sequence

# One of them is in every buffer with parts.
HINTS = (b" stdout P", b" stderr P")
_PART = re.compile(rb"([0-9T:.Z+-]{20,35} (stdout|stderr) )P((?::[^ ]*)? )")
_HEADER = re.compile(rb"[0-9T:.Z+-]{20,35} (stdout|stderr) [FP](?::[^ ]*)? ")


def continuations(lines: Sequence[bytes]) -> list[bool]:
    """For each line, whether it goes on with the one before it, which is a part of the same stream."""
    found = []
    stream = None
    for line in lines:
        header = _HEADER.match(line)
        found.append(header is not None and header[1] == stream)
        part = _PART.match(line)
        stream = part[2] if part else None
    return found


def joined(lines: Sequence[bytes]) -> bytes:
    """The parts as the one line that was printed, with the time of the first; whole if the last is its end."""
    if len(lines) == 1:
        return lines[0]
    headers = [_HEADER.match(line) for line in lines]
    texts = [
        line[header.end() if header else 0 :].removesuffix(b"\r") for line, header in zip(lines, headers, strict=True)
    ]
    first = _PART.match(lines[0])
    is_whole = _PART.match(lines[-1]) is None
    begin = b"" if first is None else first[1] + (b"F" if is_whole else b"P") + first[3]
    return begin + b"".join(texts)
