"""How often flows must end well or badly so that levels come in the shares asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from generator.flows.catalogue import FLOWS, Flow, Outcome
from generator.flows.journey import Journey
from logmill.errors import ConfigError
from logmill.record import LEVELS

# What people see on an ordinary day.
DEFAULT_LEVELS: Mapping[str, float] = {"DEBUG": 20, "INFO": 60, "WARNING": 12, "ERROR": 7, "CRITICAL": 1}
_SAMPLES = 40


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each flow happens.

    Attributes:
        flows: those there are.
        weights: theirs, in sum 1.
        details_a_call: DEBUG logs for each call.
        logs_a_flow: how many logs a flow has on the average.
    """

    flows: tuple[Flow, ...]
    weights: tuple[float, ...]
    details_a_call: float
    logs_a_flow: float


@dataclass(frozen=True, slots=True)
class _Mean:
    """What flows of one outcome have on the average: logs by level, and calls."""

    levels: Mapping[str, float]
    calls: float


def mix_of(levels: Mapping[str, float], *, only_requests: bool = False) -> Mix:
    """The mix in which levels have these weights, among flows as they are: whatever ends badly begins well.

    Args:
        levels: weight by level; those that are left out have none.
        only_requests: whether only what the gateway answered counts; the flows are as often as otherwise.

    Raises:
        ConfigError: no mix has them, since logs of a level bring logs of others.
    """
    total = sum(levels.values())
    if total <= 0:
        raise ConfigError("--levels: the weights must not all be 0")
    share = {level: levels.get(level, 0.0) / total for level in LEVELS}
    means = {outcome: _mean_of(outcome) for outcome in Outcome}
    often: dict[Outcome, float] = {}
    # From the worst on: only flows that end as badly have logs of its level, and what else they have is spoken for.
    for outcome in reversed(Outcome):
        spoken_for = sum(often[worse] * means[worse].levels[outcome] for worse in often)
        often[outcome] = (share[outcome] - spoken_for) / means[outcome].levels[outcome]
        if often[outcome] < 0:
            raise ConfigError(
                f"--levels: too few of {outcome}: what is worse begins with it, so there are {spoken_for:.1%} at least"
            )
    flows_a_log = sum(often.values())
    if not flows_a_log:
        raise ConfigError("--levels: there must be others than DEBUG")
    calls = sum(often[outcome] * means[outcome].calls for outcome in Outcome)
    in_outcome = Counter[Outcome]()
    for flow in FLOWS:
        in_outcome[flow.outcome] += flow.weight  # type: ignore[assignment]
    return Mix(
        FLOWS,
        tuple(often[flow.outcome] / flows_a_log * flow.weight / in_outcome[flow.outcome] for flow in FLOWS),
        share["DEBUG"] / calls,
        1.0 if only_requests else 1 / flows_a_log,
    )


def _mean_of(outcome: Outcome) -> _Mean:
    """What the flows of this outcome log, told some times each; the same every time."""
    flows = [flow for flow in FLOWS if flow.outcome == outcome]
    weight = sum(flow.weight for flow in flows)
    levels = dict.fromkeys(LEVELS, 0.0)
    for flow in flows:
        journey = Journey(Random(0), users=1000)  # noqa: S311 - no secret
        journey.details_a_call = 1.0
        share = flow.weight / weight / _SAMPLES
        for _ in range(_SAMPLES):
            journey.begin(0)
            flow.tell(journey)
            for _time, _number, log in journey.logs:
                levels[log.level] += share
    # There was one for each call.
    calls, levels["DEBUG"] = levels["DEBUG"], 0.0
    return _Mean(levels, calls)
