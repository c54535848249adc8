"""What a publisher has on its way: how much of it, within which limits, and for how long nothing moved."""

from __future__ import annotations

import time
from dataclasses import dataclass

from logmill.errors import BrokerFull


@dataclass(slots=True)
class _Waiting:
    """Messages of one queue that wait, and since when nothing of it was answered."""

    count: int
    moved_s: float


class InFlight:
    """Counts messages that were handed over and not answered yet. The lock of its publisher guards it.

    Args:
        max_messages: how many there may be, of all queues together.
        max_bytes: their bodies. A single message above this is let through when it is alone, or it could never go.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        # By the name of the queue; those of which nothing waits are not in it.
        self._waiting: dict[str, _Waiting] = {}
        self.count = 0

    def add(self, queue: str, size_bytes: int) -> None:
        """Count one message more.

        Raises:
            BrokerFull: it does not fit; it is not counted.
        """
        if self.count >= self._max_messages or (self.count and self._bytes + size_bytes > self._max_bytes):
            raise BrokerFull(f"{self.count} messages wait for the broker's confirm")
        self.count += 1
        self._bytes += size_bytes
        waiting = self._waiting.setdefault(queue, _Waiting(0, time.monotonic()))
        waiting.count += 1

    def remove(self, queue: str, size_bytes: int) -> None:
        """Count one message less: the broker answered it, or it is given up."""
        self.count -= 1
        self._bytes -= size_bytes
        waiting = self._waiting[queue]
        waiting.count -= 1
        waiting.moved_s = time.monotonic()
        if waiting.count == 0:
            del self._waiting[queue]

    def stalled_s(self, queue: str) -> float:
        """See `Publisher`."""
        waiting = self._waiting.get(queue)
        return time.monotonic() - waiting.moved_s if waiting else 0.0
