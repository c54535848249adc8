"""Java's stack traces, and those of other languages of its virtual machine: with causes and what was suppressed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logmill.parsing.found import Found
from logmill.parsing.secrets import Secrets
from logmill.parsing.trace_parts import Frame, Problem, found_of, number

_CAUSED, _SUPPRESSED = "Caused by: ", "Suppressed: "
_THREAD = 'Exception in thread "'
# Possessive: a name that does not end in a class fails without going back.
_CLASS = re.compile(r"(?:[A-Za-z_$][\w$]*+\.)++[A-Za-z_$][\w$]*+")
_THROWN = ("Exception", "Error", "Throwable")
# So far above the first frame the line that names the exception may stand: messages have several lines.
_MOST_MESSAGE_LINES = 100


def read(lines: Sequence[str], secrets: Secrets) -> Found | None:
    """The fields of the trace among these lines; None where there is none."""
    first = next((index for index, line in enumerate(lines) if _frame(line) is not None), None)
    if first is None:
        return None
    head = _head(lines[:first])
    if head is None:
        return None
    problem, thread = head
    causes: list[Problem] = []
    suppressed: list[Problem] = []
    is_own = True
    for line in lines[first:]:
        if is_own and (frame := _frame(line)) is not None:
            problem.frames.append(frame)
            continue
        text = line.lstrip()
        if text.startswith(_CAUSED):
            is_own = False
            # What is indented is the cause of what was suppressed.
            if text == line:
                causes.append(_named(text.removeprefix(_CAUSED)))
        elif text.startswith(_SUPPRESSED):
            is_own = False
            suppressed.append(_named(text.removeprefix(_SUPPRESSED)))
    return found_of("java", problem, {"causes": causes, "suppressed": suppressed}, secrets, thread=thread)


def _head(lines: Sequence[str]) -> tuple[Problem, str] | None:
    """The exception that the lines above the first frame name, and its thread."""
    for index in range(len(lines) - 1, max(-1, len(lines) - 1 - _MOST_MESSAGE_LINES), -1):
        line = lines[index].strip()
        thread = ""
        if line.startswith(_THREAD):
            thread, _quote, line = line.removeprefix(_THREAD).partition('" ')
        problem = _problem(line)
        if problem is not None:
            problem.message = "\n".join([problem.message, *lines[index + 1 :]]).rstrip()
            return problem, thread
    return None


def _problem(line: str) -> Problem | None:
    """The exception that a line names: at its start, or as a word that is called like one further on."""
    name, _colon, message = line.partition(":")
    if _CLASS.fullmatch(name) or (name.endswith(_THROWN) and name.isidentifier()):
        return Problem(name, message.strip())
    position = 0
    for word in line.split(" "):
        name = word.removesuffix(":")
        if name.endswith(_THROWN) and _CLASS.fullmatch(name):
            return Problem(name, line[position + len(word) :].strip())
        position += len(word) + 1
    return None


def _named(text: str) -> Problem:
    name, _colon, message = text.partition(":")
    return Problem(name.strip(), message.strip())


def _frame(line: str) -> Frame | None:
    r"""Of `\tat module/package.Class.method(File.java:10) ~[jar]`."""
    text = line.lstrip()
    if text == line or not text.startswith("at "):
        return None
    function, bracket, rest = text.removeprefix("at ").partition("(")
    place, end, _jar = rest.partition(")")
    function = function.rpartition("/")[2]
    if not bracket or not end or "." not in function or " " in function:
        return None
    file, _colon, digits = place.partition(":")
    return Frame(function, "" if " " in file else file, number(digits))
