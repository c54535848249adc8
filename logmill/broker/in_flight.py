"""What a publisher has on its way: how much of it, within which limits, and for how long nothing moved."""

from __future__ import annotations

import time

from logmill.errors import BrokerFull


class InFlight:
    """Counts messages that were handed over and not answered yet. The lock of its publisher guards it.

    Args:
        max_messages: how many there may be.
        max_bytes: their bodies. A single message above this is let through when it is alone, or it could never go.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._moved_s = 0.0
        self.count = 0

    def add(self, size_bytes: int) -> None:
        """Count one message more.

        Raises:
            BrokerFull: it does not fit; it is not counted.
        """
        if self.count >= self._max_messages or (self.count and self._bytes + size_bytes > self._max_bytes):
            raise BrokerFull(f"{self.count} messages wait for the broker's confirm")
        if self.count == 0:
            self._moved_s = time.monotonic()
        self.count += 1
        self._bytes += size_bytes

    def remove(self, count: int, size_bytes: int) -> None:
        """Count so many less, of so many bytes together: the broker answered them, or they are given up."""
        self.count -= count
        self._bytes -= size_bytes
        self._moved_s = time.monotonic()

    @property
    def stalled_s(self) -> float:
        """See `Publisher`; any answer counts, a refusal too."""
        return time.monotonic() - self._moved_s if self.count else 0.0
