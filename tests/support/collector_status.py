"""A status server of the collector over figures that a test or a picture chooses."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec

from collector.records.made import Fault, Made, Source
from collector.status.following import FileState, Shipping
from collector.status.server import serve
from collector.status.statistics import HISTORY_S, Statistics
from logmill.settings import load
from tests.support.ports import free_port

SERVICES = ("gateway", "auth", "inventory", "payment", "user")
FOLDER = "/var/log/shop"


class Held:
    """Files and batches as they were set last."""

    def __init__(self) -> None:
        self.states: Sequence[FileState] = ()
        self.sent = Shipping()

    def files(self) -> Sequence[FileState]:
        return self.states

    def shipping(self) -> Shipping:
        return self.sent


class Running:
    """What `running` gives: the address, and what to count in and set."""

    def __init__(self, statistics: Statistics, held: Held, port: int) -> None:
        self.statistics = statistics
        self.held = held
        self.port = port
        self.url = f"http://127.0.0.1:{port}"


@contextmanager
def running(statistics: Statistics | None = None, **settings: object) -> Iterator[Running]:
    """A server, on a free port unless the settings name one."""
    counted, held = statistics or Statistics(), Held()
    in_force = load({}, **{"collect_port": free_port(), **settings})
    port = in_force.collect_port
    with serve(in_force, counted, held):
        yield Running(counted, held, port)


class Past:
    """A clock that runs through the last minutes as fast as it is moved, and then goes on as the real one."""

    def __init__(self) -> None:
        self.back_s = HISTORY_S + 20.0

    def __call__(self) -> float:
        return time.monotonic() - self.back_s


def tell_story(statistics: Statistics, held: Held, clock: Past, seed: int = 7) -> None:
    """Five minutes of five services, with much to do, a slow producer, and a burst of errors."""
    chance = random.Random(seed)
    sources = [Source(f"{FOLDER}/{service}.log", service, "web-1") for service in SERVICES]
    read = dict.fromkeys((source.path for source in sources), 0)
    waiting = 0
    while clock.back_s >= 0:
        age_s = clock.back_s
        for source in sources:
            made = _second_of(source, age_s, chance)
            size = made.count * chance.randrange(180, 260)
            statistics.add(source, made, size)
            read[source.path] += size
            waiting += made.count
        # The producer is slow for half a minute, and takes all of it afterwards.
        sent = min(waiting, chance.randrange(850, 950) if 130 < age_s < 160 else chance.randrange(5700, 6300))
        statistics.accepted(sent, sent * 31)
        waiting -= sent
        if 130 < age_s < 160 and age_s % 5 < 1:
            statistics.retried("the producer answered 503: the lane `normal` is full")
        clock.back_s -= 1
    clock.back_s = 0
    now = datetime.now(UTC)
    held.states = [
        FileState(path, size, size, size - lag, lag, modified_at=now - timedelta(seconds=chance.random() * 2))
        for (path, size), lag in zip(read.items(), (0, 41_250, 0, 8_192, 0), strict=True)
    ]
    old = read[f"{FOLDER}/payment.log"] // 3
    rotated = FileState(
        f"{FOLDER}/payment.log",
        old,
        old,
        old,
        0,
        is_rotated=True,
        modified_at=now,
        state="rotated",
        present_path=f"{FOLDER}/payment.log.2.gz",
    )
    closed = FileState(f"{FOLDER}/audit.log", 18_220, 0, 0, 18_220, state="cannot be read: permission denied")
    held.states = [*held.states, msgspec.structs.replace(rotated, modified_at=now - timedelta(minutes=4)), closed]
    held.sent = Shipping(batches_in_flight=2, oldest_in_flight_s=0.4)


def tell_on(statistics: Statistics, stop: threading.Event, seed: int = 8) -> None:
    """The same services second by second, until told to stop."""
    chance = random.Random(seed)
    sources = [Source(f"{FOLDER}/{service}.log", service, "web-1") for service in SERVICES]
    while not stop.wait(0.5):
        for source in sources:
            made = _second_of(source, 0, chance, share=0.5)
            statistics.add(source, made, made.count * 220)
            statistics.accepted(made.count, made.count * 31)


def _second_of(source: Source, age_s: float, chance: random.Random, share: float = 1) -> Made:
    """What a service logs in a second."""
    is_bad = 60 < age_s < 95 and source.service in {"payment", "gateway"}
    count = int(
        500 * share * (1 + 0.4 * chance.random()) * (2.2 if 205 < age_s < 235 else 1) * (0.5 + len(source.service) / 9)
    )
    errors = int(count * (0.22 if is_bad else 0.006))
    critical = errors // 12 if is_bad else 0
    warnings, debug = int(count * 0.05), int(count * 0.17)
    levels = {
        "CRITICAL": critical,
        "ERROR": errors,
        "WARNING": warnings,
        "DEBUG": debug,
        "INFO": count - critical - errors - warnings - debug,
    }
    formats = {"access": count} if source.service == "gateway" else {"json": count - 1, "text": 1}
    # Faults have the time at which they are counted, so the past has none.
    odd = source.service == "inventory" and age_s == 0 and chance.random() < 0.5
    faults = [Fault(*chance.choice(_ODD))] if odd else []
    return Made(
        b"",
        count,
        filtered=count // 50,
        levels={name: number for name, number in levels.items() if number},
        formats=formats,
        tags={"shop": count, **({"slow": count // 9} if source.service == "inventory" else {})},
        fault_count=len(faults),
        faults=faults,
    )


_ODD = (
    (
        "no JSON: the input was truncated (at position 61)",
        '{"level": "INFO", "message": "reserved 3 of SKU-4711", "order',
    ),
    ("no JSON: an invalid character (at position 0)", "\x1b[33mwarn\x1b[0m stock of SKU-1180 is low: <b>2</b> left"),
    ("no JSON: an invalid character (at position 0)", "java.lang.IllegalStateException: reservation 9f1c is gone"),
)
