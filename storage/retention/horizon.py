"""Which days still take logs: a log of a day that was dropped must not come back, however late it is sent again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from logmill.errors import StorageUnavailable
from logmill.timestamps import now_us
from storage.retention.days import day_of


class Horizon:
    """The last day that was dropped, the one that is being dropped, and who is writing to which day. Safe for threads.

    Days up to the last one that was dropped take nothing, whether or not they had logs. Today always does: a clock that
    was wrong for a while must not cost the logs of the days after it.

    Args:
        dropped: the last day that was dropped, None where none was.
        clock: the time now, microseconds.
    """

    def __init__(self, dropped: date | None = None, clock: Callable[[], int] = now_us) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._dropped = dropped
        self._closed: date | None = None
        self._writing: Counter[date] = Counter()

    @property
    def dropped(self) -> date | None:
        """The last day that was dropped."""
        return self._dropped

    @contextmanager
    def writing(self, day: date) -> Iterator[bool]:
        """While logs of this day are written; says whether it takes any."""
        with self._changed:
            is_open = not self._refuses(day)
            self._writing[day] += is_open
        try:
            yield is_open
        finally:
            if is_open:
                with self._changed:
                    self._writing[day] -= 1
                    if not self._writing[day]:
                        del self._writing[day]
                    self._changed.notify_all()

    def close(self, day: date, timeout_s: float) -> None:
        """Have this day take nothing from now on, and wait for those who are writing to it.

        Raises:
            StorageUnavailable: they took longer than `timeout_s`; it is open again.
        """
        until_s = time.monotonic() + timeout_s
        with self._changed:
            self._closed = day
            if self._changed.wait_for(lambda: day not in self._writing, until_s - time.monotonic()):
                return
            self._closed = None
        raise StorageUnavailable(f"logs of {day} are still being written")

    def reopen(self) -> None:
        """Have the day that was closed take logs again."""
        with self._changed:
            self._closed = None

    def move(self, day: date) -> None:
        """Have this day, and those before it, take nothing for good, and every later one take logs."""
        with self._changed:
            self._dropped = day
            self._closed = None

    def _refuses(self, day: date) -> bool:
        if day == self._closed:
            return True
        return self._dropped is not None and day <= self._dropped and day < day_of(self._clock())
