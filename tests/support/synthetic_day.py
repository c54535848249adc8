"""A day of several services with its course and noise, and what goes wrong in it; the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from tests.support.watched_store import MINUTE, SECOND

# Logs a minute, in the middle of the day's course.
RATES = {"auth": 6.0, "payment": 8.0, "inventory": 10.0, "user": 7.0, "api-gateway": 14.0}
ERROR_SHARE = 0.02
MINUTES = 24 * 60
ADDRESS, FRAUDSTER = "203.0.113.9", "user-666"
MESSAGES = {
    "auth": ("session {n} opened", "token refreshed for session {n}", "password changed by session {n}"),
    "payment": ("payment of {n}.20 accepted", "invoice {n} written"),
    "inventory": ("item {n} reserved", "stock of item {n} counted", "item {n} released"),
    "user": ("profile {n} shown", "profile {n} saved"),
    "api-gateway": ("GET /items/{n} 200", "POST /orders 201 {n}", "GET /cart/{n} 200"),
}
ERRORS = ("request {n} failed: upstream timed out", "request {n} failed: connection reset")


@dataclass(frozen=True, slots=True)
class Plant:
    """Something that goes wrong.

    Attributes:
        rules: the detectors that are to find it; each has one alert of it.
        group: a value of the alert's group.
        start: when it begins, in microseconds after midnight.
        end: when it is over.
    """

    rules: frozenset[str]
    group: str
    start: int
    end: int


class Day:
    """A day from a midnight on.

    Args:
        seed: what is drawn.
        midnight: in microseconds.
    """

    def __init__(self, seed: int, midnight: int) -> None:
        self._random = random.Random(seed)
        self._midnight = midnight
        self._phases = {service: self._random.uniform(-2, 2) for service in RATES}
        draw = self._random.randrange
        self.errors = self._plant({"error_rate"}, "inventory", 7 * 60 + draw(60), 10)
        self.volume = self._plant({"log_volume"}, "api-gateway", 10 * 60 + draw(60), 10)
        self.silence = self._plant({"silence"}, "user", 13 * 60 + draw(60), 60)
        self.fraud = self._plant({"transactions_by_user"}, FRAUDSTER, 16 * 60 + draw(60), 5)
        self.logins = self._plant({"failed_logins_by_address"}, ADDRESS, 18 * 60 + draw(60), 4)
        self.root = self._plant({"failed_logins_by_user"}, "root", self.logins.start // MINUTE, 4)
        self.pattern = self._plant({"new_error_pattern"}, "inventory", 21 * 60 + draw(60), 4)

    @property
    def plants(self) -> tuple[Plant, ...]:
        """All that goes wrong."""
        return (self.errors, self.volume, self.silence, self.fraud, self.logins, self.root, self.pattern)

    def pieces(self, minutes: int) -> Iterator[list[dict[str, Any]]]:
        """The rows of each piece of so many minutes, one after the other."""
        for first in range(0, MINUTES, minutes):
            yield [row for minute in range(first, first + minutes) for row in self._minute(minute)]

    @staticmethod
    def _plant(rules: set[str], group: str, minute: int, minutes: int) -> Plant:
        return Plant(frozenset(rules), group, minute * MINUTE, (minute + minutes) * MINUTE)

    def _minute(self, minute: int) -> Iterator[dict[str, Any]]:
        at = minute * MINUTE
        for service, rate in RATES.items():
            if service == self.silence.group and self.silence.start <= at < self.silence.end:
                continue
            hours = minute / 60 - 14 - self._phases[service]
            course = 1 + 0.6 * math.cos(2 * math.pi * hours / 24)
            noise = self._random.lognormvariate(0, 0.15)
            more = 7 if service == self.volume.group and self.volume.start <= at < self.volume.end else 1
            for _ in range(self._poisson(rate * course * noise * more)):
                yield self._usual(service, at)
        yield from self._wrong(at)

    def _usual(self, service: str, at: int) -> dict[str, Any]:
        is_wrong = service == self.errors.group and self.errors.start <= at < self.errors.end
        number = self._random.randrange(100_000)
        if self._random.random() < (0.4 if is_wrong else ERROR_SHARE):
            return self._row(service, at, self._random.choice(ERRORS).format(n=number), level="ERROR")
        message = self._random.choice(MESSAGES[service]).format(n=number)
        user = f"user-{self._random.randrange(400)}"
        return self._row(service, at, message, user_id=user, tags=["payment"] if service == "payment" else ["general"])

    def _wrong(self, at: int) -> Iterator[dict[str, Any]]:
        if self._random.random() < 0.2:
            yield self._failed(f"person{self._random.randrange(50)}", f"198.51.100.{self._random.randrange(200)}", at)
        if self.fraud.start <= at < self.fraud.end:
            for _ in range(9):
                yield self._row("payment", at, "payment of 999.99 accepted", user_id=FRAUDSTER, tags=["payment"])
        if self.logins.start <= at < self.logins.end:
            for _ in range(6):
                yield self._failed("root", ADDRESS, at)
        if self.pattern.start <= at < self.pattern.end:
            yield self._row(
                "inventory", at, f"deadlock in shard {self._random.randrange(90)}: giving up", level="ERROR"
            )

    def _failed(self, user: str, address: str, at: int) -> dict[str, Any]:
        return self._row("auth", at, f"Failed password for {user} from {address} port 22 ssh2", level="WARNING")

    def _row(self, service: str, at: int, message: str, **fields: Any) -> dict[str, Any]:
        words = " ".join(word for word in message.split() if not any(char.isdigit() for char in word))
        fingerprint = int.from_bytes(blake2b(words.encode(), digest_size=8).digest(), "big")
        moment = self._midnight + at + self._random.randrange(60 * SECOND)
        return {"service": service, "message": message, "timestamp": moment, "fingerprint": fingerprint, **fields}

    def _poisson(self, mean: float) -> int:
        """Knuth's; means are small."""
        limit, product, count = math.exp(-mean), self._random.random(), 0
        while product > limit:
            product *= self._random.random()
            count += 1
        return count
