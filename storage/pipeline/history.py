"""The last five minutes in steps of five seconds: what was stored and accepted, and what waited."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from logmill.record import Lane
from storage.pipeline.producer import Look

log = structlog.get_logger()

STEP_S = 5.0
STEPS = 60
# The rate of what is accepted is taken over as much time as there are looks for, up to this.
RATE_S = 15.0
# Two looks that are closer together say nothing about a rate.
_LEAST_S = 0.5
_MAX_LOOKS = 64


@dataclass(frozen=True, slots=True)
class Step:
    """One step; None is not known.

    Attributes:
        stored: logs stored in it.
        accepted: logs that the producer accepted in it.
        waiting: messages that waited at its end, by lane.
    """

    stored: int | None = None
    accepted: int | None = None
    waiting: dict[str, int | None] = field(default_factory=dict)


class History:
    """The steps; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: deque[Step] = deque([Step()] * STEPS, maxlen=STEPS)
        self._stored: int | None = None
        self._accepted: int | None = None

    def step(self, stored: int, look: Look | None) -> None:
        """End a step.

        Args:
            stored: logs stored since the start.
            look: what the producer says now, None where it was not asked.
        """
        accepted = None if look is None else look.accepted
        waiting = {} if look is None else {lane.lane: lane.messages for lane in look.lanes}
        with self._lock:
            self._steps.append(Step(_difference(self._stored, stored), _difference(self._accepted, accepted), waiting))
            self._stored, self._accepted = stored, accepted

    def skip(self, steps: int) -> None:
        """Note steps that nobody ended: the machine slept, or had no time for us. What they had is in the next one."""
        with self._lock:
            self._steps.extend([Step()] * min(steps, STEPS))

    def shown(self) -> dict[str, Any]:
        """All steps as columns, oldest first; as many as there are in five minutes, also where none is known."""
        with self._lock:
            steps = list(self._steps)
        return {
            "step_s": int(STEP_S),
            "stored": [step.stored for step in steps],
            "accepted": [step.accepted for step in steps],
            "waiting": {str(lane): [step.waiting.get(lane) for step in steps] for lane in Lane},
        }


def _difference(before: int | None, now: int | None) -> int | None:
    """How much a counter grew; one that is smaller than before began anew."""
    if before is None or now is None:
        return None
    return now - before if now >= before else now


class Rate:
    """How fast a counter of the producer's grows, from the looks at it; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: deque[tuple[float, int]] = deque(maxlen=_MAX_LOOKS)

    def note(self, at_s: float, count: int | None) -> None:
        """What it was at this time, None where that is not known."""
        with self._lock:
            if count is None or (self._looks and count < self._looks[-1][1]):
                self._looks.clear()
            if count is not None:
                self._looks.append((at_s, count))

    def per_s(self) -> float | None:
        """The rate over the last RATE_S of what was noted; None where too little was."""
        with self._lock:
            if not self._looks:
                return None
            last_s, last = self._looks[-1]
            first_s, first = next(look for look in self._looks if look[0] >= last_s - RATE_S)
        return round((last - first) / (last_s - first_s), 3) if last_s - first_s >= _LEAST_S else None


class Sampler:
    """Calls `sample` at the end of each step on a thread of its own, and `skip` with steps that it missed."""

    def __init__(self, sample: Callable[[], None], skip: Callable[[int], None], step_s: float = STEP_S) -> None:
        self._sample = sample
        self._skip = skip
        self._step_s = step_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pipeline-history", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; not waited for, since it may be asking the producer, and holds nothing that must be let go."""
        self._closed.set()

    def _run(self) -> None:
        next_s = time.monotonic() + self._step_s
        while not self._closed.wait(max(0.0, next_s - time.monotonic())):
            missed = int((time.monotonic() - next_s) // self._step_s)
            if missed > 0:
                self._skip(missed)
            next_s += (max(0, missed) + 1) * self._step_s
            try:
                self._sample()
            except Exception:
                # Without its thread the history would stand still for good.
                log.exception("history step failed")
