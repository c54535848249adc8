"""Steps that wait until something may be destroyed: content is stored, or the collector has it open and is held."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

from tests.torture.streams import Stream
from tests.torture.watch import Stored, Watch

# What is not safe by then is left out this time.
PATIENCE_S = 20.0
LOOK_S = 0.05
# A file that is open in so many looks one after the other was not only opened to compare it with another one.
LOOKS = 4

# Steps that end with whether it was done.
Way = Generator[float, None, bool]


def hold(watch: Watch, timeout_s: float) -> Way:
    """Take a hold on the collector; False where none is to be had in time."""
    deadline_s = time.monotonic() + timeout_s
    while not watch.try_hold():
        if time.monotonic() > deadline_s:
            return False
        yield LOOK_S
    return True


def is_open(watch: Watch, path: Path, timeout_s: float) -> Way:
    """Wait until the collector has the file open, and keeps it open."""
    deadline_s = time.monotonic() + timeout_s
    looks = 0
    while looks < LOOKS:
        looks = looks + 1 if watch.has_open(path) else 0
        if time.monotonic() > deadline_s:
            return False
        yield LOOK_S
    return watch.has_open(path)


def all_stored(stream: Stream, stored: Stored, timeout_s: float) -> Way:
    """Wait until storage holds all events of a stream so far; whether it does in time."""
    deadline_s = time.monotonic() + timeout_s
    while stored.count(stream.name) < stream.next:
        if time.monotonic() > deadline_s:
            return False
        yield 2 * LOOK_S
    return True
