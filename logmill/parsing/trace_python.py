"""Python's tracebacks: chained ones and exception groups too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logmill.parsing.found import Found
from logmill.parsing.secrets import Secrets
from logmill.parsing.trace_parts import Frame, Problem, found_of, number

_START = "Traceback (most recent call last):"
_DIRECT = "The above exception was the direct cause of the following exception:"
_DURING = "During handling of the above exception, another exception occurred:"
_GROUP = "+ Exception Group Traceback"
_TYPE = re.compile(r"[A-Za-z_][\w.<>]*+")
# `  | ` and `  + ` before the lines of a group; `  +-+---- 1 ----` and `    +---- 2 ----` between its members.
_MARGIN = re.compile(r"( ++)[|+] ?")
_MEMBER = re.compile(r" ++\+(?:-\+)?-{5,}+ \d+ -{5,}+\s*+")
_END = re.compile(r" ++\+-{5,}+\s*+")


def read(lines: Sequence[str], secrets: Secrets) -> Found | None:
    """The fields of the traceback among these lines; None where there is none."""
    start = next((index for index, line in enumerate(lines) if line.rstrip().endswith(_START)), None)
    if start is None:
        return None
    problems, members = _chain(lines[start:])
    if not problems:
        return None
    *earlier, last = problems
    return found_of("python", last, {"causes": earlier[::-1], "members": members}, secrets)


def _chain(lines: Sequence[str]) -> tuple[list[Problem], list[Problem]]:
    """The exceptions in the order in which they were raised, and the members of the groups among them."""
    problems: list[Problem] = []
    members: list[Problem] = []
    is_grouped = any(_GROUP in line for line in lines)
    start = 0
    for end in [*(index for index, line in enumerate(lines) if line[-1:] == ":" and _is_link(line)), len(lines)]:
        part = lines[start:end]
        own, others = _split_group(part) if is_grouped else (part, [])
        problem = _problem(own)
        if problem is not None:
            problems.append(problem)
            members.extend(others)
        start = end + 1
    return problems, members


def _is_link(line: str) -> bool:
    """Whether the line is between two exceptions of a chain; the chain of a group's member is the member's own."""
    return line.strip().removeprefix("| ") in {_DIRECT, _DURING} and _depth(line) <= 1


def _depth(line: str) -> int:
    """How many groups the line is in: two blanks of margin a group, then a bar or a plus."""
    match = _MARGIN.match(line)
    return len(match[1]) // 2 if match else 0


def _split_group(lines: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """The lines of the exception itself without their margin, and the members of a group."""
    own: list[str] = []
    members: list[list[str]] = []
    for line in lines:
        depth = _depth(line)
        if _MEMBER.fullmatch(line):
            # The first member's line stands at its group's margin, those of the others at their own.
            if (depth == 1 and "+-+" in line) or (depth == 2 and "+-+" not in line):  # noqa: PLR2004 - of the outer group
                members.append([])
        elif _END.fullmatch(line):
            continue
        elif members and depth == 2:  # noqa: PLR2004 - in a member of the outer group
            members[-1].append(_MARGIN.sub("", line, count=1))
        elif not members:
            own.append(_MARGIN.sub("", line, count=1) if depth == 1 else line)
    return own, [problem for member in members if (problem := _problem(member)) is not None]


def _problem(lines: Sequence[str]) -> Problem | None:
    """The exception of one traceback, or of its last line alone; None where there is none."""
    frames: list[Frame] = []
    for index, line in enumerate(lines):
        if line.startswith('  File "'):
            frames.append(_frame(line))
        elif line[:1] not in {"", " ", "\t"} and not line.rstrip().endswith(_START):
            name, colon, text = line.partition(":")
            if _TYPE.fullmatch(name.strip()) is None:
                return None
            message = "\n".join([text.strip() if colon else "", *lines[index + 1 :]]).rstrip()
            return Problem(name.strip(), message, frames[::-1])
    return None


def _frame(line: str) -> Frame:
    """Of `  File "x.py", line 3, in f`; a syntax error names no function."""
    file, _quote, rest = line.removeprefix('  File "').rpartition('", line ')
    digits, _comma, function = rest.partition(", in ")
    return Frame(function.strip(), file, number(digits.strip()))
