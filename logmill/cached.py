"""A reading that all threads of a process share, so that however many ask, it is taken once a second or so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from logmill.errors import Retry

T = TypeVar("T")

# While a reading is being taken, those who ask get the one before, if it is not older than so many times its age.
_STALE_AGES = 5


class Cached(Generic[T]):
    """What `read` returned last. It is called once at a time, when somebody asks and the last one is too old.

    Args:
        read: takes the reading. That something is away should be part of what it returns, for only that is kept: where
            it raises, who asked gets the error, and the next one calls again.
        max_age_s: how old a reading may be when it is given out; while another is taken, five times as old.
        wait_s: how long to wait for a reading that another thread takes, where there is none that may be given out.
        aside: have it taken on a thread of its own, so that nobody waits for longer, not even who asked first. The
            thread ends with the process, wherever it is; so not for what must be closed in order.
    """

    def __init__(self, read: Callable[[], T], max_age_s: float, wait_s: float, *, aside: bool = False) -> None:
        self._read = read
        self._max_age_s = max_age_s
        self._wait_s = wait_s
        self._aside = aside
        self._changed = threading.Condition()
        self._last: tuple[float, T] | None = None
        self._is_reading = False

    def get(self) -> T:
        """The reading.

        Raises:
            Retry: another thread takes it, for longer than this one may wait, or no thread can be started for it.
        """
        asked_s = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: not self._is_reading or self._kept(asked_s) is not None, self._wait_s)
            kept = self._kept(asked_s)
            if kept is not None:
                return kept[1]
            if self._is_reading:
                raise Retry("this is being looked up, which takes unusually long")
            self._is_reading = True
            if self._aside:
                self._start()
                self._changed.wait_for(lambda: not self._is_reading, self._wait_s)
                kept = self._kept(asked_s)
                if kept is None:
                    raise Retry("this takes unusually long to look up")
                return kept[1]
        return self._take()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._take, name="look", daemon=True).start()
        except RuntimeError as error:  # the system gives no more threads; the next who asks tries again
            self._is_reading = False
            self._changed.notify_all()
            raise Retry(f"this cannot be looked up: {error}") from None

    def _take(self) -> T:
        try:
            value = self._read()
            with self._changed:
                self._last = (time.monotonic(), value)
            return value
        finally:
            with self._changed:
                self._is_reading = False
                self._changed.notify_all()

    def _kept(self, asked_s: float) -> tuple[float, T] | None:
        """The last reading and when it was taken, if it may be given to one who asked at this time."""
        ages = _STALE_AGES if self._is_reading else 1
        if self._last is None or self._last[0] <= asked_s - ages * self._max_age_s:
            return None
        return self._last
