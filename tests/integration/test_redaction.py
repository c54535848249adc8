"""What is sensitive is nowhere once the queues have drained: not in storage, among dead letters, or in our own logs."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
import requests
import zstandard

from benchmarks.redaction import LOGHUB
from benchmarks.sensitive import Labelled, corpus, real_messages
from logmill.broker import Message, broker_of
from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.record import Lane
from logmill.settings import in_ci
from logmill.wire import pack
from tests.support.disk import found_in
from tests.support.pipeline import Pipeline
from tests.support.rabbitmq_node import scripts_folder
from tests.support.waiting import wait_until

TIMEOUT_S = 30
LOGS = 900


@pytest.fixture(params=["rabbitmq", "embedded"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "rabbitmq" and scripts_folder() is None:
        (pytest.fail if in_ci() else pytest.skip)("no RabbitMQ: apt-get install rabbitmq-server")
    with Pipeline(tmp_path, request.param, log_level="DEBUG") as running:
        yield running


def labelled() -> list[Labelled]:
    if not LOGHUB.exists():
        (pytest.fail if in_ci() else pytest.skip)("the Loghub samples are missing; see docs/testing.md")
    return list(corpus(real_messages(LOGHUB), seed=11, count=LOGS))


def alone(log: Labelled) -> str:
    """The value, where its kind is known without the words around it."""
    return log.value if log.kind in {"email", "card", "iban", "jwt"} else "h"


def foreign(logs: list[Labelled]) -> list[Message]:
    """Messages with secrets in them that no processor can store."""
    texts = [f"{log.message} {json.dumps(log.metadata, ensure_ascii=False)}" for log in logs]
    bodies = [
        *(b'{"message": "' + text.encode() for text in texts[0::4]),  # cut off
        *(b"\xff" + text.encode("latin-1", "replace") for text in texts[1::4]),  # of some other encoding
        *(zstandard.compress(text.encode()) for text in texts[2::4]),  # compressed, and not said to be
    ]
    messages = [Message(body, Lane.NORMAL, str(uuid4()), content_type="application/json") for body in bodies]
    # Batches of ours whose headers say something else than their bodies.
    for log in logs[3::4]:
        metadata = [json.dumps(log.metadata).encode()]
        columns = Columns([1.0], ["INFO"], [log.message], ["s"], metadata, host=[alone(log)])  # type: ignore[list-item]
        made = pack(columns, batch_id=new_batch_id(), lane=Lane.BULK, received_at=1_750_000_000_000_000)
        messages.append(Message(made.body, made.lane, made.message_id, made.content_type, made.content_encoding,
                                {**made.headers, "logmill-count": 7, "note": alone(log)}))  # fmt: skip
    return messages


def test_nothing_sensitive_is_left_anywhere(pipeline: Pipeline, tmp_path: Path) -> None:
    logs = labelled()
    stored, dead = logs[:700], [log for log in logs[700:] if log.kind]
    items = [{"message": log.message, "metadata": log.metadata, "host": alone(log)} for log in stored]
    url = f"{pipeline.producer_url}/logs/batch"
    for start in range(0, len(items), 100):
        answer = requests.post(url, json=items[start : start + 100], timeout=TIMEOUT_S)
        assert (answer.status_code, answer.json()["rejected"]) == (201, 0), answer.text[:500]
    broker = broker_of(pipeline.settings)
    publisher = broker.publisher()
    letters = foreign(dead)
    for message in letters:
        publisher.publish(message).result(TIMEOUT_S)
    publisher.close(TIMEOUT_S)

    def is_drained() -> bool:
        depths = broker.depths()
        waiting = sum(depths[lane].ready + (depths[lane].unacknowledged or 0) for lane in Lane)
        return waiting == 0 and depths["dead"].ready == len(letters)

    wait_until(is_drained, 60, "the queues drain")
    answer = requests.get(f"{pipeline.storage_url}/logs", params={"limit": 5000}, timeout=TIMEOUT_S)
    assert answer.json()["count"] == len(stored)
    with broker.dead_letters() as found:
        kept = [f"{one.message.body!r} {one.message.headers} {one.reason}" for one in found.scan(10_000)]
    assert len(kept) == len(letters)
    assert any("<email>" in one for one in kept)
    assert any("withheld" in one for one in kept)
    assert pipeline.processor_count("logmill_processor_redacted_total") >= sum(bool(log.kind) for log in stored)
    pipeline.__exit__(None, None, None)

    secrets = {log.value for log in logs if log.kind}
    # As JSON writes them, too.
    secrets |= {json.dumps(value)[1:-1] for value in secrets}
    assert not {value for value in secrets for text in (answer.text, pipeline.said, *kept) if value in text}
    assert found_in(tmp_path / "data", secrets) == {}
    # So that a search that finds nothing is known to look everywhere. Headers of syslog are fields, not messages.
    plain = {log.message for log in stored if not log.kind and len(log.message) > 40}
    whole = sorted(plain & {log["message"] for log in answer.json()["logs"]})
    assert len(whole) > 100
    assert set(found_in(tmp_path / "data" / "store", whole[::5])) == set(whole[::5])
