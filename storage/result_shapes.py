"""What the answer of GET /results/summary holds."""

from __future__ import annotations

from typing import Literal

from logmill.openapi import Shape, Success
from logmill.results.summary import Totals, Trend

Outcome = Literal["passed", "failed", "error", "skipped"]


class LastFailure(Shape):
    """The newest run of a test that failed.

    Attributes:
        at: when.
        file: the file that says so.
        line: of the file.
        message: why, in short.
        log_id: its log.
    """

    at: str
    file: str
    line: int
    message: str
    log_id: str


class Test(Shape):
    """All runs of one test.

    Attributes:
        failed: runs that failed, or could not be run.
        errors: of these, those that could not be run.
        last_result: of the newest run.
        last_run: when that was.
        last_runs: the newest runs as letters, the newest last: P passed, F failed, E error, S skipped.
        failing: whether the newest run that was not skipped failed.
        flaky: whether the newest runs passed and failed in turn, or one was repeated until it passed.
        changes: how often the newest runs went from passed to failed, or back.
        trend: the newer half of the newest runs against the older half.
        median_duration_s: the median of the newest runs, without those that were skipped; null where no file says it.
        last_duration_s: how long the newest of these took.
        last_failure: null where none failed.
    """

    test: str
    service: str
    passed: int
    failed: int
    errors: int
    skipped: int
    last_result: Outcome
    last_run: str
    last_runs: str
    failing: bool
    flaky: bool
    changes: int
    trend: Trend
    median_duration_s: float | None
    last_duration_s: float | None
    last_failure: LastFailure | None


class ResultsSummary(Success):
    """What came of tests.

    Attributes:
        totals: of all that pass the filter.
        count: tests that are shown.
        truncated: whether there are more.
        tests: those that fail now first, then flaky ones, then by how often they failed.
    """

    totals: Totals
    count: int
    truncated: bool
    tests: list[Test]
