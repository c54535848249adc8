"""Silence of a service that used to speak."""

from __future__ import annotations

from dataclasses import dataclass

from logmill.rules.detectors import Silence, seconds
from storage.alerting.detector import GRACE_US, MAX_FOUND, Held, Looked, Manner, narrowed
from storage.alerting.grouping import Grouping
from storage.alerting.spans import MINUTE_US, SECOND_US, Span
from storage.engine.protocol import Engine
from storage.search.filters import Filter
from storage.search.sql import condition
from storage.statements import statement

# Who spoke in fewer minutes than this has no habit.
LEAST_MINUTES = 20
# So many that fall silent at the same time, all there are, are one matter: it is the way to the store that is broken.
LEAST_ALL = 3
ALL = "*"


@dataclass(frozen=True, slots=True)
class Habit:
    """When a service spoke.

    Attributes:
        first_s: the first minute, in seconds since 1970-01-01 UTC.
        last_s: the last one.
        minutes: in how many.
        pause_s: the longest time from one to the next.
    """

    first_s: int
    last_s: int
    minutes: int
    pause_s: int


def silent_since(habit: Habit, now_s: int, at_least_s: int, factor: float, learn_s: int) -> int | None:
    """The second from which on a service's silence is longer than it ever was by itself; None where it is not.

    Args:
        habit: when it spoke.
        now_s: until when nothing else came.
        at_least_s: the shortest silence that counts.
        factor: how many times the longest pause it must be.
        learn_s: for how long it must have spoken.
    """
    if habit.minutes < LEAST_MINUTES or habit.last_s - habit.first_s < learn_s:
        return None
    # Minutes are known and not seconds: what stands between two neighbours is no pause.
    limit_s = max(at_least_s, factor * max(0, habit.pause_s - 60))
    since_s = int(habit.last_s + 60 + limit_s)
    return since_s if now_s >= since_s else None


class SilenceDetector(Manner):
    """A silence rule, compiled; see `Detector`. It is evaluated by the clock, and for now only: never of old logs."""

    def __init__(self, rule: Silence, wanted: Filter, group: Grouping) -> None:
        self.rule = rule
        self.fields = (group.name,)
        self.limit = f"no log for {rule.at_least} and {rule.factor:g} times the longest pause"
        self.every_us = MINUTE_US
        self.needs_calm = True
        self.needs_history = True
        self._wanted, self._group = wanted, group
        self._at_least_s, self._learn_s = seconds(rule.at_least), seconds(rule.learn)
        self._history_s = seconds(rule.history)

    def ready_us(self, end_us: int) -> int:
        """As `Detector.ready_us`: what is underway may still come."""
        return end_us + GRACE_US

    def look(self, engine: Engine, span: Span, _now_us: int) -> Looked:
        """As `Detector.look`, at the end of the span."""
        now_s = span[1] // SECOND_US
        where, params = condition(self._wanted)
        within = statement(
            "alerts", "within_named", start=statement("counts", "start_of_minute"), first="since", last="until"
        )
        params |= {"since": max(0, now_s - self._history_s), "until": max(0, now_s), "most": MAX_FOUND}
        table = engine.select(
            statement("alerts", "pauses", column=self._group.column, where=f"({where}) AND {within}"), params
        )
        silent: list[tuple[int, Held]] = []
        speaking = 0
        for row in table.to_pylist():
            habit = Habit(row["first_s"], row["last_s"], row["minutes"], row["pause_s"] or 0)
            since_s = silent_since(habit, now_s, self._at_least_s, self.rule.factor, self._learn_s)
            value = self._group.shown(row["value"])
            if since_s is not None and value:
                silent.append((habit.last_s, self._held(value, habit.last_s, since_s, span[1])))
            elif now_s - habit.last_s <= self._at_least_s:
                speaking += 1
        held = [one for _, one in silent] if speaking else self._brought_together(silent, span[1])
        return Looked(held, table.num_rows >= MAX_FOUND)

    def _brought_together(self, silent: list[tuple[int, Held]], now_us: int) -> list[Held]:
        """Where nobody speaks any more: those that ended together as one, and by itself who was silent before."""
        newest_s = max((last_s for last_s, _ in silent), default=0)
        together = [held for last_s, held in silent if newest_s - last_s <= self._at_least_s]
        if len(together) < LEAST_ALL:
            return [held for _, held in silent]
        before = [held for last_s, held in silent if newest_s - last_s > self._at_least_s]
        return [self._all(together, now_us), *before]

    def _held(self, value: str, last_s: int, since_s: int, now_us: int) -> Held:
        minutes = (now_us // SECOND_US - last_s) // 60
        return Held(
            group=(value,),
            start_us=since_s * SECOND_US,
            end_us=now_us,
            value=float(minutes),
            since_us=last_s * SECOND_US - 60 * MINUTE_US,
            summary=f"no log for {minutes} minutes",
            logs=self._group.filter(value),
            q=narrowed(self.rule.q, self._group.clause(value)),
        )

    def _all(self, silent: list[Held], now_us: int) -> Held:
        newest = max(silent, key=lambda held: held.start_us)
        return Held(
            group=(ALL,),
            start_us=newest.start_us,
            end_us=now_us,
            value=newest.value,
            since_us=newest.since_us,
            summary=f"no log of any of {len(silent)} services for {newest.value:g} minutes",
            logs=self._wanted,
            q=self.rule.q,
        )
