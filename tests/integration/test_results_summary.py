"""What the engine makes of stored results is what a plain accumulator makes of the files; and how it is asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from logmill.ids import new_batch_id
from logmill.results.accumulator import Accumulator
from logmill.results.model import FileResults, Outcome, Problem, Result
from logmill.results.records import Origin, records_of
from logmill.results.summary import Summary
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings, load
from logmill.submitted import Limits
from logmill.wire import Batch
from processor.columns import TIME, to_arrow, to_frame
from processor.redaction.rules import redactor_of
from processor.stages import make_stages
from storage import results
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.search.filters import EVERYTHING, And, AnyOf, Between, Bounds, Filter, Metadata
from storage.statements import statement
from tests.support.storage_blocks import batch, stream
from tests.support.storage_service import StorageService

T0_US = 1_767_225_600_000_000
SECOND_US = 1_000_000
SETTINGS = load({})
STAGES = make_stages(SETTINGS, rules_of(SETTINGS), redactor_of(rules_of(SETTINGS), SETTINGS))
NAMES = st.sampled_from(["a", "b", 'c "quoted" \\ *', "d\u00e9 \u30c6", "7"])
OUTCOMES = st.builds(
    Outcome,
    test=NAMES,
    result=st.sampled_from([*Result]),
    line=st.integers(1, 99),
    message=st.sampled_from(["", "no", "m" * 600]),
    reruns=st.sampled_from([0, 0, 0, 2]),
    duration_s=st.sampled_from([None, 0.0, 0.0000012, 0.25, 1.5, 86400.125]),
)
FILES = st.lists(st.tuples(st.lists(OUTCOMES, max_size=12), st.integers(0, 2)), max_size=6)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path_factory.mktemp("results") / "store", Settings())
    schema.ensure(engine)
    yield engine
    engine.close()


def file_of(outcomes: Sequence[Outcome], number: int, problems: int = 0) -> FileResults:
    found = [Problem(1, "odd")] * problems
    outcomes = list(outcomes)
    return FileResults(name=f"f-{number}", format="pairs", outcomes=outcomes, problems=found, problem_count=problems)


def block_of(files: Sequence[FileResults], service: str = "tests") -> bytes:
    """The files as processors store them, each a second after the one before."""
    batches = []
    for number, one in enumerate(files):
        at_us = T0_US + number * SECOND_US
        columns, _ = records_of(one, Origin(service, at_us, "http"), Limits())
        batches.append(Batch(new_batch_id(), at_us, columns))
    frame = to_frame(batches)
    for _name, stage in STAGES:
        frame = stage(frame)
    done = frame.with_columns(processed_at=pl.lit(T0_US, dtype=pl.Int64).cast(TIME), processor_id=pl.lit("p"))
    return to_arrow(done)


def fill(engine: ChdbEngine, *blocks: bytes) -> None:
    engine.run(statement("logs", "clear_logs"))
    for block in blocks:
        engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), block)


def said(summary: Summary) -> list[tuple[object, ...]]:
    """All that a summary says, but for the ids of logs."""
    return [
        (
            *(one.service, one.test, one.passed, one.failed, one.errors, one.skipped, one.letters, one.last_run_us),
            *(one.flaky, one.changes, one.fails, one.trend),
            None
            if (failure := one.last_failure) is None
            else (failure.at_us, failure.file, failure.line, failure.message[:500]),
        )
        for one in summary.tests
    ]


@settings(max_examples=25)
@given(FILES)
def test_the_engine_and_the_accumulator_say_the_same_of_any_files(engine: ChdbEngine, made):
    files = [file_of(outcomes, number, problems) for number, (outcomes, problems) in enumerate(made)]
    accumulator = Accumulator("tests")
    for number, one in enumerate(files):
        accumulator.add(one, T0_US + number * SECOND_US)
    fill(engine, *([block_of(files)] if files else []), stream(batch(5)))
    found, wanted = results.summary(engine, EVERYTHING), accumulator.summary()
    assert found.totals == wanted.totals
    assert said(found) == said(wanted)


def test_the_log_of_the_last_failure_is_the_one_that_tells_of_it(engine: ChdbEngine):
    failed = Outcome(test="t", result=Result.FAILED, line=7, message="no")
    fill(engine, block_of([file_of([failed, failed], 0)]))
    (found,) = results.summary(engine, EVERYTHING).tests
    assert found.last_failure is not None
    batch_id, _, ordinal = found.last_failure.log_id.rpartition("-")
    where = {"batch_id": batch_id.replace("-", ""), "ordinal": int(ordinal)}
    (row,) = engine.select(statement("logs", "select_log", columns="message, timestamp"), where).to_pylist()
    assert (row["message"], ordinal) == ("t: failed: no", "2")


def test_logs_that_others_gave_the_tag_and_are_no_results_do_not_count(engine: ChdbEngine):
    odd = ["{}", '{"test": "x"}', '{"test": "x", "result": "great"}', '{"test": "", "result": "passed"}', "no json"]
    rows = [one for text in odd for one in batch(1, tags=["test-result"], metadata=text)]
    fill(engine, stream(rows), block_of([file_of([Outcome(test="t", result=Result.PASSED, line=1)], 0)]))
    totals = results.summary(engine, EVERYTHING).totals
    assert (totals.tests, totals.results, totals.files) == (1, 1, 1)


@pytest.mark.parametrize(
    ("wanted", "files", "found"),
    [
        (EVERYTHING, 4, {("shop", "a"): 3, ("shop", "b"): 2, ("bank", "a"): 1}),
        (AnyOf("service", ("shop",)), 3, {("shop", "a"): 3, ("shop", "b"): 2}),
        (AnyOf("file", ("f-1",)), 1, {("shop", "a"): 1, ("shop", "b"): 1}),
        (Between("timestamp", Bounds(low=T0_US + SECOND_US)), 2, {("shop", "a"): 2, ("shop", "b"): 1}),
        (Metadata(("test",), "b"), 2, {("shop", "b"): 2}),
        (And((Metadata(("test",), "a"), AnyOf("service", ("bank",)))), 1, {("bank", "a"): 1}),
        (AnyOf("level", ("ERROR",)), 4, {("shop", "a"): 3, ("shop", "b"): 2, ("bank", "a"): 1}),
        (AnyOf("level", ("INFO",)), 0, {}),
        (AnyOf("service", ("none",)), 0, {}),
    ],
)
def test_a_filter_holds_for_runs_and_files(engine: ChdbEngine, wanted: Filter, files: int, found):
    def run(name: str) -> Outcome:
        return Outcome(test=name, result=Result.FAILED, line=1)

    shop = [file_of([run("a"), run("b")], 0, 1), file_of([run("a"), run("b")], 1, 1), file_of([run("a")], 2, 1)]
    fill(engine, block_of(shop, "shop"), block_of([file_of([run("a")], 0, 1)], "bank"))
    summary = results.summary(engine, wanted)
    assert {(one.service, one.test): one.failed for one in summary.tests} == found
    assert (summary.totals.files, summary.totals.problems) == (files, files)


def test_a_time_range_counts_the_files_of_the_runs_in_it_whenever_the_files_came(engine: ChdbEngine):
    runs = [Outcome(test="t", result=Result.PASSED, line=1, timestamp_us=T0_US - 100 * SECOND_US)]
    fill(engine, block_of([file_of(runs, 0, problems=2), file_of([], 1)]))

    def counts(**bounds: int) -> tuple[int, int, int]:
        totals = results.summary(engine, Between("timestamp", Bounds(**bounds))).totals
        return totals.files, totals.results, totals.problems

    assert counts(high=T0_US - SECOND_US) == (1, 1, 2)
    assert counts(low=T0_US - SECOND_US) == (1, 0, 0), "the file without a run"
    assert counts(low=T0_US - 200 * SECOND_US) == (2, 1, 2)
    assert counts(low=T0_US + 100 * SECOND_US) == (0, 0, 0)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    folder: Path = tmp_path_factory.mktemp("served")
    letters = {"login": "PPPP", "checkout[a*b]": "PPFF", "slow\u202e": "PFPF"}
    kinds = {"P": Result.PASSED, "F": Result.FAILED}
    files = [
        file_of(
            [Outcome(test=name, result=kinds[runs[number]], line=3, message="no") for name, runs in letters.items()],
            number,
        )
        for number in range(4)
    ]
    with StorageService(folder / "data") as service:
        assert service.ingest(block_of(files, "shop")).status_code == 201
        yield service


def ask(storage: StorageService, accept: str = "", **params: object) -> requests.Response:
    headers = {"Accept": accept} if accept else {}
    return requests.get(f"{storage.url}/results/summary", params, headers=headers, timeout=60)


def test_json_has_totals_and_of_each_test_what_people_ask(storage: StorageService):
    answer = ask(storage)
    found = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    assert found["totals"] == {
        "files": 4,
        "tests": 3,
        "results": 12,
        "passed": 8,
        "failed": 4,
        "errors": 0,
        "skipped": 0,
        "problems": 0,
        "failing": 2,
        "flaky": 1,
    }
    first = found["tests"][0]
    assert first["last_failure"].pop("log_id")
    assert first == {
        "test": "slow\u202e",
        "service": "shop",
        "passed": 2,
        "failed": 2,
        "errors": 0,
        "skipped": 0,
        "last_result": "failed",
        "last_run": "2026-01-01T00:00:03.000000Z",
        "last_runs": "PFPF",
        "failing": True,
        "flaky": True,
        "changes": 3,
        "trend": {"direction": "steady", "recent_failed": 0.5, "before_failed": 0.5},
        "median_duration_s": None,
        "last_duration_s": None,
        "last_failure": {"at": "2026-01-01T00:00:03.000000Z", "file": "f-3", "line": 3, "message": "no"},
    }
    assert [one["test"] for one in found["tests"]] == ["slow\u202e", "checkout[a*b]", "login"]


def test_limit_shows_fewer_and_counts_all(storage: StorageService):
    found = ask(storage, limit=1).json()
    assert (found["count"], found["truncated"], found["totals"]["tests"]) == (1, True, 3)


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("login", {"login"}),
        (["login", "slow\u202e"], {"login", "slow\u202e"}),
        ("*o*", {"login", "checkout[a*b]", "slow\u202e"}),
        ("logi?", {"login"}),
        (r"checkout[a\*b]", {"checkout[a*b]"}),
        ("LOGIN", set()),
    ],
)
def test_tests_are_asked_for_by_their_names_or_parts_of_them(storage: StorageService, test, found):
    assert {one["test"] for one in ask(storage, test=test).json()["tests"]} == found


@pytest.mark.parametrize(
    ("accept", "form", "media"),
    [
        ("", "", "application/json"),
        ("*/*", "", "application/json"),
        ("text/plain", "", "text/plain; charset=utf-8"),
        ("image/svg+xml", "", "image/svg+xml"),
        ("image/png;q=0.9, image/svg+xml;q=0.1", "", "image/png"),
        ("text/html", "", "application/json"),
        ("image/png", "text", "text/plain; charset=utf-8"),
        ("", "svg", "image/svg+xml"),
    ],
)
def test_the_form_is_that_which_is_asked_for(storage: StorageService, accept: str, form: str, media: str):
    answer = ask(storage, accept, **({"format": form} if form else {}))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media)


def test_a_search_holds_for_runs_as_for_all_logs(storage: StorageService):
    found = ask(storage, q="test:login OR result:failed", file="f-3").json()
    assert {one["test"]: one["last_runs"] for one in found["tests"]} == {
        "login": "P",
        "checkout[a*b]": "F",
        "slow\u202e": "F",
    }
    assert (found["totals"]["files"], found["totals"]["results"]) == (1, 3)


def test_text_and_pictures_say_the_same_and_can_do_no_harm(storage: StorageService):
    text = ask(storage, format="text", limit=2).text
    assert text.startswith("12 results of 3 tests in 4 files: 8 passed, 4 failed; 2 failing now; 1 flaky\n")
    assert "slow\\u202e" in text
    assert text.endswith("and 1 more test\n")
    answer = ask(storage, format="svg", limit=2)
    words = [node.text for node in ET.fromstring(answer.content).iter("{http://www.w3.org/2000/svg}text")]
    assert {"checkout[a*b]", "2 / 2 failing", "and 1 more test"} <= set(words)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ask(storage, format="png").content.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        *(({"limit": 0}, "limit"), ({"limit": "x"}, "limit"), ({"format": "pdf"}, "format"), ({"color": "a"}, "color")),
        *(({"test": ["a"] * 101}, "test"), ({"since": "never"}, "since"), ({"format": ["svg", "png"]}, "format")),
    ],
)
def test_what_cannot_be_asked_is_named(storage: StorageService, params: dict, field: str):
    answer = ask(storage, **params)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_charts_that_are_asked_for_at_once_all_come(storage: StorageService):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(ask, storage, format=form) for form, _ in itertools.product(("svg", "png"), range(4))]
    assert {one.result().status_code for one in asked} == {200}
    assert len({one.result().content for one in asked}) == 2
