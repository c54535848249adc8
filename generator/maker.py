"""Makes one log for each moment at which one is due: flows of many users at once, incidents, slow hours."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from random import Random

from generator.agenda import Agenda
from generator.flows.catalogue import Tell
from generator.flows.journey import Journey
from generator.log import Item, Log, Made
from generator.mix import Mix
from generator.spans import Incident, Windows

# Of the logs that are due, so many are those of flows that begin at a steady pace. The rest are flows that begin
# whenever nothing else is due: the rate is exact, and flows do not come in waves.
_STEADY_SHARE = 0.9
# Where what is told lags behind, no flow begins until it has caught up: so many microseconds, and so many logs.
_MOST_LATE_US, _MOST_LATE_LOGS = 100_000, 20
# How long the curve of the day is taken as level.
_LEVEL_US = 60_000_000
# A flow may log nothing, as an alarm does among access logs.
_MOST_SILENT_FLOWS = 1000


class Maker:
    """Makes logs; the same ones for the same random numbers and moments, however the moments are grouped.

    Args:
        mix: which flows, and how often.
        journey: what tells them.
        rng: chooses between them.
        incidents: what goes wrong, and when.
        slowness: by what durations are multiplied at a time; asked once a minute.
        epoch_us: the time of moment 0, microseconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        mix: Mix,
        journey: Journey,
        rng: Random,
        *,
        incidents: Sequence[Incident] = (),
        slowness: Callable[[float], float] | None = None,
        epoch_us: int = 0,
    ) -> None:
        self._journey = journey
        journey.details_a_call = mix.details_a_call
        self._random = rng.random
        self._flows = mix.flows
        self._bounds = list(accumulate(mix.weights))[:-1]
        self._moments_a_flow = mix.logs_a_flow / _STEADY_SHARE
        self._until_flow = 0.0
        self._agenda = Agenda()
        self._windows = Windows(incidents)
        self._slowness = slowness
        self._change_us: float = -1
        self._instead: dict[str, Tell] = {}
        self._added: list[tuple[Tell, float]] = []
        self.epoch_us = epoch_us
        self._last_us = 0

    def make(self, moments_us: Iterable[int]) -> Made:
        """One log for each moment, microseconds since moment 0, ascending; none is later than its moment."""
        agenda, epoch_us = self._agenda, self.epoch_us
        near = agenda.near
        near_until_us = agenda.near_until_us
        until_flow = self._until_flow
        times_us: list[int] = []
        logs: list[Log] = []
        for now_us in moments_us:
            if now_us >= near_until_us:
                agenda.begin(now_us)
                near_until_us = agenda.near_until_us
            until_flow -= 1.0
            if until_flow <= 0.0 or not near or near[-1][0] < -now_us:
                until_flow = self._begin_flow(now_us, until_flow)
            time_us, _number, log = near.pop()
            times_us.append(epoch_us - time_us)
            logs.append(log)
        self._until_flow = until_flow
        return Made(times_us, logs)

    def _begin_flow(self, now_us: int, until_flow: float) -> float:
        """Begin a flow since nothing is due, or since its turn has come; then only where there is no backlog.

        Returns after how many moments it is the turn of the next one.
        """
        since_last_us = now_us - self._last_us
        self._last_us = now_us
        if until_flow <= 0.0:
            until_flow += self._moments_a_flow * (0.5 + self._random())
            near = self._agenda.near
            late_us = now_us + near[-1][0] if near else 0
            if late_us > max(_MOST_LATE_US, _MOST_LATE_LOGS * since_last_us / self._moments_a_flow):
                return until_flow
        for _ in range(_MOST_SILENT_FLOWS):
            items = self._tell(now_us)
            if items:
                # The first log of a flow is there when it is due; of access logs it comes at the end of the request.
                early_us = -items[0][0] - now_us
                if early_us:
                    items = [(time_us + early_us, number, log) for time_us, number, log in items]
                self._agenda.put(items)
                return until_flow
        raise RuntimeError("no flow logs anything")

    def _tell(self, now_us: int) -> list[Item]:
        if now_us >= self._change_us:
            self._look_around(now_us)
        journey = self._journey
        journey.begin(now_us)
        flow = self._flows[bisect(self._bounds, self._random())]
        tell = self._instead.get(flow.kind, flow.tell)
        for added, share in self._added:
            if self._random() < share:
                tell = added
        tell(journey)
        return journey.logs

    def _look_around(self, now_us: int) -> None:
        """See which incidents there are now, and how slow everything is."""
        running, change_us = self._windows.at(now_us)
        self._instead = {kind: tell for one in running for kind, tell in one.kind.instead.items()}
        self._added = [pair for one in running for pair in one.kind.added]
        if self._slowness is not None:
            self._journey.slowness = self._slowness((self.epoch_us + now_us // _LEVEL_US * _LEVEL_US) / 1e6)
            # By the minute, and not by when a flow happens to begin.
            change_us = min(change_us, (now_us // _LEVEL_US + 1) * _LEVEL_US)
        self._change_us = change_us
