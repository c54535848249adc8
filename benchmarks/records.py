"""Realistic records from a seed: five services, weighted levels, no two records alike; about 290 bytes each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

LEVELS = {"DEBUG": 20, "INFO": 60, "WARNING": 12, "ERROR": 7, "CRITICAL": 1}
SERVICES = ("auth-service", "payment-service", "inventory-service", "user-service", "api-gateway")
_GOOD, _BAD = (200, 200, 200, 201, 204, 304, 400, 404), (401, 404, 409, 500, 502, 503)
_PATHS = ("/api/v1/login", "/api/v1/orders", "/api/v1/users/{n}", "/cart/{n}/checkout", "/api/v1/items/{n}")
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_MESSAGES = (
    "Request {request} finished with {status} after {ms} ms",
    "User {user} fetched {path}",
    "Payment of {amount} accepted for order {order}",
    "Stock of item {order} is down to {small}",
    "Cache miss for key session:{request}",
    "Connection to replica {small} took {ms} ms",
)


# Between the event times of two records.
STEP = timedelta(milliseconds=20)


def records(seed: int, ago: timedelta = timedelta(hours=6)) -> Iterator[dict[str, Any]]:
    """Records without end, the same ones for the same seed; event times begin so long ago and are STEP apart."""
    rng = random.Random(seed)
    levels, weights = tuple(LEVELS), tuple(LEVELS.values())
    moment = datetime.now(UTC) - ago
    while True:
        moment += STEP
        level = rng.choices(levels, weights)[0]
        status = rng.choice(_GOOD if level in {"DEBUG", "INFO"} else _BAD)
        number = rng.randrange(100_000)
        path = rng.choice(_PATHS).format(n=number)
        facts = {
            "request": f"{rng.getrandbits(64):016x}",
            "status": status,
            "ms": round(rng.lognormvariate(3.5, 1.0), 1),
            "user": f"user-{rng.randrange(10_000)}",
            "path": path,
            "amount": f"{rng.randrange(900)}.{rng.randrange(100):02d}",
            "order": number,
            "small": rng.randrange(16),
        }
        yield {
            "timestamp": moment.isoformat(timespec="milliseconds"),
            "level": level,
            "service": rng.choice(SERVICES),
            "message": rng.choice(_MESSAGES).format(**facts),
            "metadata": {
                "request_id": facts["request"],
                "user_id": facts["user"],
                "status_code": status,
                "method": rng.choice(_METHODS),
                "path": path,
                "response_time_ms": facts["ms"],
                "region": rng.choice(("eu-1", "us-2")),
            },
        }


def bodies(seed: int, requests: int, per_request: int, ago: timedelta = timedelta(hours=6)) -> Iterator[bytes]:
    """Bodies for POST /logs/batch."""
    source = records(seed, ago)
    for _ in range(requests):
        yield msgspec.json.encode([next(source) for _ in range(per_request)])
