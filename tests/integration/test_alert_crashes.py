"""No alert twice and none lost, though storage is killed again and again; each change is told in the end."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

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
    ours = {"alert_interval_s": 0.05, "alert_webhook_url": receiver.url, "alert_webhook_secret": SECRET}
    return StorageService(folder / "data", **{**ours, "rules_file": str(rules), **settings})


def three_logs(service: str, hours_ago: int = 0) -> bytes:
    now = now_us()
    times = {"timestamp": now - hours_ago * 3600 * 1_000_000, "received_at": now, "processed_at": now}
    return stream(batch(3, service=service, **times))


def post(storage: StorageService, service: str, hours_ago: int = 0) -> None:
    assert storage.ingest(three_logs(service, hours_ago)).status_code == 201


def is_taken(storage: StorageService, body: bytes) -> bool:
    """Whether these logs are answered with success, by a storage that may be killed meanwhile."""
    try:
        return storage.ingest(body).status_code == 201
    except requests.RequestException:
        return False


def alerts(storage: StorageService, **asked: object) -> list[dict]:
    return storage.get("/alerts", limit=1000, **asked).json()["alerts"]


def check_signature(received: Received) -> None:
    signed = received.headers["Logmill-Timestamp"].encode() + b"." + received.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert received.headers["Logmill-Signature"] == f"v1={expected}"
    assert received.json["delivery"] == received.headers["Logmill-Delivery"]


@pytest.mark.timeout(300)
def test_killed_before_during_and_after_evaluations_each_alert_is_there_once_and_told(tmp_path, receiver):
    """Nobody sends again what was answered with success: who posted it has forgotten it.

    Each of them has a time of its own, so that no look for the sake of others finds it.
    """
    sent = []
    with watched(tmp_path, receiver, alert_interval_s=0.25) as storage:
        wal = tmp_path / "data" / "alerts.sqlite3-wal"
        for number in range(8):
            sent.append(f"service-{number}")
            before = wal.stat().st_mtime_ns if wal.exists() else 0
            post(storage, sent[-1], number)
            # At once, mostly before the next evaluation, or after some of the transactions that follow an insert.
            for _ in range(number % 4):
                # It may have come already.
                with suppress(TimeoutError):
                    wait_until(lambda b=before: wal.stat().st_mtime_ns != b, 1, "a change of the file")
                before = wal.stat().st_mtime_ns
            storage.kill()
            storage.restart()
        check_each_is_there_once_and_told(storage, receiver, sent)


@pytest.mark.timeout(300)
def test_killed_while_logs_are_stored_each_alert_is_there_once_and_told(tmp_path, receiver):
    """Only what was not answered is sent again, as the processor does."""
    sent = []
    with watched(tmp_path, receiver) as storage, ThreadPoolExecutor(1) as pool:
        # The first insert takes longer than others.
        post(storage, "service")
        for number in range(1, 9):
            sent.append(f"service-{number}")
            body = three_logs(sent[-1], number)
            answer = pool.submit(is_taken, storage, body)
            time.sleep(0.004 * number)
            storage.kill()
            was_taken = answer.result(TIMEOUT_S)
            storage.restart()
            if not was_taken:
                assert storage.ingest(body, check=True).status_code == 201
        check_each_is_there_once_and_told(storage, receiver, ["service", *sent])


def check_each_is_there_once_and_told(storage: StorageService, receiver: Receiver, sent: list[str]) -> None:
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
        # It takes note of the answer after the receiver gave it.
        wait_until(lambda: storage.get("/alerts/rules").json()["webhook"]["waiting"] == 0, TIMEOUT_S, "the note")
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
