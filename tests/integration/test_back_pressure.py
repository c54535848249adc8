"""A producer whose broker takes connections and says nothing: clients are told within a second."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import requests

from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until


def test_a_broker_that_says_nothing_is_503_within_a_second(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}/"
        with ServiceProcess("producer", tmp_path, broker_url=url) as producer:
            wait_until(lambda: producer.readiness()[0] == 503, 60, "the producer")
            for headers in ({}, {"Idempotency-Key": "k"}):
                started = time.monotonic()
                answer = requests.post(f"{producer.url}/logs", json={"message": "m"}, headers=headers, timeout=10)
                took_s = time.monotonic() - started
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["Retry-After"] == "1"
                assert took_s < 1.0
