"""Writes logs to standard output, as fast as whoever reads it takes them."""

from __future__ import annotations

import os
import select
import stat
import time
from collections import deque

from generator.formats import Format
from generator.log import Made
from generator.outputs.protocol import Counts
from logmill.errors import LogmillError
from logmill.terminal import OutputClosed

_MOST_WAITING_BYTES = 1024 * 1024
# A pipe that can be written to takes so much without waiting (pipe(7)): a signal is heeded however slow a reader is.
_PIPE_BYTES = select.PIPE_BUF


class StreamOutput:
    """See `Output`.

    Args:
        form: how logs are written.
        descriptor: where to.
    """

    def __init__(self, form: Format, descriptor: int = 1) -> None:
        self._form = form
        self._descriptor = descriptor
        self.counts = Counts()
        kind = os.fstat(descriptor).st_mode
        self._may_wait = not stat.S_ISREG(kind)
        self._poller = select.poll()
        if self._may_wait:
            self._poller.register(descriptor, select.POLLOUT)
        self._waiting = bytearray(form.header)
        # For each `write`: where its last byte was among all bytes, and how many logs it had.
        self._ends: deque[tuple[int, int]] = deque()
        self._written_bytes = 0

    def wait_for_room(self, timeout_s: float) -> bool:
        """See `Output`."""
        if len(self._waiting) < _MOST_WAITING_BYTES:
            return True
        self._send(time.monotonic() + timeout_s)
        return len(self._waiting) < _MOST_WAITING_BYTES

    def write(self, made: Made) -> None:
        """See `Output`."""
        self._waiting += self._form.encode(made)
        self._ends.append((self._written_bytes + len(self._waiting), len(made.logs)))
        self._send(0.0)

    def push(self) -> None:
        """See `Output`."""
        self._send(0.0)

    def flush(self, timeout_s: float) -> bool:
        """See `Output`."""
        self._send(time.monotonic() + timeout_s)
        return not self._waiting

    def close(self) -> None:
        """See `Output`."""

    def _send(self, until_s: float) -> None:
        """Write what can be written now, and wait for the reader until then."""
        sent = 0
        with memoryview(self._waiting) as view:
            while sent < len(view):
                if self._may_wait:
                    left_ms = max(0.0, until_s - time.monotonic()) * 1000 if until_s else 0
                    if not self._poller.poll(left_ms):
                        break
                with view[sent : sent + _PIPE_BYTES] if self._may_wait else view[sent:] as piece:
                    sent += self._write(piece)
        del self._waiting[:sent]
        self._written_bytes += sent
        while self._ends and self._ends[0][0] <= self._written_bytes:
            self.counts.done += self._ends.popleft()[1]

    def _write(self, piece: memoryview) -> int:
        try:
            return os.write(self._descriptor, piece)
        except BlockingIOError:  # somebody else has set it so
            return 0
        except BrokenPipeError:
            raise OutputClosed from None
        except OSError as error:
            raise LogmillError(f"standard output cannot be written: {error.strerror}") from None
