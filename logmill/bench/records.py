"""Logs to send, realistic and varied, as request bodies that cost little: drawn before the run, marked in it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

LEVELS = {"DEBUG": 20, "INFO": 60, "WARNING": 12, "ERROR": 7, "CRITICAL": 1}
_GOOD, _BAD = (200, 200, 200, 200, 201, 204, 304), (400, 401, 404, 409, 429, 500, 502, 503)
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
# By service what it says: where things go well, and where they do not.
_SAYINGS = {
    "bench-gateway": (
        ("{method} {path} answered {status} in {ms} ms", "Route {path} resolved to replica {small}"),
        ("{method} {path} failed with {status} after {ms} ms", "Upstream replica {small} did not answer in {ms} ms"),
    ),
    "bench-auth": (
        ("Session of {user} renewed for {small} hours", "Login of {user} took {ms} ms"),
        ("Session of {user} expired, request {id}", "Directory {small} is slow: {ms} ms for {user}"),
    ),
    "bench-orders": (
        ("Order {number} placed by {user}, {small} items", "Order {number} confirmed, request {id}"),
        ("Order {number} could not be placed: stock of item {item} is out", "Order {number} timed out after {ms} ms"),
    ),
    "bench-inventory": (
        ("Stock of item {item} is {small}", "Item {item} reserved for order {number}"),
        ("Stock of item {item} differs from the count by {small}", "Reservation of item {item} was lost"),
    ),
    "bench-users": (
        ("Profile of {user} read from cache in {ms} ms", "{user} opened {path}"),
        ("Cache miss for profile of {user}, replica {small}", "Replica {small} lags by {ms} ms"),
    ),
}
SERVICES = tuple(_SAYINGS)
PROBE_SERVICE = "bench-probe"
PHRASES = ("could not be placed", "read from cache", "did not answer")
_PATHS = (
    "/api/v1/login",
    "/api/v1/orders/{number}",
    "/api/v1/users/{number}",
    "/cart/{number}/checkout",
    "/items/{item}",
)
# Drawn before the run: so many logs, or two requests of them.
_POOL_LOGS = 16_384
_LEAST_BODIES = 2
_ID_BYTES = 8
_MARK_TIME, _MARK_ID = b"{time}", b"{id}"
_SLICE_US = 10_000


class Bodies:
    """Bodies for POST /logs/batch, or POST /logs where a request has one log.

    A body is one of those that were drawn, with the time, and request ids that no other has. So what is sent depends
    on the seed and the number of the request alone, except for the time.

    Args:
        seed: the same gives the same logs.
        run: in `metadata.bench_run` of each.
        batch: logs a body.
    """

    def __init__(self, seed: int, run: str, batch: int) -> None:
        self._seed = seed
        self._batch = batch
        source = _logs(random.Random(seed), run)  # noqa: S311 - no secret
        bodies = max(_LEAST_BODIES, math.ceil(_POOL_LOGS / batch))
        self._drawn = [self._marked([next(source) for _ in range(batch)]) for _ in range(bodies)]

    def body(self, number: int) -> bytes:
        """The body of a request."""
        rng = random.Random(self._seed << 40 ^ number)  # noqa: S311
        digits = rng.randbytes(_ID_BYTES * self._batch).hex().encode()
        wide = 2 * _ID_BYTES
        marks = {b"%d" % at: digits[at * wide : (at + 1) * wide] for at in range(self._batch)}
        now = datetime.now(UTC)
        # Without the last digits, which each log has of its own.
        marks[b"t"] = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // _SLICE_US:02d}".encode()
        return self._drawn[number % len(self._drawn)] % marks

    def _marked(self, logs: list[dict[str, Any]]) -> bytes:
        """These logs as a template for bytes."""
        texts = []
        for at, log in enumerate(logs):
            text = msgspec.json.encode(log).replace(b"%", b"%%")
            time = b"%%(t)b%04dZ" % (at * _SLICE_US // len(logs))
            texts.append(text.replace(_MARK_TIME, time).replace(_MARK_ID, b"%%(%d)b" % at))
        return texts[0] if self._batch == 1 else b"[" + b",".join(texts) + b"]"


def bytes_per_log(seed: int, run: str, batch: int) -> float:
    """About how many bytes of a request a log takes."""
    body = Bodies(seed, run, min(batch, 1000)).body(0)
    return len(body) / min(batch, 1000)


def probe(run: str, number: int) -> bytes:
    """The body of one log that is looked for."""
    log = {
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "level": "ERROR",
        "service": PROBE_SERVICE,
        "message": f"Probe {number} of the load test",
        "metadata": {"bench_probe": run, "bench_number": number},
    }
    return msgspec.json.encode(log)


def _logs(rng: random.Random, run: str) -> Iterator[dict[str, Any]]:
    levels, weights = tuple(LEVELS), tuple(LEVELS.values())
    while True:
        level = rng.choices(levels, weights)[0]
        is_good = level in {"DEBUG", "INFO"}
        service = rng.choice(SERVICES)
        facts = {
            "id": _MARK_ID.decode(),
            "method": rng.choice(_METHODS),
            "status": rng.choice(_GOOD if is_good else _BAD),
            "ms": round(rng.lognormvariate(3.5, 1.0), 1),
            "user": f"user-{rng.randrange(10_000)}",
            "number": rng.randrange(100_000),
            "item": rng.randrange(5_000),
            "small": rng.randrange(1, 17),
        }
        facts["path"] = rng.choice(_PATHS).format(**facts)
        yield {
            "timestamp": _MARK_TIME.decode(),
            "level": level,
            "service": service,
            "message": rng.choice(_SAYINGS[service][0 if is_good else 1]).format(**facts),
            "metadata": {
                "request_id": facts["id"],
                "user_id": facts["user"],
                "status_code": facts["status"],
                "method": facts["method"],
                "path": facts["path"],
                "response_time_ms": facts["ms"],
                "region": rng.choice(("eu-1", "us-2")),
                "bench_run": run,
            },
        }
