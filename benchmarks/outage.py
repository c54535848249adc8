"""A long outage under load: what is answered, how fast, and how much memory the services take meanwhile."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import requests

from benchmarks.records import records
from benchmarks.scenarios import FIND_TIMEOUT_S, BenchmarkError
from tests.support.pipeline import Pipeline

Progress = Callable[[float], None]
SENDERS = 8
PER_REQUEST = 100
# Requests a second of all senders together: what a storage that is away leaves in the broker must be worked off later.
RATE = 40
SAMPLE_S = 1.0
# Memory is compared from here on: until then buffers fill to their limits.
SETTLED_SHARE = 0.2
REQUEST_TIMEOUT_S = 30.0


class _Load:
    """Senders that never stop trying, and what they were answered."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/logs/batch"
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.slowest_s: dict[str, float] = {}
        self.accepted = 0
        source = records(seed=21)
        self._body = msgspec.json.encode([next(source) for _ in range(PER_REQUEST)])
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(REQUEST_TIMEOUT_S)

    def _send(self) -> None:
        session = requests.Session()
        while not self._stop.wait(SENDERS / RATE):
            started_s = time.perf_counter()
            try:
                response = session.post(
                    self._url, self._body, headers={"Content-Type": "application/json"}, timeout=REQUEST_TIMEOUT_S
                )
                answer = str(response.status_code)
                if response.status_code == 503 and "Retry-After" not in response.headers:
                    answer = "503 without Retry-After"
            except requests.RequestException as error:
                answer = type(error).__name__
            took_s = time.perf_counter() - started_s
            with self._lock:
                self.answers[answer] += 1
                self.slowest_s[answer] = max(self.slowest_s.get(answer, 0.0), took_s)
                self.accepted += PER_REQUEST if answer == "201" else 0


def outage(pipeline: Pipeline, of: str, seconds: float, progress: Progress) -> dict[str, Any]:
    """Take the broker or storage away for so long, bring it back, and have everything stored that was accepted.

    Args:
        pipeline: one with RabbitMQ.
        of: "broker" (kill -9), "hanging broker" or "storage" (both SIGSTOP).
        seconds: how long.
        progress: told the share of it that is over.
    """
    load = _Load(pipeline.producer_url)
    load.start()
    _await(lambda: load.accepted > 0, "no request was accepted before the outage")
    _strike(pipeline, of, back=False)
    before = Counter(load.answers)
    started_s = time.perf_counter()
    memory: list[dict[str, int]] = []
    while (gone_s := time.perf_counter() - started_s) < seconds:
        memory.append(_memory(pipeline))
        progress(gone_s / seconds)
        time.sleep(SAMPLE_S)
    during = load.answers - before
    slowest_s = dict(load.slowest_s)
    _strike(pipeline, of, back=True)
    resumed_s = time.perf_counter()
    accepted_then = load.accepted
    _await(lambda: load.accepted > accepted_then, "no request was accepted after the outage")
    back_s = time.perf_counter() - resumed_s
    load.stop()
    _await(lambda: _stored(pipeline) >= load.accepted, "not everything that was accepted is stored")
    settled = memory[int(len(memory) * SETTLED_SHARE) :]
    return {
        "of": of,
        "seconds": round(seconds),
        "answers": dict(during),
        "slowest_s": {answer: round(value, 2) for answer, value in slowest_s.items()},
        "accepted": load.accepted,
        "stored": _stored(pipeline),
        "accepted_again_after_s": round(back_s, 1),
        "memory_mib": {
            name: {"first": settled[0][name], "last": settled[-1][name], "most": max(one[name] for one in settled)}
            for name in settled[0]
        },
    }


def _strike(pipeline: Pipeline, of: str, *, back: bool) -> None:
    """Take the broker or storage away, or bring it back."""
    number = signal.SIGCONT if back else signal.SIGSTOP
    if of == "storage":
        pipeline.signal("storage", number)
    elif of == "hanging broker":
        pipeline.node.send_signal(number)
    elif back:
        pipeline.node.start()
    else:
        pipeline.node.kill9()


def _memory(pipeline: Pipeline) -> dict[str, int]:
    """Resident memory by service, MiB."""
    found: dict[str, int] = {}
    for name, pid in pipeline.processes():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kib = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Rss:"))
        found[name] = found.get(name, 0) + kib // 1024
    return found


def _stored(pipeline: Pipeline) -> int:
    try:
        return pipeline.total_logs()
    except (requests.RequestException, json.JSONDecodeError):
        return 0


def _await(condition: Callable[[], bool], complaint: str) -> None:
    end_s = time.perf_counter() + FIND_TIMEOUT_S
    while not condition():
        if time.perf_counter() > end_s:
            raise BenchmarkError(complaint)
        time.sleep(SAMPLE_S / 4)
