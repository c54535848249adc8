"""The whole pipeline as processes of which the producer can be taken away for a while; on the embedded broker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from types import TracebackType

import requests

from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

_TIMEOUT_S = 60.0


class PipelineParts:
    """Producer, one or more processors and storage, each a process of its own; ready inside the context.

    Args:
        folder: an empty folder.
        processors: how many.
        settings: by field name, for all of them.
    """

    def __init__(self, folder: Path, processors: int = 1, **settings: object) -> None:
        self._folder = folder
        self._processors = processors
        ports = {"producer_port": free_port(), "storage_port": free_port()}
        self._settings = {**ports, "storage_url": f"http://127.0.0.1:{ports['storage_port']}", **settings}
        self._stack = contextlib.ExitStack()
        self._producer: ServiceProcess | None = None
        self._others: list[ServiceProcess] = []
        self.producer_url = f"http://127.0.0.1:{ports['producer_port']}"
        self.storage_url = f"http://127.0.0.1:{ports['storage_port']}"

    def __enter__(self) -> PipelineParts:
        with contextlib.ExitStack() as stack:
            stack.callback(self._end_producer)
            for name in ("storage", *["processor"] * self._processors):
                self._others.append(stack.enter_context(ServiceProcess(name, self._folder, **self._settings)))
            self.start_producer()
            for service in self._others:
                service.wait_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def producer(self) -> ServiceProcess:
        """The producer that runs now."""
        assert self._producer is not None, "the producer is away"
        return self._producer

    @property
    def has_producer(self) -> bool:
        """Whether the producer was not taken away."""
        return self._producer is not None

    def start_producer(self) -> None:
        """Start the producer, on the port that it always has."""
        self._producer = ServiceProcess("producer", self._folder, **self._settings).wait_ready()

    def kill_producer(self) -> None:
        """kill -9 of the producer and its workers; it stays away."""
        producer = self.producer
        for pid in producer.group():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end_producer()

    def freeze_producer(self) -> None:
        """SIGSTOP: connections are taken, and nothing is answered."""
        for pid in self.producer.group():
            os.kill(pid, signal.SIGSTOP)

    def thaw_producer(self) -> None:
        """SIGCONT."""
        for pid in self.producer.group():
            os.kill(pid, signal.SIGCONT)

    def count(self, **filters: str) -> int:
        """How many logs of these are in storage."""
        answer = requests.get(f"{self.storage_url}/logs/stats", filters, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return int(answer.json()["total_logs"])

    def wait_count(self, count: int, timeout_s: float = _TIMEOUT_S, **filters: str) -> None:
        """Return once there are so many of these; more are an error, for whoever counts next."""
        wait_until(lambda: self.count(**filters) >= count, timeout_s, f"{count} logs in storage")

    def wait_drained(self, timeout_s: float = _TIMEOUT_S) -> None:
        """Return once all that the producer accepted is stored."""

        began_s = time.monotonic()

        def is_drained() -> bool:
            found = requests.get(f"{self.producer_url}/pipeline", timeout=_TIMEOUT_S).json()
            # What the producer knows may be a second old.
            is_new = found["broker"]["reachable"] and time.monotonic() - began_s > found["age_s"]
            return is_new and not any(lane["messages"] or lane["unacknowledged"] for lane in found["lanes"])

        wait_until(is_drained, timeout_s, "the broker is empty")

    def logs(self, **filters: str) -> list[dict]:
        """All logs of these, by an export."""
        answer = requests.get(
            f"{self.storage_url}/logs/export", {"format": "ndjson", **filters}, timeout=_TIMEOUT_S, stream=True
        )
        answer.raise_for_status()
        return [json.loads(line) for line in answer.iter_lines() if line]

    def cpu_s(self) -> float:
        """CPU seconds of all processes that run now."""
        ticks = 0
        for service in [self.producer, *self._others]:
            for pid in service.group():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _end_producer(self) -> None:
        if self._producer is not None:
            self._producer.__exit__(None, None, None)
            self._producer = None
