"""Standard input: what a program pipes into the collector."""

from __future__ import annotations

import os
import select
import time

from collector.records.made import Source

READ_BYTES = 1024 * 1024


class Stream:
    """A pipe that is read to its end. What was read and lies in no batch is gone if the collector is killed.

    Args:
        descriptor: of the pipe.
        source: what its records are said to be of.
        most_buffered_bytes: where more waits to become events, nothing is read.

    Attributes:
        buffer: what was read and is no event yet.
        is_ended: whether nothing can follow.
        read_at: when bytes came last, monotonic.
    """

    def __init__(self, descriptor: int, source: Source, most_buffered_bytes: int = READ_BYTES) -> None:
        self._descriptor = descriptor
        self.source = source
        self._most_buffered_bytes = max(READ_BYTES, most_buffered_bytes)
        self.buffer = b""
        self.is_ended = False
        self.read_at = time.monotonic()

    def wait(self, timeout_s: float) -> None:
        """Wait for something to read, at most so long."""
        self._is_ready(timeout_s)

    def read(self) -> bool:
        """Read what is there, without waiting; says whether there was anything."""
        if self.is_ended or len(self.buffer) > self._most_buffered_bytes or not self._is_ready(0.0):
            return False
        found = os.read(self._descriptor, READ_BYTES)
        self.is_ended = not found
        if found:
            self.buffer += found
            self.read_at = time.monotonic()
        return bool(found)

    def use(self, count: int) -> None:
        """So many bytes of the buffer became events."""
        self.buffer = self.buffer[count:]

    def _is_ready(self, timeout_s: float) -> bool:
        if self.is_ended:
            time.sleep(timeout_s)
            return False
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN | select.POLLHUP)
        return bool(ready.poll(timeout_s * 1000))
