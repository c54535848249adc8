"""Files of test results on their whole way, over HTTP and AMQP: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from logmill.broker import Message, open_broker
from logmill.record import Lane
from logmill.settings import in_ci
from tests.support.pipeline import Pipeline
from tests.support.rabbitmq_node import scripts_folder
from tests.support.result_files import Sample, sample
from tests.support.waiting import wait_until

TIMEOUT_S = 60
JUNIT = (
    b'<testsuite name="s"><testcase classname="" name="a"/>'
    b'<testcase classname="" name="b"><failure message="no"/></testcase></testsuite>'
)
Send = Callable[..., None]


@pytest.fixture
def publish(pipeline: Pipeline) -> Iterator[Send]:
    yield from publishing(pipeline)


def publishing(pipeline: Pipeline) -> Iterator[Send]:
    """Publishes as any AMQP client may."""
    publisher = open_broker(pipeline.settings.broker_url).publisher()

    def send(body: bytes, message_id: str = "", content_type: str = "", **headers: str) -> None:
        message = Message(body, Lane.NORMAL, message_id, content_type=content_type, headers=dict(headers))
        publisher.publish(message).result(TIMEOUT_S)

    yield send
    publisher.close(TIMEOUT_S)


def summary(pipeline: Pipeline, **params: Any) -> dict[str, Any]:
    answer = requests.get(f"{pipeline.storage_url}/results/summary", params, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_files(pipeline: Pipeline, service: str, files: int) -> dict[str, Any]:
    """The summary of a service once so many of its files are stored."""

    def look() -> dict[str, Any] | None:
        found = summary(pipeline, service=service, limit=1000)
        return found if found["totals"]["files"] >= files else None

    return wait_until(look, TIMEOUT_S, f"{files} files of {service}")


def post(pipeline: Pipeline, body: bytes, service: str, **headers: str) -> requests.Response:
    url = f"{pipeline.producer_url}/files"
    sent = {"Content-Type": "text/plain", **headers}
    return requests.post(url, params={"service": service}, data=body, headers=sent, timeout=TIMEOUT_S)


def post_until_taken(pipeline: Pipeline, body: bytes, service: str) -> requests.Response:
    """As `post`, again under the same key while the broker is too busy, as clients should."""
    key = str(uuid4())

    def attempt() -> requests.Response | None:
        answer = post(pipeline, body, service, **{"Idempotency-Key": key})
        return None if answer.status_code == 503 else answer

    return wait_until(attempt, TIMEOUT_S, "a broker that takes a file")


def check(found: dict[str, Any], wanted: Sample) -> None:
    """Hold the totals, and those of each test, to what is in the files."""
    totals = found["totals"]
    assert (totals["files"], totals["results"], totals["problems"]) == (
        len(wanted.bodies),
        wanted.results,
        wanted.problems,
    )
    assert [totals[result] for result in ("passed", "failed", "skipped")] == [
        wanted.of(result) for result in ("passed", "failed", "skipped")
    ]
    by_test = {
        one["test"]: {result: one[result] for result in ("passed", "failed", "skipped") if one[result]}
        for one in found["tests"]
    }
    assert by_test == {name: {**counter} for name, counter in wanted.counts.items() if counter}


def test_files_over_http_and_amqp_are_summed_up_together(pipeline: Pipeline, publish: Send):
    service, made = f"shop-{uuid4().hex[:8]}", sample(40, 12)
    for number, body in enumerate(made.bodies):
        if number % 2:
            answer = post(pipeline, body, service)
            assert answer.status_code == 201, answer.text
        else:
            publish(body, str(uuid4()), service=service)
    check(of_files(pipeline, service, len(made.bodies)), made)


def test_each_result_is_a_log_that_is_linked_to_its_file(pipeline: Pipeline):
    service = f"shop-{uuid4().hex[:8]}"
    body = b"nightly-7.log\nTest: login\nResult: PASS\nTest: pay\nno money\nResult: FAIL\nResult: PASS\n"
    answer = post(pipeline, body, service).json()
    assert (answer["results"], answer["problem_count"]) == (2, 1)
    of_files(pipeline, service, 1)
    asked = {"service": service, "tag": "test-result", "file": "nightly-7.log"}
    logs = requests.get(f"{pipeline.storage_url}/logs", asked, timeout=TIMEOUT_S).json()["logs"]
    batch_id = answer["log_id"].rpartition("-")[0]
    assert sorted((log["id"], log["level"], log["message"]) for log in logs) == [
        (f"{batch_id}-1", "INFO", "login: passed"),
        (f"{batch_id}-2", "ERROR", "pay: failed: no money"),
    ]
    task = requests.get(f"{pipeline.producer_url}/task/{answer['task_id']}", timeout=TIMEOUT_S).json()
    assert (task["status"], task["result"]["tags"]) == ("SUCCESS", ["test-file"])
    found = requests.get(f"{pipeline.storage_url}/logs", {"q": "test:pay", "service": service}, timeout=TIMEOUT_S)
    assert [log["metadata"]["reason"] for log in found.json()["logs"]] == ["no money"]
    rejected = wait_until(lambda: rejections(pipeline, batch_id), what="the rejection")
    assert rejected == [(3, "test_results", "nightly-7.log line 7: `Result: PASS` without a `Test:` before it")]
    (one,) = summary(pipeline, service=service, test="pay")["tests"]
    assert (one["last_failure"]["line"], one["last_failure"]["log_id"]) == (6, f"{batch_id}-2")


def rejections(pipeline: Pipeline, batch_id: str) -> list[tuple[int, str, str]]:
    found = requests.get(f"{pipeline.storage_url}/rejections", {"limit": 1000}, timeout=TIMEOUT_S).json()["rejections"]
    return [(one["ordinal"], one["code"], one["reason"]) for one in found if one["batch_id"] == batch_id]


def test_a_message_that_comes_twice_counts_once(pipeline: Pipeline, publish: Send):
    service, made = f"shop-{uuid4().hex[:8]}", sample(10, 5)
    ids = [str(uuid4()) if number % 2 else f"build-{service}-{number}" for number in range(10)]
    for _ in range(3):
        for body, message_id in zip(made.bodies, ids, strict=True):
            publish(body, message_id, service=service)
    publish(b"last.log\nTest: marker\nResult: PASS\n", service=f"{service}-end")
    of_files(pipeline, f"{service}-end", 1)
    time.sleep(0.5)  # what came before the marker may be stored after it, by the other processor
    check(of_files(pipeline, service, 10), made)


def test_a_request_that_is_sent_again_with_its_key_counts_once(pipeline: Pipeline):
    service, made = f"shop-{uuid4().hex[:8]}", sample(1, 5)
    answers = [post(pipeline, made.bodies[0], service, **{"Idempotency-Key": service}) for _ in range(3)]
    assert [one.status_code for one in answers] == [201] * 3
    assert len({one.json()["log_id"] for one in answers}) == 1
    check(of_files(pipeline, service, 1), made)


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [("application/xml", {}), ("application/vnd.logmill.results", {}), ("", {"type": "results"})],
)
def test_junit_xml_is_taken_over_amqp(pipeline: Pipeline, publish: Send, content_type: str, headers: dict[str, str]):
    service = f"shop-{uuid4().hex[:8]}"
    publish(JUNIT, str(uuid4()), content_type, service=service, file="TEST-shop.xml", **headers)
    found = of_files(pipeline, service, 1)
    assert {one["test"]: one["last_result"] for one in found["tests"]} == {"a": "passed", "b": "failed"}
    assert found["tests"][0]["last_failure"]["file"] == "TEST-shop.xml"


def test_a_file_in_which_nothing_can_be_read_is_a_dead_letter_with_the_reason(pipeline: Pipeline, publish: Send):
    batch_id = str(uuid4())
    publish(b"odd\nnothing\n", batch_id, "application/vnd.logmill.results", file="nightly-8.log")
    reason = "no result can be read in 'nightly-8.log': line 1: there is no `Test:` line in it; and 1 other problem"
    wait_until(lambda: rejections(pipeline, batch_id) == [(None, "test_results", reason)], TIMEOUT_S, "the rejection")
    task = requests.get(f"{pipeline.producer_url}/task/{batch_id}-0", timeout=TIMEOUT_S).json()
    assert (task["status"], task["reason"]) == ("FAILURE", reason)

    def letter() -> dict[str, Any] | None:
        found = requests.get(f"{pipeline.producer_url}/dead", {"limit": 1000}, timeout=TIMEOUT_S).json()["letters"]
        return next((one for one in found if one["message_id"] == batch_id), None)

    assert wait_until(letter, TIMEOUT_S, "the dead letter")["reason"] == reason


@pytest.mark.timeout(240)
@pytest.mark.parametrize("broker", ["rabbitmq", "embedded"])
def test_a_thousand_files_from_four_processors_one_of_which_is_killed_are_counted_exactly(broker: str, tmp_path: Path):
    if broker == "rabbitmq" and scripts_folder() is None:
        (pytest.fail if in_ci() else pytest.skip)("no RabbitMQ: apt-get install rabbitmq-server")
    made = sample(1000, 60)
    with Pipeline(tmp_path, broker, processors=4) as pipeline:
        sent = publishing(pipeline)
        publish = next(sent)
        with ThreadPoolExecutor(4) as pool:
            over_http = [pool.submit(post_until_taken, pipeline, body, "load") for body in made.bodies[::2]]
            for number, body in enumerate(made.bodies[1::2]):
                publish(body, str(uuid4()), service="load")
                if number == 250:
                    os.kill(next(pid for name, pid in pipeline.processes() if name == "processor"), signal.SIGKILL)
        assert {one.result().status_code for one in over_http} == {201}
        next(sent, None)
        check(of_files(pipeline, "load", len(made.bodies)), made)
