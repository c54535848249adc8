"""When a processor ends: asked to stop it finishes what it has, but only for so long."""

from __future__ import annotations

import time

from logmill.lifecycle import StopSignal


class Drain:
    """A stop signal with a limit: between the two the work in hand is finished.

    Args:
        stop: the signal.
        limit_s: how long the work in hand may take after it.
    """

    def __init__(self, stop: StopSignal, limit_s: float) -> None:
        self._stop = stop
        self._limit_s = limit_s
        self._over_at_s: float | None = None

    def begun(self) -> bool:
        """Whether the process is to stop; the time for it runs from the first look."""
        if self._over_at_s is None and self._stop.is_set():
            self._over_at_s = time.monotonic() + self._limit_s
        return self._over_at_s is not None

    def left_s(self) -> float:
        """How much of the time is left; all of it before the process is to stop."""
        self.begun()
        if self._over_at_s is None:
            return self._limit_s
        return max(0.0, self._over_at_s - time.monotonic())

    def over(self) -> bool:
        """Whether the time is up."""
        return self.begun() and self.left_s() <= 0

    def wait(self, timeout_s: float) -> bool:
        """Wait so long, at most until the time is up; says whether it is."""
        deadline_s = time.monotonic() + timeout_s
        while not self.over():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            if not self.begun():
                self._stop.wait(left_s)
            else:
                time.sleep(min(left_s, self.left_s()))
        return True
