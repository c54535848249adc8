"""A summary of test results as what JSON answers show of it."""

from __future__ import annotations

from typing import Any

from logmill.results.summary import Failure, Summary, Tally
from logmill.timestamps import time_text


def as_document(summary: Summary, left_out: int = 0) -> dict[str, Any]:
    """The summary, for `msgspec.json`.

    Args:
        summary: what is shown.
        left_out: tests that are not among it.
    """
    return {
        "totals": summary.totals,
        "count": len(summary.tests),
        "truncated": left_out > 0,
        "tests": [_test(one) for one in summary.tests],
    }


def _test(one: Tally) -> dict[str, Any]:
    return {
        "test": one.test,
        "service": one.service,
        "passed": one.passed,
        "failed": one.failed,
        "errors": one.errors,
        "skipped": one.skipped,
        "last_result": one.last_result,
        "last_run": time_text(one.last_run_us),
        "last_runs": one.letters,
        "failing": one.fails,
        "flaky": one.flaky,
        "changes": one.changes,
        "trend": one.trend,
        "median_duration_s": one.median_duration_s,
        "last_duration_s": one.last_duration_s,
        "last_failure": None if one.last_failure is None else _failure(one.last_failure),
    }


def _failure(failure: Failure) -> dict[str, Any]:
    found = {"at": time_text(failure.at_us), "file": failure.file, "line": failure.line, "message": failure.message}
    return {**found, "log_id": failure.log_id} if failure.log_id else found
