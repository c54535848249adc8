"""POST /files, with a publisher in the place of the broker: what is taken, what is said, what is published."""

from __future__ import annotations

import gzip
import io

import pytest
import zstandard

from logmill.broker import Message
from logmill.broker.topology import MAX_MESSAGE_BYTES
from logmill.record import Lane
from logmill.results.message import CONTENT_TYPE, unpack_file
from logmill.results.reading import read
from producer import files

PAIRS = b"nightly-7.log\nTest: login\nResult: PASS\nTest: checkout\nResult: FAIL\n"
JUNIT = b'<testsuite name="shop"><testcase name="a"/><testcase name="b"><failure message="no"/></testcase></testsuite>'
KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


def post(client, body: bytes, content_type: str = "text/plain", query: str = "", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(f"/files{query}", data=body, content_type=content_type, headers=named)


def form(client, *parts: tuple[str, bytes], query: str = "", key: str | None = None):
    data = {"file": [(io.BytesIO(body), name) for name, body in parts]}
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/files{query}", data=data, content_type="multipart/form-data", headers=headers)


def published(publisher) -> list[Message]:
    return [message for message, _ in publisher.sent]


def test_a_file_is_one_message_that_holds_it_as_it_came(client, publisher):
    answer = post(client, PAIRS)
    assert answer.status_code == 201
    assert answer.json["message"] == "File with 2 results queued for processing"
    said = {name: answer.json[name] for name in ("file", "format", "results", "passed", "failed", "problems")}
    assert said == {
        "file": "nightly-7.log",
        "format": "pairs",
        "results": 2,
        "passed": 1,
        "failed": 1,
        "problems": [],
    }
    (message,) = published(publisher)
    assert (message.content_type, message.lane) == (CONTENT_TYPE, Lane.NORMAL)
    assert unpack_file(message).body == PAIRS
    assert answer.json["log_id"] == answer.json["task_id"] == f"{message.message_id}-0"


def test_problems_are_told_by_their_lines_and_the_rest_is_taken(client, publisher):
    answer = post(client, PAIRS + b"Result: PASS\n")
    assert (answer.status_code, answer.json["results"], answer.json["problem_count"]) == (201, 2, 1)
    assert answer.json["problems"] == [{"line": 6, "message": "`Result: PASS` without a `Test:` before it"}]
    assert answer.json["message"].endswith("; 1 problem")
    assert len(publisher.sent) == 1


def test_so_many_problems_are_told_and_all_are_counted(client):
    answer = post(client, PAIRS + b"Result: PASS\n" * 500)
    assert (len(answer.json["problems"]), answer.json["problem_count"]) == (files.SHOWN_PROBLEMS, 500)


@pytest.mark.parametrize(
    ("content_type", "body", "form_"),
    [
        ("text/plain; charset=utf-8", PAIRS, "pairs"),
        ("application/xml", JUNIT, "junit"),
        ("text/xml", JUNIT, "junit"),
        ("application/octet-stream", JUNIT, "junit"),
        ("", PAIRS, "pairs"),
        ("application/x-ndjson", b'{"$report_type": "SessionStart"}\n{"$report_type": "SessionFinish"}\n', "reportlog"),
        ("application/json", b'{"$report_type": "SessionStart"}\n{"$report_type": "SessionFinish"}\n', "reportlog"),
    ],
)
def test_the_format_follows_from_the_file(client, content_type, body, form_):
    answer = post(client, body, content_type)
    assert (answer.status_code, answer.json["format"]) == (201, form_)


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_bodies_may_be_compressed(client, publisher, encoding, encode):
    assert post(client, encode(PAIRS), Content_Encoding=encoding).status_code == 201
    assert unpack_file(published(publisher)[0]).body == PAIRS


def test_name_service_and_lane_are_those_that_are_asked_for(client, publisher):
    answer = post(client, PAIRS, query="?name=other.log&service=shop&lane=bulk")
    assert answer.json["file"] == "other.log"
    (message,) = published(publisher)
    file = unpack_file(message)
    assert (message.lane, file.name, file.service) == (Lane.BULK, "other.log", "shop")
    assert read(file.body, name=file.name, hint=file.hint).name == "other.log"


def test_a_form_has_files_and_each_is_a_message_of_its_own(client, publisher):
    answer = form(client, ("a.log", PAIRS), ("b.xml", JUNIT), ("c.txt", b"nothing\n"))
    assert answer.status_code == 201
    assert (answer.json["accepted"], answer.json["rejected"]) == (2, 1)
    # Pairs say their name themselves.
    assert [(one["file"], one["results"]) for one in answer.json["files"]] == [("nightly-7.log", 2), ("b.xml", 2)]
    assert [(one["index"], one["code"]) for one in answer.json["errors"]] == [(2, "unreadable")]
    assert [one["log_id"] for one in answer.json["files"]] == [f"{one.message_id}-0" for one in published(publisher)]
    assert [unpack_file(one).body for one in published(publisher)] == [PAIRS, JUNIT]
    assert [unpack_file(one).hint for one in published(publisher)] == ["a.log", "b.xml"]


def test_a_form_with_one_file_is_answered_as_that_file(client):
    assert form(client, ("b.xml", JUNIT)).json["file"] == "b.xml"
    assert form(client, ("b.xml", JUNIT), query="?name=c.xml").json["file"] == "c.xml"


def test_what_holds_no_result_is_400_named_by_its_line_and_not_published(client, publisher):
    answer = post(client, b"a.log\nhello\n")
    assert (answer.status_code, answer.json["code"]) == (400, "unreadable")
    assert answer.json["message"].startswith("no result can be read in a file that begins with 'a.log': line 1")
    assert [(one["line"], one["field"]) for one in answer.json["errors"]] == [(1, "line 1"), (2, "line 2")]
    assert form(client, ("a", b"x"), ("b", b"<y/>")).json["code"] == "all_rejected"
    assert publisher.sent == []


@pytest.mark.parametrize(
    ("body", "content_type", "query", "status", "says"),
    [
        (b"", "text/plain", "", 400, "empty"),
        (PAIRS, "image/png", "", 415, "image/png"),
        (PAIRS, "application/x-www-form-urlencoded", "", 415, "multipart/form-data"),
        (PAIRS, "text/plain", "?level=info", 400, "level"),
        (PAIRS, "text/plain", "?lane=fast", 400, "lane"),
        (PAIRS, "text/plain", f"?service={'s' * 300}", 400, "service"),
        (b"no form", "multipart/form-data; boundary=x", "", 400, "form"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", "", 400, "no file"),
        (b"", "multipart/form-data", "", 400, "form"),
    ],
)
def test_a_request_that_cannot_be_taken_is_told_why(client, publisher, body, content_type, query, status, says):
    answer = post(client, body, content_type, query)
    assert answer.status_code == status
    assert says in answer.json["message"]
    assert publisher.sent == []


def test_an_error_has_the_name_that_the_request_gives_the_file_not_its_first_line(client):
    odd = b"Hello, world\nnothing\n"
    answers = [
        form(client, ("report.txt", odd)),
        form(client, ("other", odd), query="?name=report.txt"),
        post(client, odd, query="?name=report.txt"),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    for answer in answers:
        assert answer.json["message"].startswith("no result can be read in 'report.txt': line 1: ")
        assert "Hello" not in answer.json["message"]
    (error,) = form(client, ("a.log", PAIRS), ("report.txt", odd)).json["errors"]
    assert error["message"].startswith("no result can be read in 'report.txt': line 1: ")


def test_what_is_too_much_has_the_name_that_the_request_gives_the_file(started, monkeypatch):
    client = started(max_batch_records=1)
    assert form(client, ("report.txt", PAIRS)).json["message"] == "2 results in 'report.txt', 1 at most"
    monkeypatch.setattr(files, "MAX_MESSAGE_BYTES", 10)
    one = PAIRS.partition(b"Test: checkout")[0]
    assert form(client, ("report.txt", one)).json["message"].startswith("'report.txt' is ")


def test_a_name_cannot_be_that_of_several_files_and_a_form_has_files_only(client, publisher):
    assert form(client, ("a", PAIRS), ("b", PAIRS), query="?name=c").json["field"] == "name"
    answer = client.post("/files", data={"service": "shop", "file": (io.BytesIO(PAIRS), "a")})
    assert (answer.status_code, answer.json["field"]) == (400, "service")
    assert publisher.sent == []


def test_a_form_has_so_many_files_at_most(client, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 3)
    assert form(client, *[("f", PAIRS)] * 3).status_code == 201
    answer = form(client, *[("f", PAIRS)] * 4)
    assert (answer.status_code, answer.json["code"]) == (413, "too_many")


def test_a_file_has_so_many_results_and_is_so_long_at_most(started, publisher, monkeypatch):
    client = started(max_batch_records=2)
    assert post(client, PAIRS).status_code == 201
    answer = post(client, PAIRS + b"Test: c\nResult: PASS\n")
    assert (answer.status_code, answer.json["code"]) == (413, "too_many")
    assert answer.json["message"] == "3 results in 'nightly-7.log', 2 at most"
    monkeypatch.setattr(files, "MAX_MESSAGE_BYTES", 10)
    assert (post(client, PAIRS).status_code, MAX_MESSAGE_BYTES > 10_000_000) == (413, True)
    assert len(publisher.sent) == 1


def test_a_retry_with_its_key_publishes_nothing_and_gets_the_same_answer(client, publisher):
    first, again = (post(client, PAIRS, Idempotency_Key=KEY) for _ in range(2))
    assert (first.status_code, again.status_code, first.json) == (201, 201, again.json)
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(publisher.sent) == 1
    assert post(client, PAIRS + b"Result: PASS\n", Idempotency_Key=KEY).status_code == 422


def test_a_form_is_known_again_though_its_boundary_is_another(client, publisher):
    first, again = (form(client, ("a.log", PAIRS), ("b.xml", JUNIT), ("c", b"x"), key=KEY) for _ in range(2))
    assert (first.json, again.headers["Idempotency-Replayed"]) == (again.json, "true")
    assert len({one.message_id for one in published(publisher)}) == len(publisher.sent) == 2


def test_a_key_gives_the_same_ids_on_another_producer_that_has_never_seen_it(started, publisher, tmp_path):
    ids = []
    for folder in ("one", "two"):
        answer = form(started(data_dir=str(tmp_path / folder)), ("a", PAIRS), ("b", JUNIT), key=KEY)
        ids.append([one["log_id"] for one in answer.json["files"]])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_a_broker_that_stalls_is_503_and_nothing_is_taken_for_accepted(client, publisher):
    publisher.stall(7.25)
    answer = post(client, PAIRS)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert publisher.sent == []


def test_records_of_files_are_counted(client):
    post(client, PAIRS)
    post(client, b"x\n")
    text = client.get("/metrics").text
    assert 'logmill_producer_records_total{result="accepted"} 3.0' in text
    assert 'logmill_producer_accepted_total{lane="normal"} 3.0' in text
    assert 'logmill_producer_records_total{result="rejected"} 1.0' in text
