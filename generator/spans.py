"""When something happens: once or again and again, for a while; bursts and incidents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from generator.flows.incidents import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A while, which may come again.

    Attributes:
        at_s: when it first begins, from the start.
        for_s: how long it lasts.
        every_s: from one begin to the next; infinite where it comes once.
    """

    at_s: float
    for_s: float
    every_s: float = math.inf

    def holds(self, time_s: float) -> bool:
        """Whether it is going on."""
        since_s = time_s - self.at_s
        return since_s >= 0 and math.fmod(since_s, self.every_s) < self.for_s

    def next_change_s(self, time_s: float) -> float:
        """When it next begins or ends after this time; infinite where never."""
        since_s = time_s - self.at_s
        if since_s < 0:
            return self.at_s
        round_ = 0.0 if math.isinf(self.every_s) else since_s // self.every_s
        begin_s = self.at_s + (round_ * self.every_s if round_ else 0.0)
        candidates = (begin_s + self.for_s, begin_s + self.every_s, begin_s + self.every_s + self.for_s)
        return min((at_s for at_s in candidates if at_s > time_s), default=math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst(Span):
    """A while in which the rate is multiplied by `factor`."""

    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident(Span):
    """A while in which something goes wrong."""

    kind: Kind


Some = TypeVar("Some", bound=Span)


class Windows(Generic[Some]):
    """Several of them, asked together."""

    def __init__(self, spans: Sequence[Some]) -> None:
        self._spans = spans

    def at(self, time_s: float) -> tuple[list[Some], float]:
        """Those that go on, and when that next changes (infinite: never)."""
        changes = [span.next_change_s(time_s) for span in self._spans]
        return [span for span in self._spans if span.holds(time_s)], min(changes, default=math.inf)
