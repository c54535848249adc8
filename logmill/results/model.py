"""What is read of a file of test results: outcomes, and the problems that it has, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from hashlib import blake2b
from typing import AnyStr

import msgspec

# What is longer is cut; a name then ends in a hash of the whole, so that two stay two.
MAX_NAME_CHARS = 1000
MAX_MESSAGE_CHARS = 2000
MAX_DETAILS_CHARS = 16_000
# So many problems are told one by one; all are counted.
MAX_PROBLEMS = 1000
_HASH_BYTES = 6
_SPLIT_CHARS = 1 << 16


class Result(StrEnum):
    """What came of a test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


# A test that could not be run is one that failed.
FAILURES = frozenset({Result.FAILED, Result.ERROR})


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one test.

    Attributes:
        test: its name.
        result: what came of it.
        line: the line of the file that says so, from 1.
        suite: the group that the file puts it in, else "".
        duration_s: how long it took, where the file says it.
        timestamp_us: when it was run, where the file says it with a zone; microseconds since 1970-01-01 UTC.
        message: why it failed or was skipped, in short; else "".
        details: what else the file says of it, such as a stack trace; else "".
        location: where in the source it failed or is, as `path:line`; else "".
        reruns: how often it failed and was run again before, within what this outcome stands for.
    """

    test: str
    result: Result
    line: int
    suite: str = ""
    duration_s: float | None = None
    timestamp_us: int | None = None
    message: str = ""
    details: str = ""
    location: str = ""
    reruns: int = 0


class Problem(msgspec.Struct, frozen=True):
    """What cannot be read of a file.

    Attributes:
        line: where, from 1.
        message: what is wrong, in words.
    """

    line: int
    message: str


class FileResults(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a file.

    Attributes:
        name: of the file.
        format: of the file: pairs, junit or reportlog.
        outcomes: in the order of the file.
        problems: the first MAX_PROBLEMS of them, by line.
        problem_count: all of them.
        left_out: outcomes beyond what was asked for.
        is_whole: whether it is a file of this format at all, even one without a test.
    """

    name: str
    format: str
    outcomes: list[Outcome]
    problems: list[Problem]
    problem_count: int
    left_out: int = 0
    is_whole: bool = True

    @property
    def is_readable(self) -> bool:
        """Whether there is anything to keep: an outcome, or a whole file that happens to have none."""
        return bool(self.outcomes) or (self.is_whole and not self.problem_count)

    def counts(self) -> dict[Result, int]:
        """How many outcomes there are of each result."""
        found = dict.fromkeys(Result, 0)
        for outcome in self.outcomes:
            found[outcome.result] += 1
        return found


class Findings:
    """Gathers what is found in a file, within limits.

    Args:
        max_outcomes: how many are kept; the others are counted.
    """

    def __init__(self, max_outcomes: int) -> None:
        self.outcomes: list[Outcome] = []
        self.left_out = 0
        self._max_outcomes = max_outcomes
        self._problems: list[Problem] = []
        self._problem_count = 0

    def add(self, outcome: Outcome) -> None:
        """Take an outcome."""
        if len(self.outcomes) < self._max_outcomes:
            self.outcomes.append(outcome)
        else:
            self.left_out += 1

    def problem(self, line: int, message: str) -> None:
        """Take a problem."""
        self._problem_count += 1
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(line, message))

    def results(self, name: str, form: str, *, is_whole: bool = True) -> FileResults:
        """All of it."""
        return FileResults(
            name=name,
            format=form,
            outcomes=self.outcomes,
            problems=sorted(self._problems, key=lambda problem: problem.line),
            problem_count=self._problem_count,
            left_out=self.left_out,
            is_whole=is_whole,
        )


def lines_of(text: AnyStr, end: AnyStr) -> Iterator[AnyStr]:
    """The lines of a file, without their `end`, some at a time: a list of all takes many times what the file does."""
    start = 0
    while start < len(text):
        stop = text.find(end, start + _SPLIT_CHARS)
        if stop < 0:
            stop = len(text) - text.endswith(end)
        yield from text[start:stop].split(end)
        start = stop + 1


def short_name(text: str) -> str:
    """A name on one line, cut where it is too long."""
    name = " ".join(text.split())
    if len(name) <= MAX_NAME_CHARS:
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).hexdigest()
    return f"{name[:MAX_NAME_CHARS]}…{digest}"


def shortened(text: str, most: int) -> str:
    """Text cut in its middle where it is longer than `most` characters: what failed stands at one of its ends."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters are left out …\n{text[-half:]}"


def quoted(text: str) -> str:
    """Text of a file as problems quote it."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")  # noqa: PLR2004


def counted(count: int, noun: str) -> str:
    """A number and what it counts: 1 result, 2 results."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
