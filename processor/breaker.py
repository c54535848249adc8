"""Stops a lane from which mostly dead letters come, so that a bad release does not empty the queues into them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import structlog

from logmill.record import Lane
from logmill.settings import Settings

log = structlog.get_logger()

LONGEST_PAUSE_S = 300.0
# After a pause so many messages are tried before the lane is trusted again.
TRIAL_MESSAGES = 10


@dataclass(slots=True)
class _LaneState:
    """What the breaker knows of one lane."""

    outcomes: deque[bool]
    paused_until_s: float = 0.0
    failures: int = 0
    # Messages that were taken since the pause, and what became of them.
    taken: int = 0
    trial: list[bool] = field(default_factory=list)


class Breaker:
    """A circuit breaker a lane: closed, open (paused), or half open (on trial). One thread uses it.

    It opens when more than `breaker_share` of the lane's newest `breaker_messages` messages became dead letters, and
    closes when most of a trial of TRIAL_MESSAGES is good. A failed trial doubles the pause, up to LONGEST_PAUSE_S.
    The paused messages stay in the broker.

    Args:
        settings: those in force.
        clock: seconds that never go back.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = settings.breaker_share
        self._first_pause_s = settings.breaker_pause_s
        self._clock = clock
        self._lanes = {lane: _LaneState(deque(maxlen=settings.breaker_messages)) for lane in Lane}

    def open_lanes(self) -> frozenset[Lane]:
        """The lanes from which messages may be taken now."""
        now_s = self._clock()
        return frozenset(lane for lane, state in self._lanes.items() if self._may_take(state, now_s))

    def took(self, lane: Lane) -> None:
        """Note that a message of this lane was taken; its outcome is to be told by `settled` or `gave_back`."""
        self._lanes[lane].taken += 1

    def gave_back(self) -> None:
        """Note that messages went back to the broker without an outcome: trials begin anew."""
        for state in self._lanes.values():
            state.taken, state.trial = 0, []

    def settled(self, lane: Lane, *, dead: bool) -> None:
        """Note what became of a message."""
        state = self._lanes[lane]
        if not state.failures:
            state.outcomes.append(dead)
            if len(state.outcomes) == state.outcomes.maxlen and self._is_bad(state.outcomes):
                self._pause(lane, state)
        elif state.taken:  # else it was taken before the pause
            state.trial.append(dead)
            if len(state.trial) == state.taken:
                self._judge(lane, state)

    @property
    def paused(self) -> dict[Lane, float]:
        """The lanes from which nothing is taken, and for how many seconds more; one on trial is not among them."""
        now_s = self._clock()
        return {
            lane: state.paused_until_s - now_s
            for lane, state in self._lanes.items()
            if state.failures and now_s < state.paused_until_s
        }

    @property
    def state(self) -> str:
        """Ready, as "ready", or in a few words which lanes are paused."""
        paused = ", ".join(f"{lane} (next trial in {left_s:.0f} s)" for lane, left_s in self.paused.items())
        return f"paused, since most of what arrives is dead: {paused}" if paused else "ready"

    @staticmethod
    def _may_take(state: _LaneState, now_s: float) -> bool:
        return not state.failures or (now_s >= state.paused_until_s and state.taken < TRIAL_MESSAGES)

    def _is_bad(self, outcomes: Collection[bool]) -> bool:
        return sum(outcomes) > self._share * len(outcomes)

    def _judge(self, lane: Lane, state: _LaneState) -> None:
        """End the trial where it must fail or is complete; else it goes on with the next messages."""
        if sum(state.trial) > self._share * TRIAL_MESSAGES:
            self._pause(lane, state)
        elif len(state.trial) >= TRIAL_MESSAGES:
            state.failures = 0
            log.info("lane is taken from again", lane=str(lane))

    def _pause(self, lane: Lane, state: _LaneState) -> None:
        pause_s = min(self._first_pause_s * 2**state.failures, LONGEST_PAUSE_S)
        state.failures += 1
        state.outcomes.clear()
        state.taken, state.trial = 0, []
        state.paused_until_s = self._clock() + pause_s
        log.error("lane paused: most of what arrives is dead", lane=str(lane), pause_s=pause_s)
