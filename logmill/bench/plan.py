"""What a load test sends: what, how fast, for how long and where to."""

from __future__ import annotations

import math
import random
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from logmill.errors import ConfigError
from logmill.lifecycle import is_loopback

# Of a run's name: letters that make no word and no number, so that nothing on the way takes it for a secret or an id.
_LETTERS, _NAME_CHARS = "bcdfghjklmnpqrstvwxz", 12
MAX_WORKERS = 64


class Part(StrEnum):
    """What a process of the load test does."""

    INGEST = "ingest"
    QUERY = "query"
    PROBE = "probe"


class Question(msgspec.Struct, frozen=True):
    """A question to storage.

    Attributes:
        name: under which it is counted; several may share one.
        path: path and parameters.
    """

    name: str
    path: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A load test as it was asked for.

    Attributes:
        run: its name, in the metadata of all that it sends.
        producer_url: where logs are sent.
        storage_url: where questions are asked.
        key: the API key of both, "" for none.
        parts: what it does.
        rate: logs a second; None for as many as are taken.
        query_rate: questions a second; None for as many as are answered.
        batch: logs a request.
        processes: of each of ingest and query.
        connections: of each process.
        duration_s: how long is measured.
        warm_up_s: how long it runs before that.
        max_behind_s: a request that could not begin so long after it was due is dropped.
        timeout_s: how long an answer is waited for.
        settle_s: how long what was accepted is looked for in storage.
        seed: of what is sent and asked.
        questions: what is asked.
    """

    run: str
    producer_url: str
    storage_url: str
    key: str
    parts: tuple[Part, ...]
    rate: float | None
    query_rate: float | None
    batch: int
    processes: int
    connections: int
    duration_s: float
    warm_up_s: float
    max_behind_s: float
    timeout_s: float
    settle_s: float
    seed: int
    questions: tuple[Question, ...] = ()

    @property
    def length_s(self) -> float:
        """How long it sends."""
        return self.warm_up_s + self.duration_s

    def urls(self) -> list[str]:
        """The addresses that it asks."""
        return [self.producer_url, self.storage_url] if Part.INGEST in self.parts else [self.storage_url]

    def requests_per_s(self, part: Part) -> float | None:
        """How many requests a second are asked for; None for as many as are answered."""
        if part is Part.QUERY:
            return self.query_rate
        return None if self.rate is None else self.rate / self.batch

    def shares(self) -> list[Share]:
        """What its processes do: those that send load, and with logs one more, which looks when they can be found."""
        loads = [part for part in (Part.INGEST, Part.QUERY) if part in self.parts]
        found = [Share(part, number, self.processes) for part in loads for number in range(self.processes)]
        return [*found, Share(Part.PROBE, 0, 1)] if Part.INGEST in loads else found


class Share(msgspec.Struct, frozen=True):
    """What one process does: every `of`-th request of a part, from the one with this number on."""

    part: Part
    number: int
    of: int


def new_run() -> str:
    """A name that no other run has."""
    return "bench-" + "".join(random.SystemRandom().choices(_LETTERS, k=_NAME_CHARS))


def requests_within(rate: float, time_s: float) -> int:
    """How many requests are due within a time, the first at its beginning."""
    return max(0, math.ceil(rate * time_s - 1e-9))


def checked_url(name: str, url: str) -> str:
    """An address as it is used.

    Raises:
        ConfigError: it cannot be used; names the option.
    """
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    else:
        if parts.username is not None or parts.query or parts.fragment:
            raise ConfigError(f"{name}: the address has a user, parameters or a fragment; a key is given by --key")
    if not is_usable:
        raise ConfigError(f"{name}: an address is http://HOST:PORT or https://HOST:PORT")
    return url.rstrip("/")


def is_here(url: str) -> bool:
    """Whether an address is on loopback."""
    return is_loopback(urlsplit(url).hostname or "")
