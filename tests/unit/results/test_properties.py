"""Whatever the bytes: reading never raises, loses nothing it counted, and says the same again."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.record import Lane
from logmill.results.message import PackedFile, SentFile, is_results, unpack_file
from logmill.results.model import FAILURES, Result, lines_of
from logmill.results.reading import looks_like_results, read
from logmill.results.records import FILE_TAG, RESULT_TAG, Origin, records_of
from logmill.submitted import Limits

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
LINES = st.sampled_from(
    [
        "Test: a",
        "Test: b",
        "Test:",
        "Result: PASS",
        "Result: FAIL",
        "Result: ?",
        "Result:",
        "note",
        "",
        "  ",
        "Test: a b",
    ]
)
FRAGMENTS = st.sampled_from(
    [
        *(
            b"<testsuite>",
            b"</testsuite>",
            b"<testcase name='a'>",
            b"</testcase>",
            b"<failure>",
            b"</failure>",
            b"<!--",
            b"-->",
        ),
        *(
            b'{"$report_type": "TestReport"',
            b', "nodeid": "a"',
            b', "when": "call"',
            b', "outcome": "failed"',
            b"}",
            b"\n",
        ),
        *(b"Test: a\n", b"Result: PASS\n", b"\xff", b"\x00", b"&x;", b"<![CDATA[", b"]]>", b"[", b'"', b"\\ud800"),
    ]
)
RESULTS = st.sampled_from([*Result])
LIMITS = Limits()


@given(st.one_of(st.binary(max_size=400), st.lists(FRAGMENTS, max_size=30).map(b"".join)))
def test_any_bytes_are_read_without_an_error_and_become_records(body: bytes):
    looks_like_results(body)
    found = read(body, hint="h")
    assert found == read(body, hint="h")
    assert found.problem_count >= len(found.problems)
    assert all(problem.line >= 1 for problem in found.problems)
    assert all(outcome.line >= 1 and outcome.test for outcome in found.outcomes)
    assert found.is_readable or found.problems
    columns, rejections = records_of(found, Origin("", 1, "http"), LIMITS)
    assert len(columns) == 1 + len(found.outcomes)
    assert len(rejections) == len(found.problems)


@given(st.text("ab\n\r", max_size=30), st.sampled_from([1, 10_000]))
@settings(max_examples=50)
def test_lines_are_those_of_the_text(text: str, times: int):
    text *= times
    assert list(lines_of(text, "\n")) == text.removesuffix("\n").split("\n")[: None if text else 0]
    assert list(lines_of(text.encode(), b"\n")) == [line.encode() for line in lines_of(text, "\n")]


@pytest.mark.parametrize("line", [b"\n", b"ab\n", b"Result:\n"])
@pytest.mark.parametrize("start", [b"run\nTest: a\n", b"{\n"])
def test_a_file_of_many_lines_takes_little_memory_beside_itself(start: bytes, line: bytes):
    body = start + line * 200_000
    tracemalloc.start()
    try:
        read(body)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 4 * len(body) + 1_000_000


@given(st.lists(LINES, max_size=40))
def test_each_line_of_a_pair_is_part_of_a_result_or_of_a_problem(lines: list[str]):
    found = read("\n".join(["file.log", *lines]).encode())
    tests = sum(line.startswith("Test:") for line in lines)
    results = sum(line.startswith("Result:") for line in lines)
    told = {problem.line - 2: problem.message for problem in found.problems}
    # A problem of a result with a test before it takes both; a test without a name takes its result along.
    broken_results = sum("the result of" in message for message in told.values())
    nameless = sum("without a name" in message for message in told.values())
    lonely_tests = sum("has no `Result:`" in message for message in told.values())
    lonely_results = sum("without a `Test:`" in message for message in told.values())
    nameless_done = tests - len(found.outcomes) - broken_results - lonely_tests
    assert nameless_done == nameless
    assert (
        len(found.outcomes) + broken_results + lonely_results
        <= results
        <= (len(found.outcomes) + broken_results + lonely_results + nameless)
    )


@given(st.lists(st.tuples(NAMES, RESULTS), min_size=1, max_size=20))
def test_pairs_that_are_as_they_should_be_come_back_as_they_are(pairs: list[tuple[str, Result]]):
    words = {Result.PASSED: "PASS", Result.FAILED: "FAIL", Result.ERROR: "ERROR", Result.SKIPPED: "SKIP"}
    sent = [(" ".join(name.replace('"', "").split()) or "x", result) for name, result in pairs]
    text = "f.log\n" + "".join(f'Test: "{name}"\nResult: {words[result]}\n' for name, result in sent)
    found = read(text.encode())
    assert [(outcome.test, outcome.result) for outcome in found.outcomes] == sent
    assert found.problem_count == 0


@given(st.binary(max_size=3000), NAMES, NAMES, NAMES)
def test_a_file_comes_out_of_a_message_as_it_went_in(body: bytes, name: str, hint: str, service: str):
    packed = PackedFile.of(SentFile(body, name, hint, service))
    message = packed.message(batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=1_767_225_600_000_001, records=3)
    assert is_results(message)
    assert unpack_file(message) == SentFile(body, name, hint, service, 1_767_225_600_000_001)


def rows_of(columns: Columns, tag: str) -> list[str]:
    return [row.message for row in columns.rows() if row.tag == tag]


@given(st.lists(st.tuples(NAMES, RESULTS), min_size=1, max_size=10))
def test_each_outcome_is_a_record_of_its_own_behind_that_of_the_file(pairs: list[tuple[str, Result]]):
    text = "f.log\n" + "".join(f"Test: {name}\nResult: {result}\n" for name, result in pairs)
    found = read(text.encode())
    columns, _ = records_of(found, Origin("shop", 1, "amqp"), LIMITS)
    assert rows_of(columns, FILE_TAG) == [columns.message[0]]
    assert rows_of(columns, RESULT_TAG) == [f"{one.test}: {one.result}" for one in found.outcomes]
    assert [row.level for row in columns.rows()][1:] == [
        "ERROR" if one.result in FAILURES else "INFO" for one in found.outcomes
    ]
    assert set(columns.service) == {"shop"}
    assert set(columns.file) == {"f.log"}
