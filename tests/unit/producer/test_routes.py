"""What the endpoints for logs answer, with a publisher in the place of the broker."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from logmill.openapi.document import every_route, path_of
from logmill.record import Lane
from logmill.wire import unpack
from producer import batching
from tests.support.held_publisher import HeldPublisher, messages_of

V7_KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


def post(client, path: str, body: object, key: str | None = None, **headers: str):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if key is not None:
        headers["Idempotency-Key"] = key
    return client.post(path, data=data, headers={"Content-Type": "application/json", **headers})


# keys


@pytest.mark.parametrize("key", [V7_KEY, V7_KEY.replace("-", ""), "order-17", '"order-17"'])
def test_a_retry_gets_the_same_answer_and_publishes_nothing(client, publisher, key):
    first = post(client, "/logs", {"message": "a"}, key)
    again = post(client, "/logs", {"message": "a"}, key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert [messages_of(message) for message, _ in publisher.sent] == [["a"]]
    assert first.json["log_id"] == f"{publisher.sent[0][0].message_id}-0"


def test_a_batch_with_bad_items_is_answered_the_same_way_again(client, publisher):
    items = [{"message": "a"}, "bad", {"message": "b", "level": "ERROR"}]
    first = post(client, "/logs/batch?ids=1", items, "k")
    again = post(client, "/logs/batch?ids=1", items, "k")
    assert first.json == again.json
    assert (first.json["accepted"], first.json["rejected"], len(first.json["log_ids"])) == (2, 1, 2)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(publisher.sent) == 2
    assert "log_ids" not in post(client, "/logs/batch", items, "k").json


def test_a_retry_of_which_more_is_taken_under_other_limits_is_published_and_not_just_answered(started, publisher):
    items = [{"message": "a"}, {"message": "b" * 100}]
    narrow = started(max_message_bytes=16)
    first = post(narrow, "/logs/batch", items, "k")
    assert (first.json["accepted"], first.json["rejected"]) == (1, 1)
    assert post(narrow, "/logs/batch", items, "k").headers["Idempotency-Replayed"] == "true"
    wide = started()
    for replayed in (None, "true"):
        answer = post(wide, "/logs/batch", items, "k")
        assert (answer.status_code, answer.json["accepted"]) == (201, 2)
        assert answer.headers.get("Idempotency-Replayed") == replayed
    assert [messages_of(message) for message, _ in publisher.sent] == [["a"], ["a", "b" * 100]]


def test_the_same_key_with_another_body_is_422_and_publishes_nothing(client, publisher):
    post(client, "/logs", {"message": "a"}, "k")
    for path, body, headers in (
        ("/logs", {"message": "b"}, {}),
        ("/logs/batch", [{"message": "a"}], {}),
        ("/logs?lane=bulk", {"message": "a"}, {}),
        ("/logs", {"message": "a"}, {"Content-Type": "text/plain"}),
    ):
        answer = post(client, path, body, "k", **headers)
        assert answer.status_code == 422
        assert (answer.json["code"], answer.json["field"]) == ("idempotency_key_reused", "Idempotency-Key")
    assert len(publisher.sent) == 1


def test_the_same_body_compressed_is_the_same_body(client, publisher):
    body = json.dumps({"message": "a"}).encode()
    assert post(client, "/logs", body, "k").status_code == 201
    again = post(client, "/logs", gzip.compress(body), "k", **{"Content-Encoding": "gzip"})
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_503_leaves_the_key_to_its_body_and_a_retry_has_the_same_ids(client, publisher):
    publisher.confirms = False
    lost = post(client, "/logs", {"message": "a"}, "k")
    assert (lost.status_code, lost.headers["Retry-After"]) == (503, "1")
    assert post(client, "/logs", {"message": "b"}, "k").status_code == 422
    publisher.state = "connection refused"
    assert post(client, "/logs", {"message": "a"}, "k").status_code == 503
    publisher.state, publisher.confirms = "ready", True
    answer = post(client, "/logs", {"message": "a"}, "k")
    assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (201, None)
    assert len({message.message_id for message, _ in publisher.sent}) == 1
    assert post(client, "/logs", {"message": "a"}, "k").headers["Idempotency-Replayed"] == "true"


def test_a_request_that_is_refused_binds_no_key(client):
    assert post(client, "/logs", {"message": None}, "k").status_code == 400
    assert post(client, "/logs/batch", ["bad"], "k").status_code == 400
    assert post(client, "/logs", b"{", "k").status_code == 400
    assert post(client, "/logs", {"message": "a"}, "k").status_code == 201


def test_a_key_that_is_none_is_400(client, publisher):
    answer = post(client, "/logs", {"message": "a"}, "x" * 256)
    assert (answer.status_code, answer.json["field"]) == (400, "Idempotency-Key")
    assert publisher.sent == []


def test_where_keys_cannot_be_kept_a_keyed_request_is_503_and_others_are_taken(client, publisher, tmp_path):
    (tmp_path / "data").write_text("in the way")
    answer = post(client, "/logs", {"message": "a"}, "k")
    assert answer.status_code == 503
    assert "idempotency keys cannot be kept" in answer.json["message"]
    assert post(client, "/logs", {"message": "a"}).status_code == 201
    assert len(publisher.sent) == 1


def test_without_a_key_no_file_is_made(client, tmp_path):
    assert post(client, "/logs", {"message": "a"}).status_code == 201
    assert not (tmp_path / "data").exists()


# lanes


def lanes_of(publisher: HeldPublisher) -> Counter:
    return Counter({message.lane: len(messages_of(message)) for message, _ in publisher.sent})


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/logs?lane=urgent", "application/json", b'{"message": "a", "level": "DEBUG"}'),
        ("/logs/batch?lane=urgent", "application/json", b'[{"message": "a", "level": "DEBUG"}]'),
        ("/logs/batch?lane=urgent", "application/x-ndjson", b'{"message": "a"}\n'),
        ("/logs/batch?lane=urgent&service=s", "text/plain", b"DEBUG a\n"),
        ("/logs", "application/json", b'{"message": "a", "lane": "urgent"}'),
        ("/logs?lane=bulk", "application/json", b'{"message": "a", "lane": "urgent"}'),
        ("/logs/batch", "application/json", b'[{"message": "a", "lane": "urgent"}]'),
        ("/logs/batch", "application/x-ndjson", b'{"message": "a", "lane": "urgent", "other": 1}\n'),
    ],
)
def test_a_client_names_the_lane_and_it_is_not_stored(client, publisher, path, content_type, body):
    assert post(client, path, body, **{"Content-Type": content_type}).status_code == 201
    assert lanes_of(publisher) == {Lane.URGENT: 1}
    (entry,) = unpack(publisher.sent[0][0]).columns.rows()
    assert b"lane" not in bytes(entry.metadata)


def test_a_record_without_a_lane_goes_where_the_request_or_its_level_says(client, publisher):
    items = [{"message": "a", "lane": "bulk"}, {"message": "b", "level": "ERROR"}, {"message": "c", "lane": None}]
    post(client, "/logs/batch", items)
    assert lanes_of(publisher) == {Lane.BULK: 1, Lane.URGENT: 1, Lane.NORMAL: 1}
    publisher.sent.clear()
    post(client, "/logs/batch?lane=normal", items)
    assert lanes_of(publisher) == {Lane.BULK: 1, Lane.NORMAL: 2}


@pytest.mark.parametrize("lane", ["express", "", "URGENT"])
def test_an_unknown_lane_is_400_or_an_item_error_and_named(client, publisher, lane):
    for path, body in ((f"/logs?lane={lane}", {"message": "a"}), ("/logs", {"message": "a", "lane": lane})):
        answer = post(client, path, body)
        assert (answer.status_code, answer.json["field"]) == (400, "lane")
    answer = post(client, "/logs/batch", [{"message": "a", "lane": lane}, {"message": "b"}])
    assert (answer.status_code, answer.json["accepted"]) == (201, 1)
    assert [(error["index"], error["field"]) for error in answer.json["errors"]] == [(0, "lane")]
    assert post(client, f"/logs/batch?lane={lane}", b"x", **{"Content-Type": "text/plain"}).status_code == 400


# lines


@pytest.mark.parametrize("path", ["/logs", "/logs/batch"])
def test_ndjson_is_taken_line_by_line_and_a_bad_line_is_named(client, publisher, path):
    answer = post(
        client, path, b'{"message": "a"}\n\nnope\n{"message": "b"}\n', **{"Content-Type": "application/x-ndjson"}
    )
    assert (answer.status_code, answer.json["accepted"], answer.json["rejected"]) == (201, 2, 1)
    (fault,) = answer.json["errors"]
    assert (fault["index"], fault["line"], fault["field"], fault["code"]) == (1, 3, "line 3", "malformed")
    assert fault["message"].startswith("line 3 is no valid JSON")
    assert sorted(text for message, _ in publisher.sent for text in messages_of(message)) == ["a", "b"]


def test_ndjson_without_a_good_line_is_400_and_names_the_first(client):
    answer = post(client, "/logs", b'\n{"message": \n', **{"Content-Type": "application/x-ndjson"})
    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (400, "all_rejected", "line 2")
    assert "line 2 is no valid JSON" in answer.json["message"]


# what there is


def test_the_first_page_names_every_endpoint_and_what_takes_logs_first(client):
    found = client.get("/").json
    named = [(one["method"], one["path"]) for one in found["endpoints"]]
    assert named[:3] == [("POST", "/logs"), ("POST", "/logs/batch"), ("GET", "/task/{task_id}")]
    served = {(method, path_of(rule)) for rule, method in every_route(client.application)}
    assert set(named) == served - {("GET", "/")}
    assert all(one["summary"] for one in found["endpoints"])
    assert found["links"]["docs"] == "/docs"
    adapter = client.application.url_map.bind("")
    assert all(adapter.match(path, "GET") for path in found["links"].values())


# the broker


def test_ready_and_answers_say_that_the_broker_stalls(client, publisher):
    publisher.stall(7.25)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["message"]) == (
        503,
        "broker: stalled: nothing confirmed for 7.2 s in bulk, normal, urgent",
    )
    answer = post(client, "/logs", {"message": "a"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "stalled" in answer.json["message"]
    assert publisher.sent == []


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/logs?service=s", "application/json", b'{"message": "a"}'),
        ("/logs/batch?service=s", "application/json", b'[{"message": "a"}]'),
        ("/logs/batch?service=s", "application/x-ndjson", b'{"message": "a"}\n'),
        ("/logs/batch?service=s&color=red", "text/plain", b"a\n"),
    ],
)
def test_a_parameter_that_would_do_nothing_is_refused_and_named(client, publisher, path, content_type, body):
    answer = client.post(path, data=body, content_type=content_type)
    assert answer.status_code == 400
    assert answer.json["field"] == ("color" if content_type == "text/plain" else "service")
    assert publisher.sent == []


def test_an_error_is_taken_while_the_bulk_queue_stalls(client, publisher):
    publisher.stall(7.25, Lane.BULK)
    assert "in bulk" in client.get("/ready").json["message"]
    for level, status in (("DEBUG", 503), ("ERROR", 201), ("INFO", 201)):
        for key in (None, level):
            assert post(client, "/logs", {"message": "a", "level": level}, key).status_code == status


def test_a_broker_that_is_away_costs_no_look_at_the_keys(client, publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(batching, "CONNECT_GRACE_S", 0.0)
    publisher.state = "connection refused"
    assert post(client, "/logs", {"message": "a"}, "k").status_code == 503
    assert not (tmp_path / "data").exists()


def test_ids_is_read_strictly_before_anything_is_published(client, publisher):
    for text, status in (("true", 201), ("YES", 201), ("0", 201), ("", 201), ("maybe", 400), ("2", 400)):
        answer = post(client, f"/logs/batch?ids={text}", [{"message": "a"}])
        assert answer.status_code == status
        assert ("log_ids" in answer.json) == (text in {"true", "YES"})
        assert status == 201 or answer.json["field"] == "ids"
    assert len(publisher.sent) == 4
