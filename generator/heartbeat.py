"""Makes heartbeats: one message a while, that says that all is well."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence

import msgspec

from generator.log import Log, Made, Metadata, NewMetadata

SERVICE = "heartbeat"


class Heartbeats:
    """Makes one log for each moment, as `Maker` does.

    Args:
        level: theirs.
        new_metadata: makes metadata with custom fields.
        custom: draws their values.
        epoch_us: the time of moment 0, microseconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        level: str,
        *,
        new_metadata: NewMetadata = Metadata,
        custom: Callable[[], Sequence[str]] | None = None,
        epoch_us: int = 0,
    ) -> None:
        self._level = level
        self._new_metadata = new_metadata
        self._custom = custom
        self.epoch_us = epoch_us
        self._host = socket.gethostname()
        self._number = 0

    def make(self, moments_us: Iterable[int]) -> Made:
        """See `Maker`."""
        times_us = [self.epoch_us + moment_us for moment_us in moments_us]
        return Made(times_us, [self._next() for _ in times_us])

    def _next(self) -> Log:
        self._number += 1
        metadata = Metadata(tags=(SERVICE,))
        if self._custom is not None:
            metadata = self._new_metadata(*msgspec.structs.astuple(metadata), *self._custom())
        return Log("", self._level, SERVICE, f"Heartbeat {self._number}: all is well", self._host, metadata=metadata)
