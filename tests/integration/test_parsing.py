"""Messages with a format of their own, through the whole pipeline: stored as fields, and found by them."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
import requests

from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until

TIMEOUT_S = 30
TRACE = """Order failed
java.io.IOException: connection lost
\tat com.example.Pool.take(Pool.java:13)
\tat com.example.App.main(App.java:7)
Caused by: java.net.SocketException: reset
\tat com.example.Net.read(Net.java:99)
"""
STACK = "java.net.ConnectException: refused\n\tat com.example.Net.open(Net.java:5)\nCaused by: a.b.Gone: away"
ACCESS = '10.0.0.7 - eve [10/Oct/2000:13:55:36 -0700] "GET /items?page=2 HTTP/1.1" 503 2326 "-" "curl/8.0"'


def search(pipeline: Pipeline, service: str, query: str) -> list[dict]:
    parameters = {"service": service, "q": query, "limit": 100}
    return requests.get(f"{pipeline.storage_url}/logs", parameters, timeout=TIMEOUT_S).json()["logs"]


@pytest.fixture(scope="module")
def service(pipeline: Pipeline) -> str:
    """The service of seven logs, all stored."""
    name = f"parsed-{uuid4()}"
    text = requests.post(
        f"{pipeline.producer_url}/logs?service={name}", TRACE, headers={"Content-Type": "text/plain"}, timeout=TIMEOUT_S
    )
    items = [
        {"message": '{"msg": "disk full", "level": "error", "free": 0, "mail": "bob\\u0040example.com"}'},
        {"message": '{"msg": "all is well", "level": "error"}', "level": "INFO"},
        {"message": ACCESS, "metadata": {"path": "mine"}},
        {"message": "<34>1 2026-01-31T12:00:00.5Z web-7 su 17 ID47 - failed for eve"},
        {"message": json.dumps({"msg": "not sent", "level": "error", "stack": STACK, "hostname": "web-8"})},
        {"message": json.dumps({"log": '{"msg": "inner", "level": "warn", "n": 9}\n', "stream": "stderr"})},
    ]
    batch = [{**item, "service": name} for item in items]
    many = requests.post(f"{pipeline.producer_url}/logs/batch", json=batch, timeout=TIMEOUT_S)
    assert (text.status_code, many.status_code) == (201, 201)
    wait_until(lambda: len(search(pipeline, name, "*:*")) == 7, 30, "seven logs are stored")
    return name


def test_a_trace_is_one_log_and_found_by_its_parts(pipeline: Pipeline, service: str):
    query = "exception.type:java.io.IOException AND exception.innermost.function:*Pool* AND exception.innermost.line:13"
    (log,) = search(pipeline, service, query)
    assert (log["message"], log["level"], log["priority"]) == (TRACE.rstrip(), "ERROR", "high")
    assert log["metadata"]["exception.causes"] == [{"type": "java.net.SocketException", "message": "reset"}]


def test_a_level_of_the_message_holds_where_none_was_sent(pipeline: Pipeline, service: str):
    (log,) = search(pipeline, service, "free:0")
    assert (log["message"], log["level"], log["metadata"]) == ("disk full", "ERROR", {"free": 0, "mail": "<email>"})
    (sent,) = search(pipeline, service, "message:well")
    assert (sent["level"], sent["metadata"]) == ("INFO", {"level": "error"})


def test_fields_fill_their_columns_and_the_senders_own_come_first(pipeline: Pipeline, service: str):
    (log,) = search(pipeline, service, "status_code:503 AND user_id:eve AND client_ip:10.0.0.7")
    assert (log["message"], log["timestamp"][:19], log["path"]) == (ACCESS, "2000-10-10T20:55:36", "mine")
    assert log["metadata"]["path_2"] == "/items"


def test_a_header_of_syslog_says_host_time_and_level(pipeline: Pipeline, service: str):
    (log,) = search(pipeline, service, "app:su")
    assert (log["message"], log["level"], log["source"]["host"]) == ("failed for eve", "CRITICAL", "web-7")
    assert (log["timestamp"][:19], "auth" in log["tags"]) == ("2026-01-31T12:00:00", True)


def test_a_stack_trace_in_json_is_found_by_its_parts_and_its_causes_by_its_text(pipeline: Pipeline, service: str):
    (log,) = search(pipeline, service, "exception.type:java.net.ConnectException AND exception.innermost.line:5")
    assert (log["message"], log["level"], log["source"]["host"]) == ("not sent", "ERROR", "web-8")
    assert log["metadata"]["stack"] == STACK
    # As docs/parsing.md says: lists of objects are not looked into, the text that they are from is.
    assert search(pipeline, service, "exception.causes.type:*") == []
    assert [one["id"] for one in search(pipeline, service, "stack:/a.b.Gone/")] == [log["id"]]
    assert [one["message"] for one in search(pipeline, service, '"java.net.SocketException"')] == [TRACE.rstrip()]


def test_a_line_that_docker_wrapped_is_that_line(pipeline: Pipeline, service: str):
    (log,) = search(pipeline, service, "n:9")
    assert (log["message"], log["level"], log["metadata"]) == ("inner", "WARNING", {"n": 9, "stream": "stderr"})
