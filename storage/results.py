"""What came of tests: the records that files of test results became, added up by the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from logmill.ids import log_id
from logmill.results.records import FILE_TAG, RESULT_TAG
from logmill.results.summary import LETTERS, RECENT_RUNS, Failure, Run, Summary, Tally, Totals, in_order
from storage.engine.protocol import Engine
from storage.search.filters import AnyOf, Filter, Or, both, is_about
from storage.search.sql import condition
from storage.statements import statement

# So many tests are looked at, those that failed most often; all are counted.
MAX_TESTS = 20_000
_REASON_CHARS = 500
_RESULTS = {letter: result for result, letter in LETTERS.items()}
_NAMES = ", ".join(f"'{result}'" for result in LETTERS)
_LETTERS = ", ".join(f"'{letter}'" for letter in LETTERS.values())
_SAME_FILE = "="
# What a file and its runs have in common.
_COMMON = frozenset({"service", "file", "host", "protocol", "received_at"})
# What a file has as well: runs may say that they were before it came.
_OF_FILES = _COMMON | {"timestamp"}
_COUNTED = ("tests", "passed", "failed", "errors", "skipped", "files", "problems")


def summary(engine: Engine, wanted: Filter) -> Summary:
    """All tests with a run that passes, and the files that such runs are in.

    Args:
        engine: where they are.
        wanted: the filter. Where it looks at nothing but what a file has as its runs have, files without a run that
            pass it count too.

    Raises:
        QueryTimeout, QueryCancelled, Refused, StorageUnavailable: as `Engine.select`.
    """
    of_runs = both(AnyOf("tags", (RESULT_TAG,)), wanted)
    of_files = AnyOf("tags", (FILE_TAG,))
    is_common = is_about(wanted, _COMMON)
    where, params = condition(both(Or((AnyOf("tags", (RESULT_TAG,)), of_files)), wanted) if is_common else of_runs)
    sql = statement(
        "results",
        "tests",
        runs=statement("results", "runs", where=where, letters=f"[{_NAMES}], [{_LETTERS}]"),
        recent=str(RECENT_RUNS),
        reason_chars=str(_REASON_CHARS),
    )
    rows = engine.select(sql, {**params, "file_tag": FILE_TAG, "limit": MAX_TESTS}).to_pylist()
    found = in_order(_test(row) for row in rows if not row["is_file"])
    counted: Mapping[str, int] = {name: rows[0][f"all_{name}"] if rows else 0 for name in _COUNTED}
    if not is_common:
        files_where, files_params = condition(of_files, "g")
        empty, empty_params = condition(wanted, "e") if is_about(wanted, _OF_FILES) else ("false", {})
        sql = statement("results", "files", where=files_where, of_runs=where, empty=empty)
        counted = {**counted, **engine.select(sql, {**params, **files_params, **empty_params}).to_pylist()[0]}
    totals = Totals(
        **counted,
        results=counted["passed"] + counted["failed"] + counted["skipped"],
        failing=sum(one.fails for one in found),
        flaky=sum(one.flaky for one in found),
    )
    return Summary(totals, found)


def _test(row: Mapping[str, Any]) -> Tally:
    failure = None
    if row["failed"]:
        us, file, line, message, batch_id, ordinal = row["failure"].values()
        failure = Failure(us, file, line, message, log_id(UUID(bytes=batch_id), ordinal))
    return Tally(
        service=row["service"],
        test=row["test"],
        passed=row["passed"],
        failed=row["failed"],
        errors=row["errors"],
        skipped=row["skipped"],
        runs=_runs(row["runs"], row["durations"]),
        last_run_us=row["last_us"],
        last_failure=failure,
    )


def _runs(letters: str, durations: Sequence[str]) -> list[Run]:
    runs: list[Run] = []
    file, is_same = 0, False
    for letter in letters:
        if letter == _SAME_FILE:
            is_same = True
            continue
        file += not is_same
        duration_s = float(durations[len(runs)]) if durations[len(runs)] else None
        runs.append(Run(_RESULTS[letter.upper()], was_rerun=letter.islower(), file=file, duration_s=duration_s))
        is_same = False
    return runs
