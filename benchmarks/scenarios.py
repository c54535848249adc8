"""What is measured: batches until all are found, single records, and the time from answer to searchable."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.client import Connection, in_threads, percentile
from benchmarks.records import bodies, records
from tests.support.pipeline import Pipeline

Progress = Callable[[float], None]
CREATED, FOUND = 201, 200
WATCH_EVERY = 5
FIND_TIMEOUT_S = 300.0
POLL_S = 0.02
STORED_POLL_S = 0.05


class BenchmarkError(RuntimeError):
    """A measurement that would not mean anything."""


def _cost(before: dict[str, float], after: dict[str, float], logs: int) -> dict[str, float]:
    cost = {name: round((after[name] - before.get(name, 0.0)) / logs * 1e6, 2) for name in sorted(after)}
    return {**cost, "all": round(sum(after.values()) / logs * 1e6 - sum(before.values()) / logs * 1e6, 2)}


def end_to_end(
    pipeline: Pipeline, prepared: list[bytes], per_request: int, connections: int, progress: Progress
) -> Any:
    """Send every body; the clock stops when storage, asked for its counts, has every record.

    Returns:
        logs per second until all are answered and until all are found, and CPU µs per log by service.
    """
    already, stored_before, cpu_before = pipeline.total_logs(), pipeline.stored_logs(), pipeline.cpu_s()
    pending: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for body in prepared:
        pending.put(body)
    total = len(prepared) * per_request

    def send(_number: int) -> None:
        connection = Connection(pipeline.producer_url)
        while True:
            try:
                body = pending.get_nowait()
            except queue.Empty:
                connection.close()
                return
            status, answered = connection.post("/logs/batch", body)
            if status != CREATED:
                raise BenchmarkError(f"answered {status}: {answered[:200]!r}")

    started = time.perf_counter()
    sender = threading.Thread(target=lambda: answered_s.append(in_threads(connections, send)), daemon=True)
    answered_s: list[float] = []
    sender.start()
    stored = 0
    while stored < total:
        time.sleep(STORED_POLL_S)
        stored = pipeline.stored_logs() - stored_before
        progress(stored / total)
        if time.perf_counter() - started > FIND_TIMEOUT_S:
            raise BenchmarkError(f"{stored} of {total} stored after {FIND_TIMEOUT_S:g} s")
    found = pipeline.total_logs() - already
    seconds = time.perf_counter() - started
    sender.join()
    if found != total:
        raise BenchmarkError(f"{found} found where {total} were sent")
    return {
        "logs": total,
        "logs_per_s": round(total / seconds),
        "answered_logs_per_s": round(total / answered_s[0]),
        "cpu_us_per_log": _cost(cpu_before, pipeline.cpu_s(), total),
    }


def single_records(pipeline: Pipeline, connections: int, seconds: float, progress: Progress) -> Any:
    """POST /logs, a record a request, from `connections` connections for `seconds`."""
    source = records(seed=7)
    prepared = [msgspec.json.encode(next(source)) for _ in range(2000)]
    counts = [0] * connections
    latencies: list[list[float]] = [[] for _ in range(connections)]
    cpu_before = pipeline.cpu_s()
    end = time.perf_counter() + seconds

    def send(number: int) -> None:
        connection = Connection(pipeline.producer_url)
        position = number * 100
        while (now := time.perf_counter()) < end:
            status, answered = connection.post("/logs", prepared[position % len(prepared)])
            if status != CREATED:
                raise BenchmarkError(f"answered {status}: {answered[:200]!r}")
            latencies[number].append(time.perf_counter() - now)
            counts[number] += 1
            position += 1
            if number == 0:
                progress(1 - (end - now) / seconds)
        connection.close()

    elapsed = in_threads(connections, send)
    merged = [latency * 1000 for one in latencies for latency in one]
    return {
        "logs": sum(counts),
        "logs_per_s": round(sum(counts) / elapsed),
        "answer_ms": {"p50": round(percentile(merged, 0.5), 1), "p99": round(percentile(merged, 0.99), 1)},
        "cpu_us_per_log": _cost(cpu_before, pipeline.cpu_s(), sum(counts)),
    }


class _Watch:
    """Sends requests and looks for some of their logs; the numbers behind `searchable`."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.work: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self.watched: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
        self.waits_s: list[float] = []

    def send(self, _number: int) -> None:
        """Send what is in `work` until None comes."""
        connection = Connection(self._pipeline.producer_url)
        while (item := self.work.get()) is not None:
            position, body = item
            status, answered = connection.post("/logs/batch?ids=1", body)
            if status != CREATED:
                raise BenchmarkError(f"answered {status}: {answered[:200]!r}")
            if position % WATCH_EVERY == 0:
                ids = json.loads(answered)["log_ids"]
                self.watched.put((time.perf_counter(), ids[position % len(ids)]))
        connection.close()

    def find(self, _number: int) -> None:
        """Ask for each id in `watched` until it is there."""
        connection = Connection(self._pipeline.storage_url)
        while (item := self.watched.get()) is not None:
            answered_at, log_id = item
            while connection.get(f"/logs/{log_id}")[0] != FOUND:
                if time.perf_counter() - answered_at > FIND_TIMEOUT_S:
                    raise BenchmarkError(f"{log_id} is not found")
                time.sleep(POLL_S)
            self.waits_s.append(time.perf_counter() - answered_at)
        connection.close()


def searchable(pipeline: Pipeline, rate: int, seconds: float, progress: Progress) -> Any:
    """At a steady rate, how long after its answer a log is found by its id.

    A request of ten logs leaves every 10/rate seconds (open loop); one log of every fifth request is looked for.
    """
    per_request, senders, finders = 10, 4, 8
    prepared = list(bodies(11, int(rate * seconds / per_request), per_request))
    watch = _Watch(pipeline)
    sending = threading.Thread(target=in_threads, args=(senders, watch.send), daemon=True)
    finding = threading.Thread(target=in_threads, args=(finders, watch.find), daemon=True)
    sending.start()
    finding.start()
    started = time.perf_counter()
    for position, body in enumerate(prepared):
        time.sleep(max(0.0, started + position * per_request / rate - time.perf_counter()))
        watch.work.put((position, body))
        progress(position / len(prepared))
    for thread, channel, count in ((sending, watch.work, senders), (finding, watch.watched, finders)):
        for _ in range(count):
            channel.put(None)  # type: ignore[arg-type]
        thread.join()
    expected = len(range(0, len(prepared), WATCH_EVERY))
    if len(watch.waits_s) != expected:
        raise BenchmarkError(f"{len(watch.waits_s)} of {expected} watched logs were found")
    ms = [wait_s * 1000 for wait_s in watch.waits_s]
    return {
        "logs_per_s": rate,
        "watched": len(ms),
        "searchable_ms": {name: round(percentile(ms, share), 0) for name, share in (("p50", 0.5), ("p99", 0.99))},
    }
