"""Processed logs as JSON: reference A's fields, what a processor adds, and defaults for what is left out."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from logmill.errors import Refused
from logmill.intake import Limits
from logmill.record import SEVERITY_OF_LEVEL
from storage.submitted import Submission, read

BATCH = uuid.UUID("01a20222-41bf-7f9c-9367-ea7691518ea3")
NOW_US = 1_800_000_000_000_000


def submit(body: Any) -> Submission:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(data, Limits(), batch_id=BATCH, now_us=NOW_US)


def one(body: Any) -> dict[str, Any]:
    return submit(body).table.to_pylist()[0]


def test_what_is_left_out_has_defaults() -> None:
    found = one({"level": "fatal", "message": "m"})
    assert (found["level"], found["priority"], found["severity"], found["severity_class"]) == (
        "CRITICAL",
        "high",
        90,
        "critical",
    )
    assert (found["service"], found["processor_id"], found["metadata"]) == ("unknown", "storage", "{}")
    assert (found["tags"], found["anomaly"], found["response_time_ms"]) == ([], False, None)


def test_what_a_processor_said_is_kept() -> None:
    sent = {
        "message": "m", "processed_at": "2026-01-01T00:00:00Z", "processor_id": "p", "priority": "high", "severity": 7,
        "severity_class": "odd", "anomaly": True, "anomaly_reasons": ["r"], "tags": ["t"], "fingerprint": "00ff",
        "status_code": 503, "response_time_ms": 1.5, "method": "GET", "path": "/x", "original_level": "loud",
    }  # fmt: skip
    found = one(sent)
    assert found["fingerprint"] == 255
    assert found["processed_at"].isoformat() == "2026-01-01T00:00:00+00:00"
    for name in set(sent) - {"processed_at", "fingerprint"}:
        assert found[name] == sent[name]


def test_an_id_of_ours_is_the_identity_and_another_is_kept() -> None:
    own = submit({"message": "m", "id": f"{BATCH}-7"})
    assert (own.ids, own.table["ordinal"].to_pylist()) == ([f"{BATCH}-7"], [7])
    other = submit({"message": "m", "id": "order-1"})
    assert (other.ids, other.table["client_id"].to_pylist()) == ([f"{BATCH}-0"], ["order-1"])
    assert not other.has_given_ids
    foreign = uuid.uuid4()
    assert submit({"message": "m", "id": f"{foreign}-3"}).has_given_ids


def test_only_a_log_with_an_id_of_ours_says_what_storage_said_of_it() -> None:
    said = {"client_id": "c", "source": {"host": "h", "file": "f", "protocol": "syslog"}}
    ours = one({"message": "m", "id": f"{BATCH}-1", **said})
    assert (ours["client_id"], ours["host"], ours["file"], ours["protocol"]) == ("c", "h", "f", "syslog")
    assert ours["metadata"] == "{}"
    theirs = one({"message": "m", "id": "order-1", **said})
    assert (theirs["client_id"], theirs["host"], theirs["protocol"]) == ("order-1", "h", "http")
    assert json.loads(theirs["metadata"]) == said
    odd = one({"message": "m", "id": f"{BATCH}-1", "client_id": 7, "source": "app.log"})
    assert (odd["client_id"], odd["file"], odd["metadata"]) == ("", "app.log", '{"client_id":7}')
    both = one({"message": "m", "id": f"{BATCH}-1", "host": "other", **said})
    assert both["host"] == "other"
    assert json.loads(both["metadata"]) == said
    with pytest.raises(Refused, match="source is 300 bytes"):
        one({"id": f"{BATCH}-1", "source": {"host": "", "file": "", "protocol": "p" * 300}})


@pytest.mark.parametrize(
    "body",
    [
        b'[{"message":"a"},{"message":"b"}]',
        b'{"message":"a"}\n{"message":"b"}\n',
        b'{"message":"a"}\r\n\r\n{"message":"b"}',
    ],
)
def test_arrays_and_lines(body: bytes) -> None:
    assert submit(body).table["message"].to_pylist() == ["a", "b"]


def test_an_object_on_several_lines_is_one_log() -> None:
    assert submit(b'{\n "message": "a",\n "metadata": {\n"x": 1}\n}').table["message"].to_pylist() == ["a"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None), (b"{}", None), (b"[]", None), (b"nonsense", None), (b"3", None), (b'"x"', None), (b'["x"]', None),
        (b'{"message":NaN}', None), (b"\xff", None), (b"[" * 10_000 + b"]" * 10_000, None),
        (b'{"message":null}', "message"), (b'{"timestamp":"../x","message":"m"}', "timestamp"),
        (b'{"processed_at":"../x","message":"m"}', "processed_at"), (b'{"message":"m","tags":"x"}', "tags"),
        (b'{"message":"m","tags":[1]}', "tags"), (b'{"message":"m","severity":101}', "severity"),
        (b'{"message":"m","severity":"high"}', "severity"), (b'{"message":"m","status_code":-1}', "status_code"),
        (b'{"message":"m","fingerprint":"xyz"}', "fingerprint"), (b'{"message":"m","anomaly":"yes"}', "anomaly"),
        (b'{"message":"m","response_time_ms":1e39}', "response_time_ms"),
        (b'{"message":"m","response_time_ms":-1e308}', "response_time_ms"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_the_name_of_its_field(body: bytes, field: str | None) -> None:
    with pytest.raises(Refused) as raised:
        submit(body)
    assert raised.value.field == field


def test_a_bad_item_of_many_is_named_and_nothing_is_taken() -> None:
    with pytest.raises(Refused, match="item 1"):
        submit([{"message": "a"}, {"message": "b", "severity": 1000}])


def test_a_severity_that_names_a_level_is_the_level() -> None:
    found = one({"message": "m", "severity": "warn"})
    assert (found["level"], found["severity"]) == ("WARNING", SEVERITY_OF_LEVEL["WARNING"])


def test_a_lone_surrogate_costs_no_log() -> None:
    assert one(b'{"message":"m","user_id":"\\ud800"}')["user_id"] == "\ufffd"


def test_json_that_cannot_be_read_names_its_place() -> None:
    with pytest.raises(Refused) as raised:
        submit(b'{"message":"m" "b"}')
    assert raised.value.more == {"position": 15}
