"""Reads pytest's report log (pytest-reportlog, a JSON object a line): the reports of each test become one outcome."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec import Raw

from logmill.coerce import MALFORMED, mend_surrogates
from logmill.results.model import (
    MAX_DETAILS_CHARS,
    MAX_MESSAGE_CHARS,
    FileResults,
    Findings,
    Outcome,
    Result,
    lines_of,
    quoted,
    short_name,
    shortened,
)
from logmill.timestamps import MAX_US, MIN_US

FORMAT = "reportlog"
_SETUP, _CALL, _TEARDOWN = "setup", "call", "teardown"
# As pytest-xdist has it, of a test whose worker died.
_CRASH = "???"
_PHASES = frozenset({_SETUP, _CALL, _TEARDOWN, _CRASH})
_LAST = frozenset({_TEARDOWN, _CRASH})
_RERUN = "rerun"  # as pytest-rerunfailures has it
_OUTCOMES = frozenset({"passed", "failed", "skipped", _RERUN})
_NOTHING = Raw(b"null")


class _Report(msgspec.Struct, rename={"kind": "$report_type"}):
    """What is looked at of a line; what else stands there is not even decoded."""

    kind: str
    nodeid: str = ""
    when: str = ""
    outcome: str = ""
    longrepr: Raw = _NOTHING
    duration: float | None = None
    start: float | None = None
    location: Raw = _NOTHING
    wasxfail: str | None = None


_decode = msgspec.json.Decoder(_Report).decode
_decode_any = msgspec.json.Decoder().decode


def looks_like_report_log(body: bytes) -> bool:
    """Whether the beginning of a body is that of such a file."""
    return b'"$report_type"' in body.lstrip()[:65536].split(b"\n", 1)[0]


def read(body: bytes, findings: Findings, *, name: str = "", hint: str = "") -> FileResults:
    """What is in such a file.

    A test is passed where its setup, call and teardown are. One whose setup or teardown fails is an error, as is one
    whose worker died, and one that nothing is said of any more, since its run was cut off. An expected failure is
    skipped. Modules that cannot be collected are errors.

    Args:
        body: the file.
        findings: where it is gathered.
        name: of the file.
        hint: the same, where nobody says it.
    """
    reader = _Reader(findings)
    number = 0
    for number, line in enumerate(lines_of(body, b"\n"), 1):
        if line.strip():
            reader.take(number, line)
    reader.end(number)
    return findings.results(name or hint or "report log", FORMAT, is_whole=reader.is_report_log)


class _Reader:
    """Takes lines in their order, and makes outcomes of them."""

    def __init__(self, findings: Findings) -> None:
        self.is_report_log = False
        self._findings = findings
        self._is_finished = False
        self._open: dict[str, _Run] = {}

    def take(self, number: int, line: bytes) -> None:
        """Take a line that is not blank."""
        try:
            report = _decode_report(line)
        except msgspec.ValidationError as error:
            self._findings.problem(number, f"this is no report of pytest: {error}")
            return
        except MALFORMED as error:
            self._findings.problem(number, f"this is no valid JSON: {error}")
            return
        self.is_report_log = True
        if report.kind == "TestReport":
            self._take_report(number, report)
        elif report.kind == "CollectReport" and report.outcome == "failed":
            message, details, location = _said(report)
            self._findings.add(
                Outcome(
                    test=short_name(report.nodeid) or "collection",
                    result=Result.ERROR,
                    line=number,
                    message=message,
                    details=details,
                    location=location,
                )
            )
        elif report.kind == "SessionStart":
            self._is_finished = False
        elif report.kind == "SessionFinish":
            self._is_finished = True

    def end(self, number: int) -> None:
        """The file is over, perhaps too early."""
        for test, run in self._open.items():
            self._findings.add(run.outcome(test))
        if not self.is_report_log:
            self._findings.problem(1, "there is no report of pytest in it")
        elif not self._is_finished:
            self._findings.problem(max(1, number), "the session has no end: its run was cut off")

    def _take_report(self, number: int, report: _Report) -> None:
        test = short_name(report.nodeid)
        if not test or report.when not in _PHASES or report.outcome not in _OUTCOMES:
            what = f"nodeid {quoted(test)}, when {quoted(report.when)}, outcome {quoted(report.outcome)}"
            self._findings.problem(number, f"this is no report of a test: {what}")
            return
        run = self._open.get(test)
        if run is not None and report.when == _SETUP and not run.is_again:
            self._findings.add(run.outcome(test))
            run = None
        if run is None:
            run = self._open[test] = _Run()
        run.take(number, report)
        if report.when in _LAST and report.outcome != _RERUN:
            self._findings.add(self._open.pop(test).outcome(test))


class _Run:
    """One run of one test, with what was tried before it.

    Attributes:
        is_again: whether the last that was said of it is that it is run again.
    """

    def __init__(self) -> None:
        self.is_again = False
        self._reruns = 0
        self._start: float | None = None
        self._duration_s = 0.0
        self._has_duration = False
        self._result: Result | None = None
        self._line = 0
        self._report: _Report | None = None

    def take(self, number: int, report: _Report) -> None:
        """Take what one phase says."""
        self.is_again = report.outcome == _RERUN
        if self._start is None:
            self._start = report.start
        self._has_duration |= report.duration is not None
        if report.duration is not None and report.duration > 0 and math.isfinite(self._duration_s + report.duration):
            self._duration_s += report.duration
        if self._line == 0:
            self._line = number
        if self.is_again:
            self._reruns += 1
            self._result, self._report, self._line = None, report, number
            return
        result = _result_of(report)
        # A phase that went well says nothing against one that did not; that of the call is said before its teardown's.
        if result is not Result.PASSED and self._result in {None, Result.PASSED}:
            self._result, self._report, self._line = result, report, number
        elif report.when == _CALL and self._result is None:
            self._result, self._report, self._line = result, None, number

    def outcome(self, test: str) -> Outcome:
        """What came of it."""
        result, message, details, location = self._result, "", "", ""
        reruns = self._reruns
        if self._report is not None and result is not Result.PASSED:
            message, details, location = _said(self._report)
        if result is None and self.is_again:
            result, reruns = Result.FAILED, reruns - 1
        elif result is None:
            result, message = Result.ERROR, "nothing is said of how it ended: its run was cut off"
        start_us = None if self._start is None else self._start * 1_000_000
        return Outcome(
            test=test,
            result=result,
            line=self._line,
            duration_s=round(self._duration_s, 6) if self._has_duration else None,
            # Before it is rounded: what is too large has no whole number.
            timestamp_us=round(start_us) if start_us is not None and MIN_US <= start_us <= MAX_US else None,
            message=message,
            details=details,
            location=location,
            reruns=reruns,
        )


def _decode_report(line: bytes) -> _Report:
    """The report on a line; parts of test names that are no text come as lone surrogates, which are no JSON."""
    try:
        return _decode(line)
    except msgspec.ValidationError:
        raise
    except MALFORMED:
        mended = mend_surrogates(line)
        if mended is None:
            raise
        return _decode(mended)


def _result_of(report: _Report) -> Result:
    if report.outcome == "passed":
        return Result.PASSED
    if report.outcome == "skipped":
        return Result.SKIPPED
    return Result.FAILED if report.when == _CALL else Result.ERROR


def _said(report: _Report) -> tuple[str, str, str]:
    """In short why a test failed or was skipped, all that is said of it, and where in the source that was."""
    try:
        said = _decode_any(report.longrepr)
    except (*MALFORMED, ValueError):
        return "", "", ""
    message, details, location = "", "", ""
    if isinstance(said, str):
        details = said
        message = next((line.strip() for line in reversed(said.split("\n")) if line.startswith("E ")), "")
        message = message[1:].strip() or next((line.strip() for line in said.split("\n") if line.strip()), "")
    elif isinstance(said, list) and len(said) == 3:  # noqa: PLR2004 - path, line and reason of what is skipped
        location, message = f"{_relative(str(said[0]), report)}:{said[1]}", str(said[2])
    elif isinstance(said, dict):
        crash = said.get("reprcrash")
        if isinstance(crash, dict):
            message = str(crash.get("message", ""))
            location = f"{_relative(str(crash.get('path', '')), report)}:{crash.get('lineno', '')}"
        details = "\n".join(_lines(said.get("reprtraceback")))
    if report.wasxfail is not None and report.outcome == "skipped":
        message = f"expected to fail: {report.wasxfail or message}"
    return (
        shortened(message.strip(), MAX_MESSAGE_CHARS),
        shortened(details, MAX_DETAILS_CHARS),
        shortened(location, MAX_MESSAGE_CHARS),
    )


def _relative(path: str, report: _Report) -> str:
    """The path as the test's own is written, where it is that."""
    try:
        own = msgspec.json.decode(report.location, type=tuple[str, Raw, Raw])[0]
    except (*MALFORMED, ValueError):
        return path
    return own if own and path.endswith(f"/{own}") else path


def _lines(traceback: Any) -> list[str]:
    """The lines of a stack trace as pytest shows them."""
    entries = traceback.get("reprentries") if isinstance(traceback, dict) else None
    found: list[str] = []
    for entry in entries if isinstance(entries, list) else []:
        data = entry.get("data") if isinstance(entry, dict) else None
        lines = data.get("lines") if isinstance(data, dict) else None
        if isinstance(lines, list):
            found += [str(line) for line in lines]
    return found
