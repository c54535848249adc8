"""Requests of which only a few are answered at a time, since each keeps a thread for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from logmill.errors import Retry


class Places:
    """So many places, each for one request; safe for threads.

    Args:
        most: how many.
        words: what the requests are for, as in "requests for dead letters".
    """

    def __init__(self, most: int, words: str) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._taken = f"{most} other {words} are being answered"

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place for a while.

        Raises:
            Retry: all are taken.
        """
        if not self._free.acquire(blocking=False):
            raise Retry(self._taken)
        try:
            yield
        finally:
            self._free.release()
