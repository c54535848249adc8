"""What was lost and what is in the way: counted, told on standard error at a bounded rate, and reported as a log."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# Between two lines on standard error about the same thing.
TELL_EVERY_S = 60.0
REPORT_EVERY_S = 10.0


class Loss(StrEnum):
    """Why logs are not in storage."""

    DROPPED = "dropped"
    REJECTED = "rejected"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Report:
    """What is to be logged of losses.

    Attributes:
        message: a sentence.
        members: the counts by name.
        counts: all that will have been reported then.
    """

    message: str
    members: dict[str, int]
    counts: dict[Loss, int]


def to_stderr(text: str) -> None:
    """Write a line, where there is somewhere to write it to."""
    stream = sys.stderr
    if stream is not None:  # as in a program without a console
        stream.write(f"logmill: {text}\n")


class Losses:
    """Counts by kind. Counting takes no time and never fails; telling is for Logmill's own threads.

    Args:
        tell: given each line for people; what it raises is passed over.
    """

    def __init__(self, tell: Callable[[str], object] = to_stderr) -> None:
        self._tell = tell
        # For several threads, and for a signal's handler that logs in the middle of this.
        self._lock = threading.RLock()
        self._counts = dict.fromkeys(Loss, 0)
        self._reported = dict.fromkeys(Loss, 0)
        self._told = dict.fromkeys(Loss, 0)
        self._reasons: dict[Loss, str] = {}
        self._told_s: dict[str, float] = {}
        self._reported_s = -REPORT_EVERY_S

    def count(self, loss: Loss, logs: int, reason: str) -> None:
        """Count logs that are lost for a reason in words."""
        with self._lock:
            self._counts[loss] += logs
            self._reasons[loss] = reason

    def of(self, loss: Loss) -> int:
        """How many so far."""
        return self._counts[loss]

    def tell(self, topic: str, text: str) -> bool:
        """Tell people, unless they were told of this topic a short while ago; whether they are told."""
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._told_s.get(topic, -TELL_EVERY_S) < TELL_EVERY_S:
                return False
            self._told_s[topic] = now_s
        # The application's own function, or a stream that somebody closed.
        with contextlib.suppress(Exception):
            self._tell(text)
        return True

    def forget(self, topic: str) -> None:
        """Have the next word on this topic told at once: it is over."""
        with self._lock:
            self._told_s.pop(topic, None)

    def tell_counts(self, *, at_last: bool = False) -> None:
        """Tell people of what was counted since they were told.

        Args:
            at_last: now, since there is no later.
        """
        for loss in Loss:
            with self._lock:
                count, told = self._counts[loss], self._told[loss]
                due = time.monotonic() - self._told_s.get(loss, -TELL_EVERY_S) >= TELL_EVERY_S
                if count == told or not (due or at_last):
                    continue
                self._told[loss] = count
                if at_last:
                    self.forget(loss)
            self.tell(loss, f"{_logs(count - told)} {loss}, {count:,} in all: {self._reasons[loss]}")

    def report(self) -> Report | None:
        """What to log of losses that were not reported yet; None where there are none, or the last was just before."""
        with self._lock:
            new = {loss: self._counts[loss] - self._reported[loss] for loss in Loss}
            if not any(new.values()) or time.monotonic() - self._reported_s < REPORT_EVERY_S:
                return None
            counts = dict(self._counts)
            parts = [f"{count:,} {loss} ({self._reasons[loss]})" for loss, count in new.items() if count]
        members = {f"lost.{loss}": count for loss, count in new.items()}
        return Report(f"{_logs(sum(new.values()))} of this process lost: {', '.join(parts)}", members, counts)

    def reported(self, report: Report) -> None:
        """It was logged."""
        with self._lock:
            self._reported = report.counts
            self._reported_s = time.monotonic()


def _logs(count: int) -> str:
    return f"{count:,} {'log' if count == 1 else 'logs'}"
