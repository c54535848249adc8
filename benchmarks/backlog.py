"""Backlogs: what waits in the broker while processors are stopped, and how it drains once they go on."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from benchmarks.client import Connection, in_threads, percentile
from benchmarks.records import records
from benchmarks.scenarios import CREATED, FIND_TIMEOUT_S, BenchmarkError
from logmill.broker import broker_of
from logmill.broker.protocol import Message
from logmill.ids import new_batch_id
from logmill.record import Lane
from tests.support.pipeline import Pipeline

Progress = Callable[[float], None]
PER_REQUEST = 1000
STORED_POLL_S = 0.1
# CRITICAL logs are sent so many a second.
URGENT_RATE = 150
SEEN_POLL_S = 0.2
SEEN_PAGE = 5000
# How far a log's timestamp may lie before the moment at which it was sent: both are rounded.
CLOCK_MARGIN_S = 0.01


def drain(pipeline: Pipeline, logs: int, per_request: int, progress: Progress) -> dict[str, Any]:
    """Let `logs` DEBUG and INFO records wait, then have them processed, with CRITICAL ones coming all the while.

    Args:
        pipeline: one that holds nothing.
        logs: how many wait.
        per_request: how many CRITICAL ones are sent in a request, `URGENT_RATE` a second; 0: none at all.
        progress: told the share of the backlog that is stored.

    Returns:
        how fast the backlog was stored, and the time from answer to searchable of the urgent ones.
    """
    _fill(pipeline, logs, ("DEBUG", "INFO"))
    seen = _Seen(pipeline, per_request)
    before = pipeline.stored_logs()
    pipeline.signal("processor", signal.SIGCONT)
    started_s = time.perf_counter()
    if per_request:
        seen.start()
    # The urgent ones that are stored and not found yet are counted as backlog: a hundred of a million.
    seconds = _await_stored(lambda: pipeline.stored_logs() - before - seen.found, logs, started_s, progress)
    result: dict[str, Any] = {"logs_per_s": round(logs / seconds), "seconds": round(seconds, 1)}
    if per_request:
        waits_ms = seen.finish()
        result["urgent"] = len(waits_ms)
        result["searchable_ms"] = {
            name: round(percentile(waits_ms, share)) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        }
    return result


class _Seen:
    """Sends CRITICAL logs at a steady rate, some a request, and looks when a search shows each."""

    def __init__(self, pipeline: Pipeline, per_request: int) -> None:
        self._pipeline = pipeline
        self._per_request = per_request
        self._stop = threading.Event()
        self._lock = threading.Lock()
        # By id: when it was sent and when that was answered, as wall-clock time, since searches are limited by it.
        self._answered: dict[str, tuple[float, float]] = {}
        self._found_s: dict[str, float] = {}
        self._faults: list[Exception] = []
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in (self._send, self._look)]

    @property
    def found(self) -> int:
        """How many a search has shown."""
        return len(self._found_s)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> list[float]:
        """Send no more, wait until all are found, and return how long each took from its answer, in milliseconds.

        What was seen before its answer arrived counts as 0.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * FIND_TIMEOUT_S)
        if self._faults:
            raise self._faults[0]
        missing = self._answered.keys() - self._found_s.keys()
        if missing or not self._answered:
            raise BenchmarkError(f"{len(missing)} of {len(self._answered)} urgent logs were not seen")
        return [max(0.0, self._found_s[log_id] - at_s) * 1000 for log_id, (_, at_s) in self._answered.items()]

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  told by `finish`
            self._faults.append(error)

    def _send(self) -> None:
        connection = Connection(self._pipeline.producer_url)
        source = records(seed=5)
        started_s = time.perf_counter()
        sent = 0
        while not self._stop.wait(max(0.0, started_s + sent / URGENT_RATE - time.perf_counter())):
            some = [{**next(source), "level": "CRITICAL", "service": "urgent"} for _ in range(self._per_request)]
            for record in some:
                del record["timestamp"]
            sent_s = time.time()
            status, answered = connection.post("/logs/batch?ids=1", msgspec.json.encode(some))
            if status != CREATED:
                raise BenchmarkError(f"answered {status}: {answered[:200]!r}")
            log_ids = json.loads(answered)["log_ids"]
            with self._lock:
                self._answered.update(dict.fromkeys(log_ids, (sent_s, time.time())))
            sent += self._per_request
        connection.close()

    def _look(self) -> None:
        connection = Connection(self._pipeline.storage_url)
        end_s = time.perf_counter() + FIND_TIMEOUT_S
        looked_s = time.time()
        while time.perf_counter() < end_s:
            time.sleep(SEEN_POLL_S)
            with self._lock:
                unseen = [sent_s for log_id, (sent_s, _) in self._answered.items() if log_id not in self._found_s]
            if self._stop.is_set() and not unseen and not self._threads[0].is_alive():
                break
            # From the oldest that was not found yet, so that none can be beyond the page.
            since = datetime.fromtimestamp(min([*unseen, looked_s]) - CLOCK_MARGIN_S, UTC).isoformat()
            query = urlencode({"service": "urgent", "level": "CRITICAL", "limit": SEEN_PAGE, "since": since})
            looked_s = time.time()
            _status, body = connection.get(f"/logs?{query}")
            now_s = time.time()
            for found in json.loads(body)["logs"]:
                self._found_s.setdefault(found["id"], now_s)
        connection.close()


def starve(pipeline: Pipeline, logs: int, seconds: float, progress: Progress) -> dict[str, Any]:
    """Let DEBUG records wait, then send CRITICAL ones without pause, and count what is stored of each meanwhile."""
    _fill(pipeline, logs, ("DEBUG",))
    source = records(seed=9)
    batches = [
        msgspec.json.encode([{**next(source), "level": "CRITICAL"} for _ in range(PER_REQUEST)]) for _ in range(20)
    ]
    # A queue of urgent ones to start with, so that there is never a moment without them.
    in_threads(2, _sender(pipeline, batches * 5))
    pipeline.signal("processor", signal.SIGCONT)
    end_s = time.perf_counter() + seconds
    before = _levels(pipeline)

    def send(_number: int) -> None:
        connection = Connection(pipeline.producer_url)
        while (left_s := end_s - time.perf_counter()) > 0:
            connection.post("/logs/batch", batches[int(left_s * 100) % len(batches)])
            progress(1 - left_s / seconds)
        connection.close()

    elapsed_s = in_threads(2, send)
    after = _levels(pipeline)
    bulk, urgent = (round((after[level] - before[level]) / elapsed_s) for level in ("DEBUG", "CRITICAL"))
    if bulk <= 0:
        raise BenchmarkError("bulk does not advance")
    return {"urgent_per_s": urgent, "bulk_per_s": bulk}


def poison(pipeline: Pipeline, good: int, bad: int, progress: Progress) -> dict[str, Any]:
    """Publish messages of one log each, `bad` undecodable ones evenly among them, and have them all settled."""
    pipeline.signal("processor", signal.SIGSTOP)
    broker = broker_of(pipeline.settings)
    publisher = broker.publisher()
    publisher.connect()
    source = records(seed=3)
    every = good // bad if bad else good + 1
    futures = []
    for number in range(good):
        futures.append(publisher.publish(_message({**next(source), "level": "INFO"})))
        if number % every == every - 1:
            futures.append(publisher.publish(_message(None)))
        if len(futures) >= 5000:
            for future in futures:
                future.result(60)
            futures.clear()
    for future in futures:
        future.result(60)
    publisher.close(10)
    before = pipeline.stored_logs()
    pipeline.signal("processor", signal.SIGCONT)
    started_s = time.perf_counter()
    _await_stored(lambda: pipeline.stored_logs() - before, good, started_s, progress)
    while (dead := broker.depths()["dead"].ready) < bad:
        if time.perf_counter() - started_s > FIND_TIMEOUT_S:
            raise BenchmarkError(f"{dead} of {bad} dead letters")
        time.sleep(STORED_POLL_S)
    seconds = time.perf_counter() - started_s
    with broker.dead_letters() as letters:
        reasons = Counter(letter.reason.split(":")[0] for letter in letters.scan(bad + 1))
    if reasons.total() != bad:
        raise BenchmarkError(f"{reasons.total()} dead letters listed where {bad} were poisoned")
    if (stored := pipeline.total_logs()) != good:
        raise BenchmarkError(f"{stored} stored where {good} were good")
    return {"messages_per_s": round((good + bad) / seconds), "dead": reasons.total(), "reasons": dict(reasons)}


def _message(record: dict[str, Any] | None) -> Message:
    body = b'{"message": "no end' if record is None else msgspec.json.encode(record)
    return Message(body, Lane.NORMAL, str(new_batch_id()), content_type="application/json")


def _fill(pipeline: Pipeline, logs: int, levels: tuple[str, ...]) -> None:
    """Have so many records wait in the broker, the processors stopped."""
    pipeline.signal("processor", signal.SIGSTOP)
    source = records(seed=2)
    prepared = []
    for number in range(min(100, logs // PER_REQUEST)):
        level = levels[number % len(levels)]
        prepared.append(msgspec.json.encode([{**next(source), "level": level} for _ in range(PER_REQUEST)]))
    requests = [prepared[number % len(prepared)] for number in range(logs // PER_REQUEST)]
    in_threads(4, _sender(pipeline, requests))


def _sender(pipeline: Pipeline, requests: list[bytes]) -> Callable[[int], None]:
    """What sends these requests, shared by the threads that run it."""
    left = iter(requests)
    lock = threading.Lock()

    def send(_number: int) -> None:
        connection = Connection(pipeline.producer_url)
        while True:
            with lock:
                body = next(left, None)
            if body is None:
                break
            status, answered = connection.post("/logs/batch", body)
            if status != CREATED:
                raise BenchmarkError(f"answered {status}: {answered[:200]!r}")
        connection.close()

    return send


def _await_stored(stored_now: Callable[[], int], count: int, started_s: float, progress: Progress) -> float:
    """Seconds from `started_s` until so many logs are stored."""
    while (stored := stored_now()) < count:
        progress(stored / count)
        if time.perf_counter() - started_s > FIND_TIMEOUT_S:
            raise BenchmarkError(f"{stored} of {count} stored after {FIND_TIMEOUT_S:g} s")
        time.sleep(STORED_POLL_S)
    return time.perf_counter() - started_s


def _levels(pipeline: Pipeline) -> Counter[str]:
    connection = Connection(pipeline.storage_url)
    _status, body = connection.get("/logs/stats")
    connection.close()
    return Counter(json.loads(body)["by_level"])
