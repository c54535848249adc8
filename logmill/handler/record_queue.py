"""What was taken and is not yet in a batch: a bounded queue that nobody waits at, not even a signal's handler."""

from __future__ import annotations

import contextlib
from collections import deque
from queue import Empty, SimpleQueue

from logmill.handler.taking import Taken

# Logs below WARNING leave the last quarter to the others.
COMMON_SHARE = 0.75


class RecordQueue:
    """Any thread puts, one takes. Putting takes no lock.

    The bytes are kept as two sums, each changed in one place, so that a change that another thread's undoes (which
    today's interpreter does not do) costs accuracy only until the queue is empty the next time.

    Args:
        max_records: how many it holds.
        max_bytes: about how much memory they may take.

    Attributes:
        is_crowded: whether so many wait that who takes them may not keep up.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._items: deque[Taken] = deque()
        self._limits = ((max_records * COMMON_SHARE, max_bytes * COMMON_SHARE), (max_records, max_bytes))
        self._put_bytes = 0
        self._taken_bytes = 0
        self._crowd = (max_records // 8, max_bytes // 8)
        self.is_crowded = False
        # A queue of this kind may be put to in the middle of a put, where an Event might wait for itself.
        self._wake: SimpleQueue[None] = SimpleQueue()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Taken, *, is_common: bool) -> bool:
        """Add an item; whether there was room.

        Args:
            item: its first part is its size.
            is_common: whether it must leave room for others.
        """
        items = self._items
        max_records, max_bytes = self._limits[0 if is_common else 1]
        count = len(items)
        waiting_bytes = self._put_bytes - self._taken_bytes + item[0]
        if count >= max_records or waiting_bytes > max_bytes:
            return False
        self._put_bytes += item[0]
        items.append(item)
        if not self.is_crowded and (count >= self._crowd[0] or waiting_bytes > self._crowd[1]):
            self.is_crowded = True
            self._wake.put(None)
        return True

    def take(self, most: int) -> list[Taken]:
        """Up to so many items, the oldest first."""
        found: list[Taken] = []
        pop = self._items.popleft
        try:
            for _ in range(most):
                item = pop()
                found.append(item)
                self._taken_bytes += item[0]
        except IndexError:
            self._taken_bytes = self._put_bytes
        crowd_records, crowd_bytes = self._crowd
        waiting_bytes = self._put_bytes - self._taken_bytes
        if self.is_crowded and len(self._items) < crowd_records // 2 and waiting_bytes < crowd_bytes // 2:
            self.is_crowded = False
        return found

    def close(self) -> None:
        """Take nothing more."""
        self._limits = ((0, 0), (0, 0))

    def wait(self, timeout_s: float) -> None:
        """Return when there is much to take, somebody called `wake`, or the time is up."""
        with contextlib.suppress(Empty):
            self._wake.get(timeout=timeout_s)

    def wake(self) -> None:
        """Have `wait` return."""
        self._wake.put(None)
