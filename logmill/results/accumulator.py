"""Adds up the results of files one after the other, in memory that grows with the number of tests alone."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappush, heappushpop

from logmill.results.model import FAILURES, FileResults, Outcome, Result
from logmill.results.summary import RECENT_RUNS, Failure, Run, Summary, Tally, Totals, in_order

# When a run was, which file it is in, and where in it: the order of runs.
_Place = tuple[int, int, int]


class Accumulator:
    """Takes files in any order.

    Args:
        service: whose tests they are.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._tests: dict[str, _Test] = {}
        self._files = 0
        self._problems = 0

    def add(self, found: FileResults, at_us: int) -> None:
        """Add a file.

        Args:
            found: what was read of it.
            at_us: when tests were run of which it does not say so, microseconds since 1970-01-01 UTC.
        """
        self._files += 1
        self._problems += found.problem_count
        for number, outcome in enumerate(found.outcomes):
            test = self._tests.setdefault(outcome.test, _Test())
            when_us = at_us if outcome.timestamp_us is None else outcome.timestamp_us
            test.add(outcome, found.name, (when_us, self._files, number))

    def summary(self) -> Summary:
        """Of all that was added."""
        tests = in_order(test.summary(self._service, name) for name, test in self._tests.items())
        return Summary(totals_of(tests, files=self._files, problems=self._problems), tests)


class _Test:
    """One test, as far as it was added up."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Result, 0)
        self._recent: list[tuple[_Place, Result, bool, float | None]] = []
        self._last_failure: tuple[_Place, str, Outcome] | None = None

    def add(self, outcome: Outcome, file: str, place: _Place) -> None:
        """Add a run."""
        self._counts[outcome.result] += 1
        run = (place, outcome.result, outcome.reruns > 0, outcome.duration_s)
        if len(self._recent) < RECENT_RUNS:
            heappush(self._recent, run)
        else:
            heappushpop(self._recent, run)
        if outcome.result in FAILURES and (self._last_failure is None or place > self._last_failure[0]):
            self._last_failure = (place, file, outcome)

    def summary(self, service: str, test: str) -> Tally:
        """Of all its runs."""
        recent = sorted(self._recent)
        runs = [Run(result, was_rerun, place[1], duration_s) for place, result, was_rerun, duration_s in recent]
        failure = None
        if self._last_failure is not None:
            place, file, outcome = self._last_failure
            failure = Failure(place[0], file, outcome.line, outcome.message)
        return Tally(
            service=service,
            test=test,
            passed=self._counts[Result.PASSED],
            failed=self._counts[Result.FAILED] + self._counts[Result.ERROR],
            errors=self._counts[Result.ERROR],
            skipped=self._counts[Result.SKIPPED],
            runs=runs,
            last_run_us=recent[-1][0][0],
            last_failure=failure,
        )


def totals_of(tests: Iterable[Tally], *, files: int, problems: int) -> Totals:
    """The totals where all tests are at hand."""
    found = list(tests)
    passed, failed, skipped = (sum(getattr(one, name) for one in found) for name in ("passed", "failed", "skipped"))
    return Totals(
        files=files,
        tests=len(found),
        results=passed + failed + skipped,
        passed=passed,
        failed=failed,
        errors=sum(one.errors for one in found),
        skipped=skipped,
        problems=problems,
        failing=sum(one.fails for one in found),
        flaky=sum(one.flaky for one in found),
    )
