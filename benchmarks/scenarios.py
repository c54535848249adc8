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
from tests.support.pipeline import Pipeline
from benchmarks.records import bodies, records

Progress = Callable[[float], None]
CREATED = 201
FIND_TIMEOUT_S = 300.0
POLL_S = 0.02
MIB = 1024 * 1024


class BenchmarkError(RuntimeError):
    """A measurement that would not mean anything."""


def _cost(before: dict[str, float], after: dict[str, float], logs: int) -> dict[str, float]:
    cost = {name: round((after[name] - before.get(name, 0.0)) / logs * 1e6, 2) for name in sorted(after)}
    return {**cost, "all": round(sum(after.values()) / logs * 1e6 - sum(before.values()) / logs * 1e6, 2)}


def end_to_end(
    pipeline: Pipeline, prepared: list[bytes], per_request: int, connections: int, progress: Progress
) -> Any:
    """Send every body; the clock stops when storage counts every record.

    Returns:
        logs per second until all are answered and until all are found, and CPU µs per log by service.
    """
    already, cpu_before = pipeline.total_logs(), pipeline.cpu_s()
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
    found = 0
    while found < total:
        # Seldom while much is left: counting costs storage a little each time.
        time.sleep(0.2 if total - found > total // 10 else POLL_S)
        found = pipeline.total_logs() - already
        progress(found / total)
        if time.perf_counter() - started > FIND_TIMEOUT_S:
            raise BenchmarkError(f"{found} of {total} found after {FIND_TIMEOUT_S:g} s")
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


def searchable(pipeline: Pipeline, rate: int, seconds: float, progress: Progress) -> Any:
    """At a steady rate, how long after its answer a log is found by its id.

    A request of ten logs leaves every 10/rate seconds (open loop); one log of every fifth request is looked for.
    """
    per_request = 10
    prepared = list(bodies(11, int(rate * seconds / per_request), per_request))
    work: queue.SimpleQueue[tuple[float, bytes, int] | None] = queue.SimpleQueue()
    watched: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
    waits: list[float] = []

    def send(_number: int) -> None:
        connection = Connection(pipeline.producer_url)
        while (item := work.get()) is not None:
            _due, body, position = item
            status, answered = connection.post("/logs/batch?ids=1", body)
            if status != CREATED:
                raise BenchmarkError(f"answered {status}: {answered[:200]!r}")
            if position % 5 == 0:
                watched.put((time.perf_counter(), json.loads(answered)["log_ids"][position % per_request]))
        connection.close()

    def find(_number: int) -> None:
        connection = Connection(pipeline.storage_url)
        while (item := watched.get()) is not None:
            answered_at, log_id = item
            while connection.get(f"/logs/{log_id}")[0] != 200:
                if time.perf_counter() - answered_at > FIND_TIMEOUT_S:
                    raise BenchmarkError(f"{log_id} is not found")
                time.sleep(POLL_S)
            waits.append(time.perf_counter() - answered_at)
        connection.close()

    senders, finders = 4, 8
    threads = [
        threading.Thread(target=in_threads, args=(n, f), daemon=True) for n, f in ((senders, send), (finders, find))
    ]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    for position, body in enumerate(prepared):
        due = started + position * per_request / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        work.put((due, body, position))
        progress(position / len(prepared))
    for _ in range(senders):
        work.put(None)
    threads[0].join()
    for _ in range(finders):
        watched.put(None)
    threads[1].join()
    expected = len(range(0, len(prepared), 5))
    if len(waits) != expected:
        raise BenchmarkError(f"{len(waits)} of {expected} watched logs were found")
    ms = [wait * 1000 for wait in waits]
    return {
        "logs_per_s": rate,
        "watched": len(ms),
        "searchable_ms": {name: round(percentile(ms, share), 0) for name, share in (("p50", 0.5), ("p99", 0.99))},
    }
