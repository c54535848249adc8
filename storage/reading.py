"""How long a read may go on, how much it may answer, and whether somebody still waits for it.

A request's `Reading` is in force for all that its thread does, as a context variable: what reads asks for it here, so
that no read can forget its limits. Where none is in force (inserts, the start) only those of the engine hold.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from storage.errors import QueryCancelled, QueryTimeout


class Reading:
    """The limits of one read, from now on.

    Args:
        timeout_s: how long it may take.
        max_bytes: how large the answer of one query may be; None for what the engine allows.
    """

    def __init__(self, timeout_s: float, max_bytes: int | None = None) -> None:
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self._start_s = time.monotonic()
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._kill: Callable[[], None] | None = None

    @property
    def age_s(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._start_s

    @property
    def remaining_s(self) -> float:
        """How long it may still go on; never 0, which is no limit to the engine."""
        return max(0.001, self.timeout_s - self.age_s)

    def check(self) -> None:
        """See whether to go on.

        Raises:
            QueryTimeout: its time is up.
            QueryCancelled: nobody waits for it.
        """
        if self._is_cancelled:
            raise QueryCancelled("the client closed the connection before the answer was there")
        if self.age_s >= self.timeout_s:
            raise QueryTimeout(f"the query took longer than its {self.timeout_s:g} s; narrow its time range")

    @contextmanager
    def querying(self, kill: Callable[[], None]) -> Iterator[None]:
        """While a query runs that `kill`, called from another thread, ends. It is not called after this."""
        self.check()
        with self._lock:
            self._kill = kill
        try:
            yield
        finally:
            with self._lock:
                self._kill = None

    def cancel(self) -> None:
        """End it. To be repeated as long as it runs: a query that only begins now is not known to the engine yet."""
        with self._lock:
            self._is_cancelled = True
            if self._kill is not None:
                self._kill()


_current: ContextVar[Reading | None] = ContextVar("reading", default=None)


def current() -> Reading | None:
    """The limits in force in this thread."""
    return _current.get()


def put_in_force(reading: Reading | None) -> None:
    """Have these limits hold in this thread until others are put in force."""
    _current.set(reading)


@contextmanager
def in_force(reading: Reading | None) -> Iterator[None]:
    """Have these limits hold in this thread for a while."""
    before = _current.set(reading)
    try:
        yield
    finally:
        _current.reset(before)


def check() -> None:
    """As `Reading.check` of the limits in force; to be called between pieces of work."""
    reading = _current.get()
    if reading is not None:
        reading.check()
