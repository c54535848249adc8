"""Each service is restarted in order while clients write: no request fails, nothing is lost or delivered again."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from logmill.settings import in_ci
from tests.support.pipeline import Pipeline
from tests.support.rabbitmq_node import scripts_folder
from tests.support.waiting import wait_until

WRITERS = 8
BATCH = 10
PACE_S = 0.04
TIMEOUT_S = 30
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module", params=["rabbitmq", "embedded"])
def busy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A pipeline of this module's own, whose services are restarted."""
    if request.param == "rabbitmq" and scripts_folder() is None:
        message = "no RabbitMQ: apt-get install rabbitmq-server"
        (pytest.fail if in_ci() else pytest.skip)(message)
    folder: Path = tmp_path_factory.mktemp(f"restart-{request.param}")
    with Pipeline(folder, request.param) as running:
        wait_until(lambda: len(running.pids()) == 4)
        yield running


class Kept:
    """Posts over one connection, made anew only where the server closed it, and said so."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def __call__(self, path: str, body: bytes) -> tuple[int, str | None]:
        self._connection.request("POST", path, body, JSON)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, answer.headers["Retry-After"]

    def close(self) -> None:
        self._connection.close()


class Session:
    """Posts as `requests` does it with a session, or with a fresh connection for each request."""

    def __init__(self, port: int, *, fresh: bool) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._session = requests.Session()
        self._post = requests.post if fresh else self._session.post

    def __call__(self, path: str, body: bytes) -> tuple[int, str | None]:
        answer = self._post(self._url + path, body, headers=JSON, timeout=TIMEOUT_S)
        return answer.status_code, answer.headers.get("Retry-After")

    def close(self) -> None:
        self._session.close()


class Writers:
    """Threads that write singles and batches as long as the block lasts, and what became of their requests."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.service = f"svc-{uuid4().hex[:12]}"
        self.accepted: set[str] = set()
        self.refused: set[str] = set()
        self.faults: list[str] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]

    def _write(self, number: int) -> None:
        port = self._pipeline.settings.producer_port
        with closing(Kept(port) if number % 2 else Session(port, fresh=number % 4 == 0)) as post:
            self._write_by(post, number)

    def _write_by(self, post: Kept | Session, number: int) -> None:
        request = 0
        while not self._stop.wait(PACE_S):
            request += 1
            names = [f"{number}-{request}-{item}" for item in range(BATCH if request % 2 else 1)]
            logs = [{"service": f"{self.service}-{number}", "level": "ERROR", "message": name} for name in names]
            path, body = ("/logs/batch", logs) if request % 2 else ("/logs", logs[0])
            try:
                status, retry_after = post(path, json.dumps(body).encode())
            except (OSError, http.client.HTTPException) as error:  # those of requests are an OSError
                self._note(self.faults, f"writer {number}, request {request}: {error!r}")
                return
            if status == 201:
                self._note(self.accepted, *names)
            elif status == 503 and retry_after is not None:
                self._note(self.refused, *names)
                self._stop.wait(0.2)
            else:
                self._note(self.faults, f"writer {number}, request {request}: {status}, Retry-After {retry_after}")

    def _note(self, where: set[str] | list[str], *what: str) -> None:
        with self._lock:
            where.update(what) if isinstance(where, set) else where.extend(what)

    def stored(self) -> Counter[str]:
        """How often each message of theirs is stored."""
        found: Counter[str] = Counter()
        for number in range(WRITERS):
            query = {"service": f"{self.service}-{number}", "limit": 10_000}
            logs = requests.get(f"{self._pipeline.storage_url}/logs", query, timeout=TIMEOUT_S).json()["logs"]
            found.update(log["message"] for log in logs)
        return found

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_S)
        assert not any(thread.is_alive() for thread in self._threads)


def check(writers: Writers) -> None:
    """No request failed, and what was accepted is stored exactly once; of what was refused, some may be stored."""
    assert writers.faults == []
    assert len(writers.accepted) > 500
    wait_until(lambda: writers.stored().keys() >= writers.accepted, what="storing all")
    stored = writers.stored()
    assert [name for name, count in stored.items() if count != 1] == []
    assert stored.keys() <= writers.accepted | writers.refused


@pytest.mark.parametrize("service", ["processor-1", "storage", "producer"])
def test_a_service_is_restarted_in_order_under_load(busy: Pipeline, service: str):
    before = busy.pids()
    with Writers(busy) as writers:
        time.sleep(1.0)
        said = busy.restart(service)
        time.sleep(1.0)
    assert f"{service} is ready again" in said
    assert f"logmill: {service} was stopped; starting it again\n" in busy.said
    after = busy.pids()
    assert {name for name in after if after[name] != before[name]} == {service}
    check(writers)
    assert busy.processor_count("logmill_processor_redelivered_total") == 0


def test_a_producer_that_is_killed_refuses_no_connection(busy: Pipeline):
    before = busy.pids()["producer"]
    os.killpg(before, signal.SIGKILL)
    for number in range(20):
        body = {"message": f"m{number}", "service": "after a kill"}
        assert requests.post(f"{busy.producer_url}/logs", json=body, timeout=TIMEOUT_S).status_code == 201
    assert busy.pids()["producer"] != before
