"""Go's panics and fatal errors with their goroutines, and dumps of goroutines alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from logmill.parsing.found import Found
from logmill.parsing.secrets import Secrets
from logmill.parsing.trace_parts import Frame, Problem, found_of, number

_GOROUTINE = re.compile(r"goroutine (\d{1,18}+) (?:[^\[]*+)\[([^\]]*+)\]:?\s*+")
_PANIC, _FATAL = "panic: ", "fatal error: "
_RECOVERED = " [recovered]"
_CREATED = "created by "


def read(lines: Sequence[str], secrets: Secrets) -> Found | None:
    """The fields of the panic or dump in these lines; None where there is none."""
    heads = [(index, match) for index, line in enumerate(lines) if (match := _GOROUTINE.fullmatch(line))]
    if not heads:
        return None
    first, goroutine = heads[0]
    panics = _panics(lines[:first])
    end = heads[1][0] if len(heads) > 1 else len(lines)
    *earlier, last = panics or [Problem("")]
    last.frames = _frames(lines[first + 1 : end])
    return found_of(
        "go",
        last,
        {"causes": earlier[::-1]},
        secrets,
        # A dump that somebody asked for is no error.
        level="ERROR" if panics else "",
        goroutine=int(goroutine[1]),
        goroutine_state=goroutine[2],
        goroutine_count=len(heads),
    )


def _panics(lines: Sequence[str]) -> list[Problem]:
    """What was panicked with above the first goroutine, in order; a message goes on over lines."""
    found: list[Problem] = []
    for line in lines:
        text = line.strip()
        mark = next((mark for mark in (_PANIC, _FATAL) if text.startswith(mark)), "")
        if mark:
            found.append(Problem(mark.rstrip(": "), text.removeprefix(mark).removesuffix(_RECOVERED)))
        elif found and text and not text.startswith("[signal "):
            found[-1].message += f"\n{text}"
    return found


def _frames(lines: Sequence[str]) -> list[Frame]:
    """A function a line, and below it, indented, its file and line."""
    frames: list[Frame] = []
    for function, place in pairwise(lines):
        if not function or function[0].isspace() or not place.startswith(("\t", " ")):
            continue
        file, _colon, rest = place.strip().rpartition(":")
        digits = rest.partition(" ")[0]
        if file and number(digits):
            frames.append(Frame(_name(function), file, number(digits)))
    return frames


def _name(function: str) -> str:
    """Of `main.(*T).f(0x1, …)` or `created by main.start in goroutine 1` the name alone."""
    if function.startswith(_CREATED):
        return function.removeprefix(_CREATED).partition(" in goroutine ")[0].strip()
    return function[: function.rindex("(")] if function.rstrip().endswith(")") else function
