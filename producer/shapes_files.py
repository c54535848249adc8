"""What the answers of POST /files hold, and the words that it is described with."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from logmill.intake import NDJSON, Rejection
from logmill.openapi import Body, Parameter, Shape, Success
from logmill.record import Lane
from logmill.results.model import Problem
from logmill.results.records import DEFAULT_SERVICE
from logmill.submitted import MAX_LABEL_BYTES
from producer.files import FORM, MAX_FILES
from producer.shapes import AWAY, KEY, KEY_REUSED, TEXT, accepted

__all__ = ["AWAY", "FILES", "HELP", "KEY_REUSED", "PARAMETERS", "FileAccepted", "FilesAccepted", "accepted"]

_XML = "application/xml"
_ANY_TEXT: dict[str, Any] = {"type": "string"}
PARAMETERS = [
    Parameter("name", "What the file is called, whatever its first line says; of one file.", _ANY_TEXT),
    Parameter(
        "service",
        f"Whose tests they are; {DEFAULT_SERVICE} where it is missing.",
        {"type": "string", "maxLength": MAX_LABEL_BYTES},
    ),
    Parameter("lane", "The lane that the file travels in.", {"type": "string", "enum": [*Lane], "default": "normal"}),
    KEY,
]
_PAIRS = "nightly-7.log\nTest: login_works\nResult: PASS\nTest: checkout_works\nResult: FAIL\n"
_JUNIT = '<testsuite name="checkout"><testcase classname="checkout" name="pays" time="0.2"/></testsuite>'
_REPORT_LOG = (
    '{"$report_type": "SessionStart"}\n'
    '{"$report_type": "TestReport", "nodeid": "test_a.py::test_a", "when": "setup", "outcome": "passed"}\n'
    '{"$report_type": "TestReport", "nodeid": "test_a.py::test_a", "when": "call", "outcome": "passed"}\n'
    '{"$report_type": "TestReport", "nodeid": "test_a.py::test_a", "when": "teardown", "outcome": "passed"}\n'
    '{"$report_type": "SessionFinish"}\n'
)
_FORM = {"type": "object", "additionalProperties": {"type": "string", "contentMediaType": "application/octet-stream"}}
FILES = Body(
    "A whole file, or several as the parts of a form.",
    {TEXT: _ANY_TEXT, _XML: _ANY_TEXT, NDJSON: _ANY_TEXT, FORM: _FORM},
    {TEXT: _PAIRS, _XML: _JUNIT, NDJSON: _REPORT_LOG},
)
HELP = (
    "Each file is one message. Text is pairs of `Test: NAME` and `Result: PASS` or `FAIL` behind the file's name, XML "
    "is JUnit's, and JSON pytest's report log. What cannot be read is told by its line, and the rest is taken; 400 "
    f"where nothing can be read. A form has at most {MAX_FILES} files; each that cannot be taken is named by its "
    "index. Bodies may be compressed: `Content-Encoding: gzip` or `zstd`."
)


class TakenFile(Shape):
    """A file that was accepted.

    Attributes:
        file: its name.
        format: what it was read as.
        results: how many tests it tells of.
        passed: of these.
        failed: of these.
        error: of these, those that could not be run.
        skipped: of these.
        problem_count: what cannot be read of it.
        problems: the first of these, with their lines.
        log_id: of the file's own record.
        task_id: the same, for GET /task/{task_id}.
    """

    file: str
    format: Literal["pairs", "junit", "reportlog"]
    results: int
    passed: int
    failed: int
    error: int
    skipped: int
    problem_count: int
    problems: list[Problem]
    log_id: str
    task_id: str


class FileAccepted(TakenFile):
    """One file was accepted: the broker has it on disk."""

    status: Literal["success"]
    message: str


class FilesAccepted(Success):
    """Files were accepted, the good ones of a form.

    Attributes:
        accepted: how many.
        rejected: how many were not.
        files: those that were.
        errors: why each other was not.
    """

    message: str
    accepted: int
    rejected: int
    files: list[TakenFile]
    errors: list[Rejection] | UnsetType = UNSET
