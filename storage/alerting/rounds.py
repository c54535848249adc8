"""One rule in one round of the evaluation, and how a rule is doing over all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from storage.alerting.spans import MINUTE_US

# A rule is given so much time in each round, however much it has to look at.
ROUND_S = 5.0
# Errors overtake other logs behind a backlog, so while logs are late shares and the like are judged so much later.
LATE_US = 30 * MINUTE_US


@dataclass(frozen=True, slots=True)
class Status:
    """How a rule is doing.

    Attributes:
        evaluated_us: when it was evaluated last; None for never since the start.
        duration_s: how long that took.
        evaluations: how often, since the start.
        failures: how often in vain.
        error: why the last time, None where that went well.
        is_cut: whether the last time there was more than could be looked at.
        is_behind: whether it has still to look at more, or waits for logs that are late.
    """

    evaluated_us: int | None = None
    duration_s: float = 0.0
    evaluations: int = 0
    failures: int = 0
    error: str | None = None
    is_cut: bool = False
    is_behind: bool = False


@dataclass(slots=True)
class Round:
    """One rule in one round."""

    now_us: int
    is_late: bool = False
    start_s: float = field(default_factory=time.monotonic)
    did: int = 0
    is_cut: bool = False

    @property
    def seen_us(self) -> int:
        """Until when all logs are taken to be there."""
        return self.now_us - LATE_US if self.is_late else self.now_us

    @property
    def is_over(self) -> bool:
        """Whether the next rule is to have its turn."""
        return time.monotonic() - self.start_s > ROUND_S
