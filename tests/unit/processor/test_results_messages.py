"""Files of test results among the messages of the broker: how they are known, what becomes of them, what is kept."""

from __future__ import annotations

import json

import msgspec
import pytest

from logmill.broker import Message
from logmill.broker.protocol import DeadLetter, Delivery
from logmill.dead_letters import content
from logmill.errors import Refused
from logmill.ids import new_batch_id
from logmill.record import Lane
from logmill.results.message import CONTENT_TYPE, PackedFile, SentFile, is_results
from logmill.rules.ruleset import load as load_rules
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings, load
from logmill.submitted import Limits
from logmill.timestamps import now_us
from processor.columns import to_frame
from processor.foreign import read_foreign
from processor.gathering import rows_of
from processor.redaction.messages import without_secrets
from processor.redaction.rules import redactor_of
from processor.stages import make_stages

PAIRS = b"nightly-7.log\nTest: login\nResult: PASS\nTest: checkout\nno money\nResult: FAIL\n"
JUNIT = b'<?xml version="1.0"?>\n<testsuite name="shop"><testcase name="a"/></testsuite>'
LOG = b'{"$report_type": "SessionStart"}\n{"$report_type": "SessionFinish"}\n'
REDACTOR = redactor_of(load_rules(""), Settings())


def message(
    body: bytes, content_type: str = "", message_id: str = "", encoding: str = "", **headers: str | int
) -> Message:
    return Message(body, Lane.NORMAL, message_id, content_type, encoding, dict(headers))


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (PAIRS, CONTENT_TYPE, {}),
        (PAIRS, "text/plain", {}),
        (PAIRS, "", {}),
        (PAIRS, "application/octet-stream", {}),
        (b"Test: a\nResult: PASS", "text/plain", {}),
        (b"f\n\nresult: PASS\nTest: a\nResult: PASS\n", "", {}),
        (PAIRS, "application/json", {"type": "results"}),
        (JUNIT, "application/xml", {}),
        (JUNIT, "", {}),
        (b"\xef\xbb\xbf" + JUNIT, "", {}),
        (LOG, "", {}),
    ],
)
def test_a_file_is_known_by_its_type_by_a_header_or_by_how_it_begins(body, content_type, headers):
    assert is_results(message(body, content_type, **headers))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"the Test: of time", "text/plain"),
        (b"computation done\nResult: 42", "text/plain"),
        (b'{"message": "Test: a"}', ""),
        (b'{"message": "Test: a"}', "application/json"),
        (b"<html></html>", "text/plain"),
        (b"", ""),
        (LOG, "application/x-ndjson"),
    ],
)
def test_other_messages_are_logs_as_before(body, content_type):
    assert not is_results(message(body, content_type))


def test_a_file_becomes_a_record_for_itself_and_one_for_each_result():
    batch, problems = read_foreign(message(PAIRS, message_id="m-1", service="shop"), Limits())
    of_file, passed, failed = batch.columns.rows()
    assert problems == []
    assert {row.service for row in batch.columns.rows()} == {"shop"}
    assert {(row.file, row.protocol) for row in batch.columns.rows()} == {("nightly-7.log", "amqp")}
    assert (of_file.message, of_file.tag) == ("nightly-7.log: 2 results: 1 passed, 1 failed", "test-file")
    assert (passed.message, passed.level, passed.tag) == ("login: passed", "INFO", "test-result")
    assert (failed.message, failed.level) == ("checkout: failed: no money", "ERROR")
    assert msgspec.json.decode(failed.metadata) == {
        "test": "checkout",
        "result": "failed",
        "line": 6,
        "reason": "no money",
        "details": "no money",
    }


def test_the_log_of_a_file_has_each_count_in_good_grammar():
    def said(*results: str) -> str:
        body = "a.log\n" + "".join(f"Test: t\nResult: {result}\n" for result in results)
        (of_file, *_) = read_foreign(message(body.encode(), CONTENT_TYPE), Limits())[0].columns.rows()
        return of_file.message

    assert said("ERROR") == "a.log: 1 result: 1 error"
    assert said("ERROR", "ERROR", "FAIL") == "a.log: 3 results: 1 failed, 2 errors"


def test_one_problem_beyond_those_that_are_told_is_one():
    body = b"a.log\nTest: t\nResult: PASS\n" + b"Result: PASS\n" * 1001
    _, problems = read_foreign(message(body, CONTENT_TYPE), Limits())
    assert problems[-1].message == "a.log: 1 more problem beyond those told one by one"


def test_the_same_message_again_gives_the_same_records_under_the_same_ids():
    one, again = (read_foreign(message(PAIRS, message_id="m-1"), Limits())[0] for _ in range(2))
    assert one.batch_id == again.batch_id
    assert [row.message for row in one.columns.rows()] == [row.message for row in again.columns.rows()]


def test_what_the_producer_sent_keeps_its_time_its_id_and_its_name():
    packed = PackedFile.of(SentFile(PAIRS * 100, name="given.log", service="shop"))
    batch_id, at_us = new_batch_id(), now_us() - 5_000_000
    sent = packed.message(batch_id=batch_id, lane=Lane.BULK, received_at=at_us, records=201)
    assert (sent.content_encoding, rows_of(Delivery(sent, 1))) == ("zstd", 201)
    batch, _ = read_foreign(sent, Limits())
    rows = batch.columns.rows()
    assert (batch.batch_id, batch.received_at) == (batch_id, at_us)
    assert {(row.file, row.service, row.protocol, row.timestamp) for row in rows} == {
        ("given.log", "shop", "http", at_us)
    }


def test_problems_become_rejections_that_name_file_line_and_reason():
    _, problems = read_foreign(message(PAIRS + b"Result: PASS\nTest: b\n"), Limits())
    assert [(one.code, one.message) for one in problems] == [
        ("test_results", "nightly-7.log line 7: `Result: PASS` without a `Test:` before it"),
        ("test_results", "nightly-7.log line 8: test 'b' has no `Result:`"),
    ]
    (of_file, *_), _ = (read_foreign(message(PAIRS + b"Result: PASS\n"), Limits())[0].columns.rows(), None)
    assert (of_file.level, of_file.message.endswith("; 1 problem")) == ("WARNING", True)
    metadata = msgspec.json.decode(of_file.metadata)
    assert (metadata["problems"], metadata["problem_lines"][0]["line"]) == (1, 7)


@pytest.mark.parametrize(
    ("sent", "limits", "reason"),
    [
        (message(b"x\n", CONTENT_TYPE), Limits(), "no result can be read in a file that begins with 'x': line 1"),
        (message(b"x\n", CONTENT_TYPE, file="a.log"), Limits(), "no result can be read in 'a.log': line 1"),
        (message(b"<nope", "text/xml"), Limits(), "no valid XML"),
        (message(PAIRS, CONTENT_TYPE), Limits(max_batch_records=1), "2 results in 'nightly-7.log', 1 at most"),
        (message(PAIRS, CONTENT_TYPE, service="s" * 300), Limits(), "service"),
        (message(PAIRS, CONTENT_TYPE, encoding="gzip"), Limits(), "content encoding 'gzip'"),
        (message(b"no zstd", CONTENT_TYPE, encoding="zstd"), Limits(), "zstd"),
    ],
)
def test_a_file_of_which_nothing_can_be_taken_is_refused_with_the_reason(sent, limits, reason):
    with pytest.raises(Refused) as caught:
        read_foreign(sent, limits)
    assert reason in str(caught.value)


def test_results_are_tagged_whatever_the_rules_say_and_redacted_as_all_logs_are():
    body = b"f\nTest: login of bob@example.com\nResult: FAIL - password=hunter2secret\n"
    batch, _ = read_foreign(message(body), Limits())
    settings = load({})
    frame = to_frame([batch])
    for _name, stage in make_stages(settings, rules_of(settings), REDACTOR):
        frame = stage(frame)
    of_file, result = frame.select("tags", "message", "metadata", "level").to_dicts()
    assert of_file["tags"] == ["test-file"]
    assert result["tags"] == ["test-result", "auth"]
    assert result["message"] == "login of <email>: failed: password=<password>"
    assert json.loads(result["metadata"])["test"] == "login of <email>"


@pytest.mark.parametrize("name", ['{"level": "debug"}', "<34>1 2026-01-31T12:00:00Z h a - - -", "level=debug msg=x"])
def test_a_test_whose_name_looks_like_a_log_stays_that_test(name: str):
    batch, _ = read_foreign(message(f"f\nTest: '{name}'\nResult: PASS\n".encode()), Limits())
    settings = load({})
    frame = to_frame([batch])
    before = frame["timestamp"].to_list()
    for _name, stage in make_stages(settings, rules_of(settings), REDACTOR):
        frame = stage(frame)
    assert json.loads(frame["metadata"][1])["test"] == name
    assert (frame["level"][1], frame["timestamp"].to_list()) == ("INFO", before)


def test_a_file_that_is_put_aside_is_kept_redacted_and_shown_as_text():
    body = b"bob@example.com says nothing\n" * 100
    packed = PackedFile.of(SentFile(body))
    sent = packed.message(batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=now_us(), records=1)
    kept = without_secrets(sent, REDACTOR)
    assert (kept.content_type, kept.content_encoding, kept.message_id) == (CONTENT_TYPE, "zstd", sent.message_id)
    shown = content(DeadLetter("id", kept, "reason", "", ""))
    assert (shown["form"], shown["content"]) == ("text", "<email> says nothing\n" * 100)
