"""Reads JUnit XML, as pytest, Maven, Gradle, Jest, Go and most other test tools write it.

Read as a stream of events by the parser of `defusedxml`, without document types, entities and anything from elsewhere.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from logmill.results.model import (
    MAX_DETAILS_CHARS,
    MAX_MESSAGE_CHARS,
    FileResults,
    Findings,
    Outcome,
    Result,
    quoted,
    short_name,
    shortened,
)
from logmill.timestamps import MAX_US, MIN_US, datetime_to_us

FORMAT = "junit"
MAX_DEPTH = 100
_ROOTS = frozenset({"testsuites", "testsuite"})
_SUITE, _CASE = "testsuite", "testcase"
# What an element says of its test case; the first of these that one has is its result.
_SAYS = {"error": Result.ERROR, "failure": Result.FAILED, "skipped": Result.SKIPPED}
# As GoogleTest says that a test was skipped.
_NOT_RUN = frozenset({"notrun", "skipped", "suppressed", "disabled"})
# As Maven's Surefire tells of a test that was run again: the last run is the result.
_RERUNS = frozenset({"flakyFailure", "flakyError", "rerunFailure", "rerunError"})
# As Node.js calls the class of every test; of tests that have none it is as good.
_NO_CLASS = "test"


class _TooDeep(SAXException):
    """Elements within elements, more than any such file has."""


def read(body: bytes, findings: Findings, *, name: str = "", hint: str = "", first_line: int = 1) -> FileResults:
    """What is in such a file; what stands before a fault in the XML counts.

    Args:
        body: the file.
        findings: where it is gathered.
        name: of the file, whatever it says.
        hint: the name where the file has none for itself.
        first_line: the number of the line that the body begins on.
    """
    handler = _Handler(findings, first_line - 1)
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(handler)
    handler.setDocumentLocator(parser)
    is_whole = False
    try:
        # In one piece: a long token that comes in many is read again for each.
        parser.feed(body)
        parser.close()
        is_whole = handler.is_junit
    except SAXParseException as error:
        findings.problem((error.getLineNumber() or 1) + first_line - 1, f"this is no valid XML: {error.getMessage()}")
    except DefusedXmlException as error:
        findings.problem(handler.line, f"the XML has what is not taken: {type(error).__name__}")
    except _TooDeep:
        findings.problem(handler.line, f"elements lie more than {MAX_DEPTH} deep")
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        findings.problem(1, f"this is no valid XML: {error}")
    handler.end()
    return findings.results(name or hint or handler.name or "unnamed", FORMAT, is_whole=is_whole)


class _Handler(ContentHandler):
    """Makes outcomes of the elements as they come."""

    def __init__(self, findings: Findings, lines_before: int) -> None:
        super().__init__()
        self._lines_before = lines_before
        self.is_junit = False
        self.name = ""
        self._findings = findings
        self._locator: Any = None
        self._path: list[str] = []
        self._suites: list[tuple[str, int | None]] = []
        self._case: _Case | None = None

    @property
    def line(self) -> int:
        """Where it is now."""
        return self._lines_before + int(1 if self._locator is None else self._locator.getLineNumber() or 1)

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802 - SAX names it
        """Know where it is."""
        self._locator = locator

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802
        """An element begins."""
        if len(self._path) >= MAX_DEPTH:
            raise _TooDeep(name)
        name = name.rpartition(":")[2]
        if not self._path:
            self.is_junit = name in _ROOTS
            if not self.is_junit:
                self._findings.problem(
                    self.line, f"the outermost element is {quoted(name)}, not testsuites or testsuite"
                )
        self._path.append(name)
        if not self.is_junit:
            return
        if self._case is not None:
            if name == _CASE:
                self._findings.problem(self.line, "a test case within a test case")
            self._case.begin(name, attrs)
        elif name == _SUITE:
            suite = short_name(attrs.get("name", ""))
            self.name = self.name or suite
            self._suites.append((suite, _time_us(attrs.get("timestamp", "")) or self._suite[1]))
        elif name == _CASE:
            self._case = _Case(attrs, self.line, ".".join(suite for suite, _ in self._suites if suite))
        elif name in _SAYS:
            self._findings.problem(self.line, f"{quoted(name)} outside of a test case")

    def endElement(self, name: str) -> None:  # noqa: N802
        """An element ends."""
        name = name.rpartition(":")[2]
        self._path.pop()
        if self._case is not None:
            if self._case.end(name):
                self._add(self._case)
                self._case = None
        elif name == _SUITE and self._suites:
            self._suites.pop()

    def characters(self, content: str) -> None:
        """Text stands here."""
        if self._case is not None:
            self._case.text(content)

    def end(self) -> None:
        """The file is over, perhaps too early."""
        if self._case is not None:
            self._findings.problem(self._case.line, f"test case {quoted(self._case.test)} has no end")

    def _add(self, case: _Case) -> None:
        if case.test:
            self._findings.add(case.outcome(*self._suite))
        else:
            self._findings.problem(case.line, "a test case without a name")

    @property
    def _suite(self) -> tuple[str, int | None]:
        return self._suites[-1] if self._suites else ("", None)


class _Case:
    """One test case, as far as it was read; where it has no class, the suites around it are its group."""

    def __init__(self, attrs: Any, line: int, suites: str) -> None:
        self.line = line
        name, group = attrs.get("name", "").strip(), attrs.get("classname", _NO_CLASS).strip()
        if group == _NO_CLASS:
            group = suites if name else ""
        self.test = short_name(_test_name(group, name))
        self._duration_s = _seconds(attrs.get("time", ""))
        self._time_us = _time_us(attrs.get("timestamp", ""))
        file, at = attrs.get("file", "").strip(), attrs.get("line", "").strip()
        self._location = shortened(f"{file}:{at}" if file and at.isdigit() else file, MAX_MESSAGE_CHARS)
        self._said: dict[str, tuple[str, list[str]]] = {}
        self._reruns = 0
        self._open = ""
        self._chars = 0
        self._inner = 0
        if _NOT_RUN & {attrs.get("status", "").lower(), attrs.get("result", "").lower()}:
            self._said["skipped"] = ("", [])

    def begin(self, name: str, attrs: Any) -> None:
        """An element in it begins."""
        self._inner += name == _CASE
        self._reruns += name in _RERUNS
        if name in _SAYS and not self._open:
            self._open = name
            message = attrs.get("message", "") or attrs.get("type", "")
            if name not in self._said:
                self._said[name] = (shortened(message.strip(), MAX_MESSAGE_CHARS), [])

    def text(self, content: str) -> None:
        """Text stands in it."""
        if self._open and self._chars <= 2 * MAX_DETAILS_CHARS:
            self._said[self._open][1].append(content)
            self._chars += len(content)

    def end(self, name: str) -> bool:
        """An element in it ends; whether that is the case itself."""
        if name == self._open:
            self._open = ""
        if name == _CASE and self._inner:
            self._inner -= 1
            return False
        return name == _CASE

    def outcome(self, suite: str, time_us: int | None) -> Outcome:
        """What it says, in a suite that was run at this time."""
        says = next((name for name in _SAYS if name in self._said), "")
        message, parts = self._said.get(says, ("", []))
        details = "".join(parts).strip()
        if not message:
            message = next((line.strip() for line in details.split("\n") if line.strip()), "")
        return Outcome(
            test=self.test,
            result=_SAYS.get(says, Result.PASSED),
            line=self.line,
            suite=suite,
            duration_s=self._duration_s,
            timestamp_us=self._time_us or time_us,
            message=shortened(message, MAX_MESSAGE_CHARS),
            details=shortened(details, MAX_DETAILS_CHARS),
            location=self._location,
            reruns=self._reruns,
        )


def _test_name(group: str, name: str) -> str:
    """Class and name in one, where the name does not begin with the class already, as Jest's do."""
    is_in_it = not group or name == group or name.startswith((f"{group}.", f"{group} ", f"{group}::"))
    return name if is_in_it else f"{group}.{name}" if name else group


def _seconds(text: str) -> float | None:
    """A duration; some tools write thousands with commas."""
    try:
        found = float(text.replace(",", ""))
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _time_us(text: str) -> int | None:
    """A time that says its zone; of others nobody knows when that was."""
    try:
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        return None
    if found.tzinfo is None:
        return None
    us = datetime_to_us(found)
    return us if MIN_US <= us <= MAX_US else None
