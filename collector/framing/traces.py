"""Which lines belong to the event before them: indented ones, and what stack traces of Python, Java and Go have."""

from __future__ import annotations

import re
from collections.abc import Sequence

# One of them is in every buffer that has such lines; found far quicker than an expression, and most buffers have none.
HINTS = (b"\n ", b"\n\t", b"\nTraceback (most", b"\nCaused by: ", b"\ngoroutine ")
_CONTINUES = re.compile(
    rb"[ \t]+\S"
    rb"|Caused by: |Suppressed: |Wrapped by: "
    rb"|Traceback \(most recent call last\):"
    rb"|During handling of the above exception, another exception occurred:"
    rb"|The above exception was the direct cause of the following exception:"
    rb"|goroutine \d+ \[|\[signal |created by |exit status \d+\r?$"
    rb"|[\])}]+[,;]?\r?$"
)
_TRACEBACK = b"Traceback (most recent call last):"
# The last line of a Python trace is not indented: the exception, and its message.
_EXCEPTION = re.compile(rb"[A-Za-z_][\w.]*(?::|\r?$)")
_GOROUTINE = b"goroutine "
# Go's frames are not indented either: main.f(0x1, …); what is indented below them is the place.
_GO_FRAME = re.compile(rb"[\w./*()\-\[\]{}]+\([^ ]*\)\r?$|[\w./*()\-\[\]{}]+\(0x[^)]*\)\r?$")
# What stands after an empty line within a trace, and before one.
_CHAINED = (b"During handling of the above exception", b"The above exception was the direct cause")
_PANIC = (b"panic: ", b"fatal error: ", b"[signal ")


def continuations(lines: Sequence[bytes]) -> list[bool]:
    """For each line, whether it belongs to the one before it.

    Args:
        lines: without their line feeds; the first has nothing before it.
    """
    found: list[bool] = []
    is_python = is_go = False
    for at, line in enumerate(lines):
        if not line or line == b"\r":
            found.append(at > 0 and _is_within(lines, at, is_go=is_go))
            continue
        if line.startswith(_TRACEBACK):
            is_python = joined = True
        elif line.startswith(_GOROUTINE):
            is_go = joined = True
        elif _CONTINUES.match(line):
            joined = True
        elif is_python and _EXCEPTION.match(line):
            is_python, joined = False, True
        else:
            joined = is_go and _GO_FRAME.match(line) is not None
            is_python = False
            is_go = joined
        found.append(joined and at > 0)
    return found


def _is_within(lines: Sequence[bytes], at: int, *, is_go: bool) -> bool:
    """Whether an empty line stands in the middle of a trace, which the lines around it say."""
    before = lines[at - 1]
    after = lines[at + 1] if at + 1 < len(lines) else b""
    if after.startswith(_GOROUTINE):
        return is_go or before.startswith((*_PANIC, b"\t", b" ")) or b"panic: " in before
    return after.startswith(_CHAINED) or (after.startswith(_TRACEBACK) and before.startswith(_CHAINED))
