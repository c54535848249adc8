"""Many runs of tests in short: of each test how often it passed and failed, whether it is flaky, where it is going."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal

import msgspec

from logmill.results.model import FAILURES, Result

# So many runs of each test are looked at for what is flaky, and for the trend; and shown.
RECENT_RUNS = 20
# A test that breaks, or is mended, changes once.
FLAKY_CHANGES = 2
# A trend needs so many runs, and the share of failures must differ by so much.
TREND_RUNS = 4
TREND_STEP = 0.2
LETTERS = {Result.PASSED: "P", Result.FAILED: "F", Result.ERROR: "E", Result.SKIPPED: "S"}

Direction = Literal["better", "worse", "steady", "unknown"]


class Run(msgspec.Struct, frozen=True):
    """One run of a test.

    Attributes:
        result: what came of it.
        was_rerun: whether it failed first, and was run again within the same outcome.
        file: a number that runs of the same file share.
        duration_s: how long it took, None where nobody says it.
    """

    result: Result
    was_rerun: bool = False
    file: int = 0
    duration_s: float | None = None


class Failure(msgspec.Struct, frozen=True):
    """The newest run of a test that failed.

    Attributes:
        at_us: when, microseconds since 1970-01-01 UTC.
        file: where that is said.
        line: of the file.
        message: why, in short.
        log_id: of its record; "" where there is none.
    """

    at_us: int
    file: str
    line: int
    message: str
    log_id: str = ""


class Trend(msgspec.Struct, frozen=True):
    """Where a test is going: the newer half of its last runs against the older half.

    Attributes:
        direction: better or worse where the share of failures changed by TREND_STEP; unknown of fewer than TREND_RUNS.
        recent_failed: the share of the newer half that failed, 0 to 1; null where there is no trend.
        before_failed: that of the older half.
    """

    direction: Direction
    recent_failed: float | None = None
    before_failed: float | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of one test.

    Attributes:
        service: whose test it is.
        test: its name.
        passed: how many runs passed.
        failed: how many failed, or could not be run.
        errors: of these, those that could not be run.
        skipped: how many were skipped.
        runs: the last RECENT_RUNS of them, the oldest first.
        last_run_us: when the last one was.
        last_failure: the newest that failed, None where none did.
    """

    service: str
    test: str
    passed: int
    failed: int
    errors: int
    skipped: int
    runs: Sequence[Run]
    last_run_us: int
    last_failure: Failure | None = None

    @property
    def failures(self) -> int:
        """How many runs failed, without those that could not be run."""
        return self.failed - self.errors

    @property
    def last_result(self) -> Result:
        """What came of the newest run."""
        return self.runs[-1].result

    @property
    def fails(self) -> bool:
        """Whether the newest run that was not skipped failed."""
        ran = self._ran()
        return bool(ran) and ran[-1].result in FAILURES

    @property
    def changes(self) -> int:
        """How often the last runs went from passed to failed, or back; those that were skipped do not count."""
        return sum(_differ(before, after) for before, after in pairwise(self._ran()))

    @property
    def flaky(self) -> bool:
        """Whether the last runs passed and failed without a reason that shows.

        They changed FLAKY_CHANGES times or more; or both happened in one file, or in one run that was repeated.
        """
        ran = self._ran()
        if any(run.was_rerun and run.result is Result.PASSED for run in ran) or self.changes >= FLAKY_CHANGES:
            return True
        return any(before.file == after.file and _differ(before, after) for before, after in pairwise(ran))

    @property
    def trend(self) -> Trend:
        """Where it is going."""
        ran = self._ran()
        if len(ran) < TREND_RUNS:
            return Trend("unknown")
        middle = len(ran) - len(ran) // 2
        before, recent = _failed_share(ran[:middle]), _failed_share(ran[middle:])
        direction: Direction = "steady"
        if abs(recent - before) >= TREND_STEP:
            direction = "worse" if recent > before else "better"
        return Trend(direction, round(recent, 3), round(before, 3))

    @property
    def letters(self) -> str:
        """The last runs as letters, the newest last: P passed, F failed, E error, S skipped."""
        return "".join(LETTERS[run.result] for run in self.runs)

    @property
    def last_duration_s(self) -> float | None:
        """How long the newest of the last runs took that was not skipped and of which that is known."""
        durations = self._durations_s()
        return durations[-1] if durations else None

    @property
    def median_duration_s(self) -> float | None:
        """The median of the last runs that were not skipped and of which it is known how long they took."""
        durations = self._durations_s()
        return round(median(durations), 6) if durations else None

    def _durations_s(self) -> list[float]:
        return [run.duration_s for run in self._ran() if run.duration_s is not None]

    def _ran(self) -> list[Run]:
        return [run for run in self.runs if run.result is not Result.SKIPPED]


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Of all files and tests that were asked for, shown or not.

    Attributes:
        files: files that were read.
        tests: different tests.
        results: runs of them.
        passed: of the runs.
        failed: of the runs, with those that could not be run.
        errors: of the runs, those that could not be run.
        skipped: of the runs.
        problems: what could not be read in the files.
        failing: tests whose newest run failed.
        flaky: tests that are.
    """

    files: int
    tests: int
    results: int
    passed: int
    failed: int
    errors: int
    skipped: int
    problems: int
    failing: int
    flaky: int


class Summary(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        totals: of all.
        tests: those that fail now first, then the flaky ones, then by how often they failed, and by name.
    """

    totals: Totals
    tests: Sequence[Tally]


def in_order(tests: Iterable[Tally]) -> list[Tally]:
    """The tests as a summary has them: what needs looking at first."""
    return sorted(tests, key=lambda one: (not one.fails, not one.flaky, -one.failed, one.service, one.test))


def _differ(before: Run, after: Run) -> bool:
    return (before.result in FAILURES) != (after.result in FAILURES)


def _failed_share(runs: Sequence[Run]) -> float:
    return sum(run.result in FAILURES for run in runs) / len(runs)
