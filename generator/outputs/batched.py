"""Gathers logs into batches, which a `Shipper` sends: a batch leaves when it is full or its first log has waited."""

from __future__ import annotations

import time
from typing import Generic, NamedTuple, Protocol, TypeVar

from generator.log import Made
from generator.outputs.protocol import Counts
from generator.outputs.shipper import Shipper

Parcel = TypeVar("Parcel")


class Batching(NamedTuple):
    """How logs travel.

    Attributes:
        connections: how many batches are sent at a time.
        logs: a batch leaves when it has so many logs,
        interval_s: or when its first one has waited for so long.
    """

    connections: int
    logs: int
    interval_s: float


class Gathering(Protocol[Parcel]):
    """Logs that are to become batches."""

    def add(self, made: Made) -> None:
        """Take these too."""

    def take(self) -> list[Parcel]:
        """The batches of all that was added since; the most pressing first."""


class BatchedOutput(Generic[Parcel]):
    """See `Output`.

    Args:
        gathering: makes batches of logs.
        shipper: sends them.
        batching: when they leave.
    """

    def __init__(self, gathering: Gathering[Parcel], shipper: Shipper[Parcel], batching: Batching) -> None:
        self._gathering = gathering
        self._shipper = shipper
        self._batch_logs = batching.logs
        self._interval_s = batching.interval_s
        self._count = 0
        self._since_s = 0.0

    @property
    def counts(self) -> Counts:
        """See `Output`."""
        return self._shipper.counts

    def wait_for_room(self, timeout_s: float) -> bool:
        """See `Output`."""
        if self._count >= self._batch_logs and self._shipper.wait_for_room(timeout_s):
            self._ship()
        self._shipper.check()
        return self._count < self._batch_logs

    def write(self, made: Made) -> None:
        """See `Output`."""
        if not self._count:
            self._since_s = time.monotonic()
        self._gathering.add(made)
        self._count += len(made.logs)
        self.push()

    def push(self) -> None:
        """See `Output`."""
        is_due = self._count >= self._batch_logs or time.monotonic() - self._since_s >= self._interval_s
        if self._count and is_due and self._shipper.wait_for_room(0.0):
            self._ship()

    def flush(self, timeout_s: float) -> bool:
        """See `Output`."""
        until_s = time.monotonic() + timeout_s
        if self._count and self._shipper.wait_for_room(timeout_s):
            self._ship()
        return self._shipper.flush(max(0.0, until_s - time.monotonic())) and not self._count

    def close(self) -> None:
        """See `Output`."""
        self._shipper.close()

    def _ship(self) -> None:
        for parcel in self._gathering.take():
            self._shipper.put(parcel)
        self._count = 0
