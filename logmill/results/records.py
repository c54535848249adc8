"""The records that a file of test results becomes: one for the file, and one for each outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from logmill.columns import Columns
from logmill.errors import Refused
from logmill.intake import Rejection
from logmill.record import Entry
from logmill.results.model import FAILURES, FileResults, Outcome, Result, counted, quoted
from logmill.results.pairs import FORMAT as PAIRS
from logmill.submitted import Limits, Submitted, entry_of

# How storage tells these records from all others.
FILE_TAG = "test-file"
RESULT_TAG = "test-result"
DEFAULT_SERVICE = "tests"
# The code of the rejections that problems become.
PROBLEM = "test_results"
# So many problems are in the file's own record; more are among the rejections.
_SHOWN_PROBLEMS = 20
_HEADLINE_CHARS = 300
# What runs were to come would hide those of today.
_CLOCK_SLACK_US = 86_400_000_000
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Origin:
    """What all records of a file have in common.

    Attributes:
        service: whose tests they are; "" for DEFAULT_SERVICE.
        received_at: when the file was accepted, microseconds since 1970-01-01 UTC; also the time of tests of which
            nobody says when they were run.
        protocol: how it came in.
    """

    service: str
    received_at: int
    protocol: str


def records_of(found: FileResults, origin: Origin, limits: Limits) -> tuple[Columns, list[Rejection]]:
    """The records of a file, its own first; and what cannot be taken of it: problems, and outcomes beyond the limits.

    Raises:
        InvalidField: the service is no name, or the limits leave no room for the file's own record.
    """
    rejections = [
        Rejection(index=problem.line, code=PROBLEM, message=f"{found.name} line {problem.line}: {problem.message}")
        for problem in found.problems
    ]
    entries: list[Entry] = []
    for outcome in found.outcomes:
        try:
            entries.append(_of_outcome(outcome, found.name, origin, limits))
        except Refused as error:
            message = f"{found.name} line {outcome.line}: {error}"
            rejections.append(Rejection(index=outcome.line, code=error.code, message=message))
    left = found.problem_count - len(found.problems)
    if left:
        message = f"{found.name}: {counted(left, 'more problem')} beyond those told one by one"
        rejections.append(Rejection(index=found.problems[-1].line, code=PROBLEM, message=message))
    return Columns.of([_of_file(found, origin, limits), *entries]), rejections


def _of_file(found: FileResults, origin: Origin, limits: Limits) -> Entry:
    counts = found.counts()
    said = [
        counted(count, "error") if result is Result.ERROR else f"{count:,} {result}"
        for result, count in counts.items()
        if count
    ]
    results, problems = len(found.outcomes), found.problem_count
    message = f"{found.name}: {counted(results, 'result')}" + (f": {', '.join(said)}" if said else "")
    metadata: dict[str, Any] = {
        "format": found.format,
        "results": results,
        **{str(result): count for result, count in counts.items()},
        "problems": problems,
    }
    if problems:
        message += f"; {counted(problems, 'problem')}"
        metadata["problem_lines"] = [msgspec.structs.asdict(problem) for problem in found.problems[:_SHOWN_PROBLEMS]]
    item = _item("WARNING" if problems else "INFO", message, metadata, found.name, origin)
    return _entry(item, FILE_TAG, origin.received_at, origin, limits)


def _of_outcome(outcome: Outcome, file: str, origin: Origin, limits: Limits) -> Entry:
    has_failed = outcome.result in FAILURES
    message = f"{outcome.test}: {outcome.result}"
    if has_failed and outcome.message:
        message += f": {outcome.message.partition(chr(10))[0][:_HEADLINE_CHARS]}"
    metadata: dict[str, Any] = {"test": outcome.test, "result": outcome.result, "line": outcome.line}
    more = {
        "suite": outcome.suite,
        "duration_s": outcome.duration_s,
        "reason": outcome.message,
        "details": outcome.details,
        "location": outcome.location,
        "reruns": outcome.reruns,
    }
    metadata |= {name: value for name, value in more.items() if value or (name == "duration_s" and value is not None)}
    at_us = outcome.timestamp_us
    if at_us is None or at_us > origin.received_at + _CLOCK_SLACK_US:
        at_us = origin.received_at
    item = _item("ERROR" if has_failed else "INFO", message, metadata, file, origin)
    return _entry(item, RESULT_TAG, at_us, origin, limits)


def _item(level: str, message: str, metadata: dict[str, Any], file: str, origin: Origin) -> Submitted:
    return Submitted(
        level=level,
        message=message,
        service=origin.service or DEFAULT_SERVICE,
        metadata=msgspec.Raw(_encode(metadata)),
        file=file,
    )


def _entry(item: Submitted, tag: str, at_us: int, origin: Origin, limits: Limits) -> Entry:
    found = entry_of(item, limits, at_us, origin.protocol)
    # The time is the test's, or known to be that of the file: nothing in the message may be taken for it.
    return msgspec.structs.replace(found, tag=tag, timestamp_from="")


def why_unreadable(found: FileResults, called: str = "") -> str:
    """In words why nothing can be taken of a file.

    Args:
        found: what was read of it.
        called: what its sender calls it; where nobody says that, its beginning stands for it, and for no name.
    """
    first = found.problems[0]
    more = f"; and {counted(found.problem_count - 1, 'other problem')}" if found.problem_count > 1 else ""
    where = f" in {called!r}" if called else ""
    if not called and found.format == PAIRS:
        where = f" in a file that begins with {quoted(found.name)}"
    return f"no result can be read{where}: line {first.line}: {first.message}{more}"


def left_out(found: FileResults, called: str = "") -> str:
    """In words that a file has more results than are taken; "" where it has not.

    Args:
        found: what was read of it.
        called: what its sender calls it; "" where that is left to the file.
    """
    kept = len(found.outcomes)
    results = counted(kept + found.left_out, "result")
    return f"{results} in {called or found.name!r}, {kept:,} at most" if found.left_out else ""
