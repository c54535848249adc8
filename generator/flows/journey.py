"""A flow while it is told: whose request it is, what time it is in it, and what the services have logged so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from statistics import NormalDist

import msgspec

from generator.flows.services import AGENTS, GATEWAY, REPLICAS, SERVICES, Service
from generator.log import Item, Log, Metadata, NewMetadata

DEBUG, INFO, WARNING, ERROR, CRITICAL = "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"
US_A_MS = 1000

# How durations vary around their median: a log-normal distribution, drawn beforehand since drawing takes long.
_SPREAD_BITS = 11
_SPREAD = tuple(
    math.exp(0.45 * NormalDist().inv_cdf((place + 0.5) / (1 << _SPREAD_BITS))) for place in range(1 << _SPREAD_BITS)
)
_HEX = tuple(f"{number:04x}" for number in range(1 << 16))
_HOSTS = {service.name: service.hosts for service in SERVICES}
_GATEWAY = GATEWAY.name
_ROUTING_US = 1500
# An odd number, so that the spans of a flow differ.
_SPAN_STEP = 40_503
# Name, address, number of the replica that serves them, session, browser.
_Person = tuple[str, str, int, str, str]


class Journey:
    """Tells one flow after the other; `begin` starts the next one.

    The clock only moves on, and what an answer took is the time that the clock moved since the request: so times grow
    along a flow, and response times add up.

    Args:
        rng: all chance comes from it.
        users: how many users there are.
        new_metadata: makes metadata with custom fields.
        custom: draws the values of the custom fields of a flow; called once a flow, so they hold for all its logs.
        only_requests: whether only what the gateway answered is logged, as in access logs.

    Attributes:
        logs: what the flow has logged so far, in order.
        clock_us: the time in the flow.
        slowness: what durations are multiplied by now.
        details_a_call: how many DEBUG logs there are for each call, on the average.
        user_id: whose request it is.
        client_ip: where it comes from.
    """

    def __init__(
        self,
        rng: Random,
        *,
        users: int,
        new_metadata: NewMetadata = Metadata,
        custom: Callable[[], Sequence[str]] | None = None,
        only_requests: bool = False,
    ) -> None:
        self._bits = rng.getrandbits
        self._random = rng.random
        self._new_metadata = new_metadata
        self._draw_custom = custom
        self._only_requests = only_requests
        self.logs: list[Item] = []
        self.clock_us = 0
        self.slowness = 1.0
        self.details_a_call = 0.0
        self._detail_credit = 0.0
        self._number = 0
        # Made beforehand, for they come again and again.
        self._people = [_person(user, rng) for user in range(users)]
        self.begin(0)

    def begin(self, start_us: int) -> None:
        """Start anew: another request of another user."""
        self.logs = []
        self._start_us = self.clock_us = start_us
        people = self._people
        self._person = person = people[int(self._random() * len(people))]
        self.user_id, self.client_ip, self._replica = person[:3]
        ids = self._bits(240).to_bytes(30, "little").hex()
        self._trace_id = ids[:32]
        self._span_head = ids[32:44]
        self._request_id = "req-" + ids[44:]
        self._span = 0
        if self._draw_custom is not None:
            self._custom = self._draw_custom()

    def number(self, below: int) -> int:
        """Some number from 0."""
        return int(self._random() * below)

    def spend(self, median_us: float) -> None:
        """Let about so much time pass."""
        self.clock_us += int(median_us * self.slowness * _SPREAD[self._bits(_SPREAD_BITS)])

    def wait(self, time_us: int) -> None:
        """Let exactly so much time pass, as before another try."""
        self.clock_us += time_us

    def receive(self, method: str, path: str) -> None:
        """The gateway takes the request."""
        self._method, self._path = method, path
        self._start_us = self.clock_us
        self.log(GATEWAY, INFO, f"{method} {path} received", method, path)
        self.spend(_ROUTING_US)

    def call(
        self,
        service: Service,
        median_us: float,
        level: str,
        message: str,
        method: str = "",
        path: str = "",
        status: int = 0,
        error_code: str = "",
    ) -> None:
        """A service does its part, which takes about `median_us`, and logs it at the end."""
        began_us = self.clock_us
        self._detail_credit += self.details_a_call
        if self._detail_credit >= 1.0:
            self._detail(service)
        self.clock_us += int(median_us * self.slowness * _SPREAD[self._bits(_SPREAD_BITS)])
        self.log(service, level, message, method, path, status, self.clock_us - began_us, error_code)

    def answer(self, level: str, status: int, error_code: str = "", note: str = "") -> None:
        """The gateway answers the request; what it took is all that was spent since it came."""
        self.spend(_ROUTING_US)
        took_us = self.clock_us - self._start_us
        method, path = self._method, self._path
        message = f"{method} {path} answered {status} in {took_us // US_A_MS} ms"
        _user, _ip, _replica, session, agent = self._person
        self._add(
            level,
            _GATEWAY,
            f"{message}: {note}" if note else message,
            Metadata(
                self._request_id, self.user_id, session, self.client_ip, method, path, status, took_us / US_A_MS,
                error_code, GATEWAY.tags, agent, 200 + took_us % 5000,
            ),
        )  # fmt: skip

    def log(
        self,
        service: Service,
        level: str,
        message: str,
        method: str = "",
        path: str = "",
        status: int = 0,
        took_us: int = 0,
        error_code: str = "",
    ) -> None:
        """A service logs something now."""
        if self._only_requests:
            return
        # Most logs come from here, so this is `_add` written out: a call less is a tenth of what a log costs.
        self._span = span = self._span + _SPAN_STEP & 0xFFFF
        self._number = number = self._number - 1
        name = service.name
        metadata = Metadata(
            self._request_id, self.user_id, "", "", method, path, status, took_us / US_A_MS if took_us else None,
            error_code, service.tags,
        )  # fmt: skip
        if self._draw_custom is not None:
            metadata = self._with_custom(metadata)
        host = _HOSTS[name][self._replica]
        log = Log("", level, name, message, host, self._trace_id, self._span_head + _HEX[span], metadata)
        self.logs.append((-self.clock_us, number, log))

    def _add(self, level: str, service: str, message: str, metadata: Metadata) -> None:
        self._span = span = self._span + _SPAN_STEP & 0xFFFF
        self._number = number = self._number - 1
        if self._draw_custom is not None:
            metadata = self._with_custom(metadata)
        host = _HOSTS[service][self._replica]
        log = Log("", level, service, message, host, self._trace_id, self._span_head + _HEX[span], metadata)
        self.logs.append((-self.clock_us, number, log))

    def _with_custom(self, metadata: Metadata) -> Metadata:
        return self._new_metadata(*msgspec.structs.astuple(metadata), *self._custom)

    def _detail(self, service: Service) -> None:
        """What a service says at level DEBUG, as often as is owed."""
        while self._detail_credit >= 1.0:
            self._detail_credit -= 1.0
            number = self._bits(10)
            details = service.details
            self.log(service, DEBUG, details[number % len(details)] % number)
            self.clock_us += 50 + (number & 127)


def _person(user: int, rng: Random) -> _Person:
    # An address of 198.18.0.0/15, which RFC 2544 keeps for tests, so nobody's.
    address = f"198.{18 + (user >> 16 & 1)}.{user >> 8 & 255}.{user & 255}"
    return f"u{user}", address, user % REPLICAS, f"{rng.getrandbits(64):016x}", AGENTS[user % len(AGENTS)]
