"""No alert twice and none lost, though storage is killed again and again; each change is told in the end."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import Counter
from pathlib import Path

import pytest

from logmill.timestamps import now_us
from tests.support.service_process import ServiceProcess
from tests.support.storage_blocks import batch, stream
from tests.support.storage_service import StorageService
from tests.support.waiting import wait_until
from tests.support.webhook_receiver import Received, Receiver

SECRET = "a secret"
RULES = """
detectors:
  defaults: false
  rules:
    - {name: many, kind: threshold, group_by: [service], when: count >= 3, window: 10m, resolve_after: 1h}
"""
TIMEOUT_S = 60


@pytest.fixture
def receiver():
    with Receiver() as running:
        yield running


def watched(folder: Path, receiver: Receiver, **settings: object) -> StorageService:
    rules = folder / "rules.yaml"
    if not rules.exists():
        rules.write_text(RULES)
    return StorageService(
        folder / "data",
        alert_interval_s=0.05,
        alert_webhook_url=receiver.url,
        alert_webhook_secret=SECRET,
        rules_file=str(rules),
        **settings,
    )


def post(storage: StorageService, service: str) -> bytes:
    now = now_us()
    body = stream(batch(3, service=service, timestamp=now, received_at=now, processed_at=now))
    storage.ingest(body)
    return body


def alerts(storage: StorageService, **asked: object) -> list[dict]:
    return storage.get("/alerts", limit=1000, **asked).json()["alerts"]


def check_signature(received: Received) -> None:
    signed = received.headers["Logmill-Timestamp"].encode() + b"." + received.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert received.headers["Logmill-Signature"] == f"v1={expected}"
    assert received.json["delivery"] == received.headers["Logmill-Delivery"]


@pytest.mark.timeout(300)
def test_killed_before_during_and_after_evaluations_each_alert_is_there_once_and_told(tmp_path, receiver):
    draw = random.Random(7)
    sent = []
    with watched(tmp_path, receiver) as storage:
        wal = tmp_path / "data" / "alerts.sqlite3-wal"
        for number in range(8):
            sent.append(f"service-{number}")
            before = wal.stat().st_mtime_ns if wal.exists() else 0
            body = post(storage, sent[-1])
            # After none, one or some of the transactions that follow an insert.
            for _ in range(draw.randrange(4)):
                wait_until(lambda b=before: wal.stat().st_mtime_ns != b, 5, "a change of the file")
                before = wal.stat().st_mtime_ns
            storage.kill()
            storage.restart()
            storage.ingest(body, check=True)
        wait_until(lambda: len(alerts(storage)) == len(sent), TIMEOUT_S, "the alerts")
        wait_until(lambda: storage.get("/alerts/rules").json()["webhook"]["waiting"] == 0, TIMEOUT_S, "the messages")
        found = alerts(storage)
    assert Counter(alert["group"]["service"] for alert in found) == Counter(sent)
    told = {received.headers["Logmill-Delivery"]: received.json for received in receiver.taken()}
    assert Counter(body["alert"]["id"] for body in told.values()) == Counter(alert["id"] for alert in found)
    for received in receiver.requests:
        check_signature(received)


def test_a_receiver_that_fails_hangs_up_redirects_and_comes_back_is_told_of_each_change_in_order(tmp_path, receiver):
    with watched(tmp_path, receiver) as storage:
        receiver.status = 500
        post(storage, "a")
        wait_until(lambda: len(receiver.requests) >= 1, TIMEOUT_S, "the first try")
        (alert,) = alerts(storage, state="firing")
        receiver.status = 0
        wait_until(lambda: len(receiver.requests) >= 2, TIMEOUT_S, "the second try")
        answer = storage.http.post(f"{storage.url}/alerts/{alert['id']}/acknowledge", json={"by": "eve"}, timeout=30)
        assert answer.json()["alert"]["state"] == "acknowledged"
        state = storage.get("/alerts/rules").json()["webhook"]
        assert (state["enabled"], state["waiting"], state["given_up"]) == (True, 2, 0)
        receiver.status = 302
        wait_until(lambda: len(receiver.requests) >= 3, TIMEOUT_S, "the third try")
        storage.kill()
        receiver.status = 200
        storage.restart()
        wait_until(lambda: len(receiver.taken()) == 2, TIMEOUT_S, "both")
        assert storage.get("/alerts/rules").json()["webhook"]["waiting"] == 0
    assert [received.json["event"] for received in receiver.taken()] == ["firing", "acknowledged"]
    ids = [received.headers["Logmill-Delivery"] for received in receiver.requests]
    assert len(set(ids)) == 2, "what is sent again has the id it had"
    for received in receiver.requests:
        check_signature(received)


def test_what_is_not_taken_for_too_long_is_given_up_and_counted(tmp_path, receiver):
    receiver.status = 503
    with watched(tmp_path, receiver, alert_webhook_give_up_s=0.1) as storage:
        post(storage, "a")
        wait_until(lambda: storage.get("/alerts/rules").json()["webhook"]["given_up"] == 1, TIMEOUT_S, "the end")
        assert "logmill_alerts_webhook_given_up 1.0" in storage.get("/metrics").text
        assert storage.get("/alerts/rules").json()["webhook"]["waiting"] == 0


def test_a_wrong_rule_keeps_storage_from_starting_and_names_the_line(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "detectors:\n  rules:\n    - name: a\n      kind: threshold\n      q: 'level:('\n      when: count > 1\n"
    )
    with ServiceProcess("storage", tmp_path, rules_file=str(rules)) as storage:
        assert storage.end() == 2
        assert "rules.yaml, line 5" in storage.said
