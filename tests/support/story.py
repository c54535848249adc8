"""Logs of a small shop over two hours, with a deployment and an outage of its payment database in them, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

SPAN = timedelta(hours=2)
# When, as a part of the span.
_DEPLOYED, _BROKE, _SHED, _MENDED = 0.60, 0.70, 0.76, 0.84
_SERVICES = {"gateway": 34, "search": 20, "checkout": 14, "payment": 12, "auth": 12, "worker": 8}
_REGIONS = ("eu-1", "eu-1", "us-2")
_PATHS = ("/api/items", "/api/items/{n}", "/api/cart", "/api/orders/{n}", "/api/login", "/api/search")


def logs(seed: int, count: int, until: datetime) -> Iterator[dict[str, Any]]:
    """So many logs as the producer takes them, oldest first, the last of them at `until`.

    Args:
        seed: the same for the same logs but for their times.
        count: how many.
        until: aware.
    """
    rng = random.Random(seed)
    moments = sorted(_moment(rng) for _ in range(count))
    for part in moments:
        yield _log(rng, part, until - SPAN * (1 - part))


def _moment(rng: random.Random) -> float:
    """A part of the span; there is more to do at some times, and retries add to it while payments fail."""
    while True:
        part = rng.random()
        load = 0.62 + 0.14 * math.sin(part * 9) + 0.05 * math.sin(part * 61)
        if _BROKE < part < _MENDED:
            load += 0.22
        if rng.random() < load:
            return part


def _log(rng: random.Random, part: float, moment: datetime) -> dict[str, Any]:
    service = rng.choices(tuple(_SERVICES), tuple(_SERVICES.values()))[0]
    number = rng.randrange(1, 90_000)
    is_broken = _BROKE < part < _MENDED
    level, message, more = _ordinary(rng, service, number)
    if is_broken and service in {"payment", "checkout", "gateway"} and rng.random() < _share(part):
        level, message, more = _broken(rng, service, number, is_shed=part > _SHED)
    elif _DEPLOYED < part < _DEPLOYED + 0.02 and rng.random() < 0.25:
        level, message, more = "WARNING", f"Connection drained before shutdown of pod {service}-{rng.randrange(4)}", {}
    elif service == "payment" and part > _DEPLOYED and rng.random() < 0.06:
        level, message, more = "WARNING", f"Connection pool exhausted, waited {rng.randrange(200, 900)} ms", {}
    return {
        "timestamp": moment.isoformat(timespec="milliseconds"),
        "level": level,
        "service": service,
        "message": message,
        "host": f"{service}-{rng.randrange(1, 4)}",
        "trace_id": f"{rng.getrandbits(64):016x}",
        "metadata": {"region": rng.choice(_REGIONS), "version": "2.14.1" if part > _DEPLOYED else "2.14.0", **more},
    }


def _share(part: float) -> float:
    """How much of what needs payments fails; it builds up, and falls once requests are shed."""
    risen = min(1.0, (part - _BROKE) / 0.02)
    return risen * (0.75 if part < _SHED else 0.45)


def _ordinary(rng: random.Random, service: str, number: int) -> tuple[str, str, dict[str, Any]]:
    ms = round(rng.lognormvariate(3.4, 0.7), 1)
    user = {"id": f"u-{rng.randrange(4000)}", "plan": rng.choice(("free", "pro"))}
    path = rng.choice(_PATHS).format(n=number)
    request = {"method": rng.choice(("GET", "GET", "POST")), "path": path, "response_time_ms": ms}
    chance = rng.random()
    if chance < 0.2:
        return "DEBUG", f"Cache {rng.choice(('hit', 'hit', 'miss'))} for key {service}:{number}", {}
    if chance < 0.25:
        return "WARNING", f"Slow query: {rng.randrange(800, 2400)} ms for SELECT * FROM orders WHERE id = {number}", {}
    if chance < 0.257:
        return "ERROR", f"Unhandled exception in {service}.handlers: KeyError: 'sku-{number}'", {"error_code": "E500"}
    texts = {
        "gateway": (f"{request['method']} {path} answered in {ms} ms", {**request, "status_code": 200}),
        "search": (f"Search for “{rng.choice(('lamp', 'desk', 'chair'))}” found {number % 400} items", {"user": user}),
        "checkout": (
            f"Order {number} placed by user {user['id']}",
            {"order": {"id": number, "items": 3}, "user": user},
        ),
        "payment": (f"Payment of {number / 100:.2f} EUR captured for order {number}", {"order": {"id": number}}),
        "auth": (f"User {user['id']} logged in from 10.2.{number % 250}.{number % 199}", {"user": user}),
        "worker": (f"Job send-receipt {number} finished in {ms} ms", {"queue": "mail", "attempt": 1}),
    }
    text, more = texts[service]
    return "INFO", text, more


def _broken(rng: random.Random, service: str, number: int, *, is_shed: bool) -> tuple[str, str, dict[str, Any]]:
    ms = round(rng.uniform(4800, 5200), 1)
    if service == "gateway":
        path = f"/api/orders/{number}"
        more = {"method": "POST", "path": path, "status_code": 503, "response_time_ms": 12.5 if is_shed else ms}
        return ("WARNING" if is_shed else "ERROR"), f"POST {path} answered 503 in {more['response_time_ms']} ms", more
    if service == "checkout":
        return (
            "ERROR",
            f"Order {number} failed: payment did not answer within 5000 ms",
            {"error_code": "PAYMENT_TIMEOUT"},
        )
    if rng.random() < 0.12:
        return "CRITICAL", "Circuit breaker for db-payments-1 is open", {"error_code": "DB_UNAVAILABLE"}
    text = f"Connection to db-payments-1:5432 timed out after {round(ms)} ms (attempt {rng.randrange(1, 4)})"
    return (
        "ERROR",
        text,
        {"error_code": "DB_TIMEOUT", "response_time_ms": ms, "db": {"host": "db-payments-1", "pool": 20}},
    )
