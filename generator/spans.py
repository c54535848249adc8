"""When something happens: once or again and again, for a while; bursts and incidents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from generator.flows.incidents import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A while, which may come again. In whole microseconds, so that its ends are met exactly however often it came.

    Attributes:
        at_us: when it first begins, from the start.
        for_us: how long it lasts.
        every_us: from one begin to the next; 0 where it comes once.
    """

    at_us: int
    for_us: int
    every_us: int = 0

    def holds(self, time_us: int) -> bool:
        """Whether it is going on."""
        return 0 <= time_us - self._begin_us(time_us) < self.for_us

    def next_change_us(self, time_us: int) -> float:
        """When it next begins or ends after this time; infinite where never."""
        begin_us = self._begin_us(time_us)
        for change_us in (begin_us, begin_us + self.for_us):
            if change_us > time_us:
                return change_us
        return begin_us + self.every_us if self.every_us else math.inf

    def _begin_us(self, time_us: int) -> int:
        """When it last began; its first time where that is still to come."""
        if not self.every_us or time_us < self.at_us:
            return self.at_us
        return time_us - (time_us - self.at_us) % self.every_us


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

    def at(self, time_us: int) -> tuple[list[Some], float]:
        """Those that go on, and when that next changes (infinite: never)."""
        changes = [span.next_change_us(time_us) for span in self._spans]
        return [span for span in self._spans if span.holds(time_us)], min(changes, default=math.inf)
