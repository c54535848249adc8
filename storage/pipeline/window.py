"""Sums over the time that has just passed, in fixed memory."""

from __future__ import annotations


class Window:
    """What was added in the last `slots` times `slot_s` seconds. Not safe for threads: its owner has a lock.

    Args:
        slots: pieces of time that are counted apart; the oldest leaves as a whole.
        slot_s: how long each is.
        now_s: the time it begins, on the clock that all its methods are given.
    """

    def __init__(self, slots: int, slot_s: float, now_s: float) -> None:
        self._slot_s = slot_s
        self._counts = [0] * slots
        self._slot = int(now_s // slot_s)
        self._born_s = now_s

    def add(self, count: int, now_s: float) -> None:
        """Count so many more."""
        self._move_on(now_s)
        self._counts[self._slot % len(self._counts)] += count

    def total(self, now_s: float) -> int:
        """How many there were in that time."""
        self._move_on(now_s)
        return sum(self._counts)

    def covered_s(self, now_s: float) -> float:
        """How much time the total is about: less than the whole while it is young, and between two pieces."""
        self._move_on(now_s)
        return min(now_s - self._born_s, now_s - (self._slot - len(self._counts) + 1) * self._slot_s)

    def per_s(self, now_s: float, least_s: float = 1.0) -> float:
        """The total by time; a window younger than `least_s` counts as if it were that old."""
        return self.total(now_s) / max(least_s, self.covered_s(now_s))

    def _move_on(self, now_s: float) -> None:
        slot = int(now_s // self._slot_s)
        passed = min(slot - self._slot, len(self._counts))
        for number in range(1, passed + 1):
            self._counts[(self._slot + number) % len(self._counts)] = 0
        if passed > 0:
            # Where more passed than there are, all were emptied, whichever they were.
            self._slot = slot
