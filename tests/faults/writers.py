"""The load: threads that send records in every form the producer takes, go on through failures, and tell the oracle."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.oracle import Oracle, Outcome
from tests.faults.records import LEVELS, Record, RecordMaker, as_json, as_lines, as_ndjson

CLIENT_TIMEOUT_S = 10.0
# A request that takes longer hangs, as far as its sender can tell.
HUNG_AFTER_S = 5.0
# How long a keyed request is repeated after the load has ended.
KEYED_PATIENCE_S = 30.0
# Below storage's limit of what one query answers.
RECORDS_A_SERVICE = 4000
LARGEST_BATCH = 300
_MOST_NOTES = 5


@dataclass
class Load:
    """What the writers of a round saw; shared by them.

    Attributes:
        oracle: the books.
        slowest_s: the slowest answer.
        hung: requests that took longer than HUNG_AFTER_S.
        odd: answers that are neither 201 nor 503 with Retry-After, by their words.
        repeats: how often a request was sent again with its Idempotency-Key.
    """

    oracle: Oracle = field(default_factory=Oracle)
    slowest_s: float = 0.0
    hung: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request; `log_ids` where it was taken, `words` where it was not."""

    outcome: Outcome
    log_ids: list[str] = field(default_factory=list)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, as often as it takes."""

    path: str
    body: bytes
    headers: dict[str, str]


class Writer(threading.Thread):
    """One client with a connection of its own.

    Args:
        port: of the producer.
        name: first part of the services it writes as.
        load: where it notes what it sent and saw.
        rate: records a second, on average.
        keyed_share: which share of the requests carries an Idempotency-Key and is repeated until it is taken.
    """

    def __init__(self, port: int, name: str, load: Load, *, rate: float, keyed_share: float) -> None:
        super().__init__(name=name, daemon=True)
        self._port = port
        self._load = load
        self._rate = rate
        self._keyed_share = keyed_share
        self._rng = random.Random(name)
        self._maker = RecordMaker(name)
        self._numbers = 0
        self._stop_event = threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def stop(self) -> None:
        """Send no new requests; keyed ones are still repeated for a while."""
        self._stop_event.set()

    def run(self) -> None:
        """Send until told to stop; a fault of the writer itself is noted, so that the round does not pass."""
        try:
            self._send_on()
        except Exception as error:
            with self._load.lock:
                self._load.odd[f"a writer failed: {error!r}"] += 1
            raise
        finally:
            self._disconnect()

    def _send_on(self) -> None:
        """Send at a steady rate on average: what failures delay is not made up for."""
        due_s = time.monotonic()
        while not self._stop_event.is_set():
            records, request = self._next()
            keyed = self._rng.random() < self._keyed_share
            self._load.oracle.sending(records)
            if keyed:
                self._send_keyed(records, request)
            elif self._send(records, request).outcome is not Outcome.ACKNOWLEDGED:
                self._stop_event.wait(self._rng.uniform(0.02, 0.2))
            due_s = max(due_s + len(records) / self._rate * self._rng.uniform(0.5, 1.5), time.monotonic() - 1.0)
            self._stop_event.wait(max(0.0, due_s - time.monotonic()))

    def _next(self) -> tuple[list[Record], Request]:
        """The next records, of one service, so that each service is complete after one query; and their request."""
        rng, first = self._rng, self._numbers
        count = 1 if rng.random() < 0.5 else rng.randint(1, LARGEST_BATCH)
        service = f"{self.name}-{first // RECORDS_A_SERVICE}"
        numbers = range(first, first + min(count, RECORDS_A_SERVICE - first % RECORDS_A_SERVICE))
        self._numbers = numbers.stop
        path, form = "/logs/batch?ids=1", rng.choice(("application/json", "application/x-ndjson", "text/plain"))
        if form == "text/plain":
            level = rng.choice(LEVELS)
            records = [self._maker.make_line(service, number, level) for number in numbers]
            path, body = f"{path}&service={service}&level={level}", as_lines(records)
        else:
            records = [self._maker.make(service, number) for number in numbers]
            body = as_json(records) if form == "application/json" else as_ndjson(records)
            if form == "application/json" and len(records) == 1:
                path, body = "/logs", json.dumps(records[0].body()).encode()
        headers = {"Content-Type": form}
        if rng.random() < 0.2:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        return records, Request(path, body, headers)

    def _send_keyed(self, records: list[Record], request: Request) -> None:
        request.headers["Idempotency-Key"] = str(uuid.UUID(int=self._rng.getrandbits(128)))
        deadline_s = float("inf")
        while self._send(records, request).outcome is not Outcome.ACKNOWLEDGED:
            if self._stop_event.is_set():
                deadline_s = min(deadline_s, time.monotonic() + KEYED_PATIENCE_S)
            if time.monotonic() > deadline_s:
                return
            with self._load.lock:
                self._load.repeats += 1
            time.sleep(self._rng.uniform(0.02, 0.3))

    def _send(self, records: list[Record], request: Request) -> Answer:
        started_s = time.monotonic()
        answer = self._answer(request, len(records))
        took_s = time.monotonic() - started_s
        oracle, load = self._load.oracle, self._load
        if answer.outcome is Outcome.ACKNOWLEDGED:
            oracle.acknowledged(records, answer.log_ids)
        else:
            oracle.settled(records, answer.outcome)
        with load.lock:
            load.slowest_s = max(load.slowest_s, took_s)
            load.hung += took_s > HUNG_AFTER_S
            if answer.outcome is Outcome.REJECTED and (answer.words in load.odd or len(load.odd) < _MOST_NOTES):
                load.odd[answer.words] += 1
        return answer

    def _answer(self, request: Request, count: int) -> Answer:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=CLIENT_TIMEOUT_S)
            self._connection.request("POST", request.path, request.body, request.headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._disconnect()
            return Answer(Outcome.UNKNOWN)
        if not response.headers.get("Content-Length"):
            # The producer always says it: the connection was cut within the headers, which http.client lets pass.
            self._disconnect()
            return Answer(Outcome.UNKNOWN)
        if response.status == 503 and response.headers.get("Retry-After", "").isdigit():
            return Answer(Outcome.REFUSED)
        words = f"{response.status}: {text[:200]!r}"
        if response.status != 201:
            return Answer(Outcome.REJECTED, words=words)
        found = json.loads(text)
        log_ids = found.get("log_ids", [found.get("log_id", "")])
        if len(log_ids) != count or not all(log_ids):
            return Answer(Outcome.REJECTED, words=words)
        return Answer(Outcome.ACKNOWLEDGED, log_ids)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Writers:
    """Some writers at once.

    Args:
        port: of the producer.
        name: of the round; the services begin with it.
        rate: records a second of all together.
        keyed_share: see `Writer`.
        count: how many there are.
    """

    def __init__(self, port: int, name: str, *, rate: float, keyed_share: float, count: int = 4) -> None:
        self.load = Load()
        self._writers = [
            Writer(port, f"{name}-w{number}", self.load, rate=rate / count, keyed_share=keyed_share)
            for number in range(count)
        ]
        for writer in self._writers:
            writer.start()

    def stop(self) -> None:
        """Stop them and wait for their last answers.

        Raises:
            TimeoutError: a writer does not end, though each of its requests has a time limit.
        """
        for writer in self._writers:
            writer.stop()
        for writer in self._writers:
            writer.join(KEYED_PATIENCE_S + 3 * CLIENT_TIMEOUT_S)
            if writer.is_alive():
                raise TimeoutError(f"{writer.name} does not end")
