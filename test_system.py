"""A demonstration of the running system: health, logs in, logs found, statistics. Exits 1 when something is wrong.

python test_system.py [--producer http://127.0.0.1:5000] [--storage http://127.0.0.1:5002]
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import requests

HTTP_TIMEOUT_S = 10
CREATED = 201


class Failure(Exception):
    """A step did not show what it should."""


class Demonstration:
    """The steps, in their order; each raises `Failure` with what it saw."""

    def __init__(self, producer: str, storage: str, key: str, timeout_s: float) -> None:
        self._producer, self._storage, self._timeout_s = producer.rstrip("/"), storage.rstrip("/"), timeout_s
        self._service = f"demo-{uuid.uuid4().hex[:8]}"
        self._session = requests.Session()
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"
        self._log_id = ""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Title and function of each step; the function returns what it saw."""
        return [
            ("services are healthy", self.health),
            ("one log is accepted", self.single),
            ("a batch is accepted, its bad item named", self.batch),
            ("every accepted log is found", self.found),
            ("errors have high priority", self.priority),
            ("the task has its result", self.task),
            ("bad input is refused with a reason", self.refused),
            ("statistics count them", self.statistics),
        ]

    def health(self) -> str:
        """Both services answer /health within the time limit."""
        for name, url in (("producer", self._producer), ("storage", self._storage)):
            body = self._wait(lambda url=url: self._get(f"{url}/health"), f"{name} at {url} does not answer")
            _expect(body.get("status") == "healthy" and body.get("service") == name, f"{url}/health says {body}")
        return f"{self._producer} and {self._storage}"

    def single(self) -> str:
        """POST /logs answers 201 with an id."""
        log = {
            "level": "ERROR",
            "message": "Database connection failed",
            "service": self._service,
            "metadata": {"user_id": 123, "status_code": 500},
        }
        answer = self._session.post(f"{self._producer}/logs", json=log, timeout=HTTP_TIMEOUT_S)
        _expect(answer.status_code == CREATED, f"{answer.status_code}: {answer.text}")
        self._log_id = answer.json()["log_id"]
        return f"log_id {self._log_id}"

    def batch(self) -> str:
        """POST /logs/batch takes the good ones."""
        levels = ("DEBUG", "INFO", "WARNING", "CRITICAL")
        logs: list[Any] = [{"level": level, "message": f"a {level} log", "service": self._service} for level in levels]
        answer = self._session.post(f"{self._producer}/logs/batch", json=[*logs, "no log"], timeout=HTTP_TIMEOUT_S)
        _expect(answer.status_code == CREATED, f"{answer.status_code}: {answer.text}")
        body = answer.json()
        _expect((body["accepted"], body["rejected"]) == (4, 1), f"{body}")
        return f"{body['message']}, 1 rejected: {body['errors'][0]['message']}"

    def found(self) -> str:
        """GET /logs finds all five."""
        started = time.monotonic()
        self._wait(lambda: len(self._logs()) >= 5, f"only {len(self._logs())} of 5 logs were found")
        _expect(len(self._logs()) == 5, f"{len(self._logs())} logs where 5 were sent")
        return f"5 logs after {time.monotonic() - started:.2f} s"

    def priority(self) -> str:
        """ERROR and CRITICAL are high."""
        priorities = {log["level"]: log["priority"] for log in self._logs()}
        wanted = {"DEBUG": "low", "INFO": "low", "WARNING": "medium", "ERROR": "high", "CRITICAL": "high"}
        _expect(priorities == wanted, f"{priorities}")
        return ", ".join(f"{level} {priority}" for level, priority in priorities.items())

    def task(self) -> str:
        """GET /task/<id> says SUCCESS."""
        body = self._get(f"{self._producer}/task/{self._log_id}")
        _expect(body.get("status") == "SUCCESS" and body["result"]["id"] == self._log_id, f"{body}")
        return f"processed by {body['result']['processor_id']}"

    def refused(self) -> str:
        """Malformed JSON and a bad timestamp are 400."""
        headers = {"Content-Type": "application/json"}
        answer = self._session.post(f"{self._producer}/logs", b"{", headers=headers, timeout=HTTP_TIMEOUT_S)
        _expect(answer.status_code == 400, f"malformed JSON answers {answer.status_code}")
        log = {"message": "m", "timestamp": "../x"}
        answer = self._session.post(f"{self._producer}/logs", json=log, timeout=HTTP_TIMEOUT_S)
        _expect((answer.status_code, answer.json().get("field")) == (400, "timestamp"), answer.text)
        return answer.json()["message"]

    def statistics(self) -> str:
        """GET /logs/stats has our service."""
        stats = self._get(f"{self._storage}/logs/stats")
        _expect(stats.get("by_service", {}).get(self._service) == 5, f"{stats}")
        return f"{stats['total_logs']} logs in all, by priority {stats['by_priority']}"

    def _logs(self) -> list[dict[str, Any]]:
        logs: list[dict[str, Any]] = self._get(f"{self._storage}/logs?service={self._service}").get("logs", [])
        return logs

    def _get(self, url: str) -> dict[str, Any]:
        try:
            body: dict[str, Any] = self._session.get(url, timeout=HTTP_TIMEOUT_S).json()
        except requests.RequestException:
            return {}
        return body

    def _wait(self, look: Callable[[], Any], complaint: str) -> Any:
        deadline = time.monotonic() + self._timeout_s
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise Failure(f"{complaint} within {self._timeout_s:g} s")
            time.sleep(0.05)
        return seen


def _expect(holds: object, seen: str) -> None:
    if not holds:
        raise Failure(seen)


def main() -> int:
    """Run all steps; 0 when every one holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--producer", default="http://127.0.0.1:5000")
    parser.add_argument("--storage", default="http://127.0.0.1:5002")
    parser.add_argument("--key", default="", help="API key, where the services ask for one")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds to wait for a service or for logs")
    options = parser.parse_args()
    demonstration = Demonstration(options.producer, options.storage, options.key, options.timeout)
    for title, step in demonstration.steps():
        try:
            print(f"ok    {title}: {step()}")
        except (Failure, requests.RequestException, KeyError, ValueError) as error:
            print(f"FAIL  {title}: {error}")
            return 1
    print("everything works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
