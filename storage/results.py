"""What came of tests: the records that files of test results became, added up by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from logmill.ids import log_id
from logmill.results.records import FILE_TAG, RESULT_TAG
from logmill.results.summary import LETTERS, RECENT_RUNS, Failure, Run, Summary, TestSummary, Totals, in_order
from storage.engine.protocol import Engine
from storage.search.filters import AnyOf, Filter, both
from storage.search.sql import condition
from storage.statements import statement

# So many tests are looked at, those that failed most often; all are counted.
MAX_TESTS = 20_000
_REASON_CHARS = 500
_RESULTS = {letter: result for result, letter in LETTERS.items()}
_NAMES = ", ".join(f"'{result}'" for result in LETTERS)
_LETTERS = ", ".join(f"'{letter}'" for letter in LETTERS.values())
_SAME_FILE = "="


def summary(engine: Engine, wanted: Filter, tests: Filter | None) -> Summary:
    """All tests of the files that pass.

    Args:
        engine: where they are.
        wanted: which files and runs; about what both have.
        tests: which runs, None for all. Then files are those that have such a run.

    Raises:
        QueryTimeout, QueryCancelled, Refused, StorageUnavailable: as `Engine.select`.
    """
    of_runs = both(AnyOf("tags", (RESULT_TAG,)), wanted)
    where, params = condition(of_runs if tests is None else both(of_runs, tests))
    sql = statement(
        "results",
        "tests",
        runs=statement("results", "runs", where=where),
        recent=str(RECENT_RUNS),
        letters=f"[{_NAMES}], [{_LETTERS}]",
        reason_chars=str(_REASON_CHARS),
    )
    rows = engine.select(sql, {**params, "limit": MAX_TESTS}).to_pylist()
    found = in_order(map(_test, rows))
    files_where, files_params = condition(both(AnyOf("tags", (FILE_TAG,)), wanted), "g")
    if tests is not None:
        files_where = statement("results", "of_files", where=files_where, of_runs=where)
        files_params |= params
    files = engine.select(statement("results", "files", where=files_where), files_params).to_pylist()[0]
    counted = (
        rows[0] if rows else dict.fromkeys(("all_tests", "all_passed", "all_failed", "all_errors", "all_skipped"), 0)
    )
    totals = Totals(
        files=files["files"],
        tests=counted["all_tests"],
        results=counted["all_passed"] + counted["all_failed"] + counted["all_skipped"],
        passed=counted["all_passed"],
        failed=counted["all_failed"],
        errors=counted["all_errors"],
        skipped=counted["all_skipped"],
        problems=files["problems"],
        failing=sum(one.fails for one in found),
        flaky=sum(one.flaky for one in found),
    )
    return Summary(totals, found)


def _test(row: Mapping[str, Any]) -> TestSummary:
    failure = None
    if row["failed"]:
        us, file, line, message, batch_id, ordinal = row["failure"].values()
        failure = Failure(us, file, line, message, log_id(UUID(bytes=batch_id), ordinal))
    return TestSummary(
        service=row["service"],
        test=row["test"],
        passed=row["passed"],
        failed=row["failed"],
        errors=row["errors"],
        skipped=row["skipped"],
        runs=_runs(row["runs"]),
        last_run_us=row["last_us"],
        last_failure=failure,
    )


def _runs(letters: str) -> list[Run]:
    runs: list[Run] = []
    file, is_same = 0, False
    for letter in letters:
        if letter == _SAME_FILE:
            is_same = True
            continue
        file += not is_same
        runs.append(Run(_RESULTS[letter.upper()], was_rerun=letter.islower(), file=file))
        is_same = False
    return runs
