"""Far more logs, or a far larger share of errors, than the same service had before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from logmill.record import URGENT_LEVELS
from logmill.rules.detectors import Spike, seconds
from storage.alerting.detector import GRACE_US, MAX_FOUND, Held, Looked, Manner, narrowed
from storage.alerting.grouping import Grouping
from storage.alerting.robust import Usual, usual_count, usual_share
from storage.alerting.spans import DAY_US, HOUR_US, SECOND_US, Span, ceil_to, floor_to
from storage.engine.protocol import Engine, Value
from storage.search.filters import And, Filter
from storage.search.sql import condition
from storage.statements import statement

# What went just before is compared too: so far back at least.
TRAILING_US = 3 * HOUR_US
# On days before, the same time of the day and so many buckets on either side.
BESIDE = 2
# Fewer days say nothing about what is usual at a time of day.
LEAST_DAYS = 3
# Of one query: the history of so many groups is asked for at a time as surely fit.
MAX_ROWS = 100_000
_LAST_S = (1 << 32) - 1

# Errors and logs of each bucket, by its number.
Counts = Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Unusual:
    """A bucket that has far more than is usual.

    Attributes:
        bucket: its number.
        value: what it has: logs, or the share of errors.
        usual: the middle of what it was compared with.
        score: how unusual it is; the smaller where it was compared with two histories.
    """

    bucket: int
    value: float
    usual: float
    score: float


def unusual(counts: Counts, bucket: int, days: int, rule: Spike, width_us: int) -> Unusual | None:
    """Whether a bucket has far more than its service had before; None where it has not, or too little is known.

    It is compared with the hours before it and, once there are LEAST_DAYS days, with the most that each of those days
    had at about the same time: a median over the season, as in Hochenbaum, Vallis and Kejariwal, "Automatic Anomaly
    Detection in the Cloud Via Statistical Learning" (2017). It has to be unusual beside both: what comes every day at
    this time is usual, and so is a new level after half of the hours that are looked at.

    Args:
        counts: errors and logs of each bucket that has any, this one among them.
        bucket: its number.
        days: how many days back the counts go.
        rule: what is far more.
        width_us: the length of a bucket.
    """
    rank = _share if rule.measure == "error_share" else _logs
    errors, logs = counts.get(bucket, (0, 0))
    if (logs if rule.measure == "count" else errors) < rule.at_least:
        return None
    known = [number for number in counts if number < bucket]
    learn = ceil_to(seconds(rule.learn) * SECOND_US, width_us) // width_us
    if not known or bucket - min(known) < learn:
        return None
    first = min(known)
    trailing = range(max(first, bucket - trailing_us(rule) // width_us), bucket)
    histories = [[counts.get(number, (0, 0)) for number in trailing]]
    day = DAY_US // width_us
    middles = [bucket - back * day for back in range(1, days + 1) if bucket - back * day - BESIDE >= first]
    if len(middles) >= LEAST_DAYS:
        around = range(-BESIDE, BESIDE + 1)
        histories.append([max((counts.get(at + by, (0, 0)) for by in around), key=rank) for at in middles])
    value = float(logs) if rule.measure == "count" else errors / logs
    found = None
    for history in histories:
        usual = _usual(history, logs, rule)
        score = usual.score(value)
        if score < rule.score or value < rule.factor * usual.middle:
            return None
        if found is None or score < found.score:
            found = Unusual(bucket, value, usual.middle, score)
    return found


def _logs(counted: tuple[int, int]) -> float:
    return counted[1]


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1] if counted[1] else 0.0


def _usual(history: list[tuple[int, int]], logs: int, rule: Spike) -> Usual:
    return usual_count([logs for _, logs in history]) if rule.measure == "count" else usual_share(history, logs)


def trailing_us(rule: Spike) -> int:
    """How much of what went just before is compared."""
    return max(TRAILING_US, seconds(rule.learn) * SECOND_US)


class SpikeDetector(Manner):
    """A spike rule, compiled; see `Detector`."""

    def __init__(self, rule: Spike, wanted: Filter, group: Grouping) -> None:
        self.rule = rule
        self.fields = (group.name,)
        what = "logs" if rule.measure == "count" else "a share of errors"
        self.limit = f"{what} of {rule.factor:g} times the usual and a score of {rule.score:g} within {rule.bucket}"
        self.needs_all = rule.measure == "error_share"
        self.needs_history = True
        self._wanted, self._group = wanted, group
        self._width_us = seconds(rule.bucket) * SECOND_US
        self._days = max(0, seconds(rule.history) * SECOND_US // DAY_US)

    def ready_us(self, end_us: int) -> int:
        """As `Detector.ready_us`: once the bucket is over."""
        return ceil_to(end_us, self._width_us) + GRACE_US

    def look(self, engine: Engine, span: Span, _now_us: int) -> Looked:
        """As `Detector.look`."""
        width_us = self._width_us
        first, last = floor_to(span[0], width_us) // width_us, ceil_to(span[1], width_us) // width_us
        values = self._worth_a_look(engine, first, last)
        held, is_cut = [], len(values) >= MAX_FOUND
        at_a_time = max(1, (MAX_ROWS - 1) // self._buckets(first, last))
        for at in range(0, len(values), at_a_time):
            groups = self._counts(engine, first, last, values[at : at + at_a_time])
            if groups is None:
                # A part of a history would make usual logs unusual.
                is_cut = True
                continue
            for value, counts in groups.items():
                for bucket in range(first, last):
                    found = unusual(counts, bucket, self._days, self.rule, width_us) if bucket in counts else None
                    if found is not None:
                        held.append(self._held(value, found))
        return Looked(held, is_cut)

    def _spans(self, first: int, last: int) -> list[Span]:
        """The buckets from `first` to before `last`, and those to compare with."""
        day = DAY_US // self._width_us
        before = [(first - back * day - BESIDE, last - back * day + BESIDE) for back in range(1, self._days + 1)]
        return [(first - trailing_us(self.rule) // self._width_us, last), *before]

    def _buckets(self, first: int, last: int) -> int:
        """How many buckets a group may have in them."""
        return sum(end - begin for begin, end in self._spans(first, last))

    def _worth_a_look(self, engine: Engine, first: int, last: int) -> list[str]:
        """The groups that have as much as the rule asks for in a bucket from `first` to before `last`."""
        counted, params = self._counted([(first, last)])
        measured = "logs" if self.rule.measure == "count" else "errors"
        sql = statement("alerts", "groups_with_enough", counted=counted, measured=measured)
        found: list[str] = engine.select(
            sql, {**params, "at_least": self.rule.at_least, "most": MAX_FOUND}
        ).to_pydict()["value"]
        return found

    def _counts(
        self, engine: Engine, first: int, last: int, values: list[str]
    ) -> dict[str, dict[int, tuple[int, int]]] | None:
        """Errors and logs of these groups' buckets and of those to compare with; None where that is too much."""
        among = statement("alerts", "is_one_of", column=self._group.column)
        counted, params = self._counted(self._spans(first, last), among)
        params |= {"values": values, "most": MAX_ROWS}
        table = engine.select(statement("alerts", "by_bucket", counted=counted), params)
        if table.num_rows >= MAX_ROWS:
            return None
        found: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
        for row in table.to_pylist():
            found[self._group.shown(row["value"])][row["bucket"]] = (row["errors"], row["logs"])
        found.pop("", None)
        return found

    def _counted(self, spans: list[Span], *others: str) -> tuple[str, dict[str, Value]]:
        """The query for errors and logs of each group's buckets within any of these spans, and what it binds."""
        width_us = self._width_us
        where, params = condition(self._wanted)
        start = statement("counts", "start_of_minute")
        parts = []
        for number, (begin, end) in enumerate(spans):
            names = {"first": f"from{number}", "last": f"to{number}"}
            parts.append(statement("alerts", "within_named", start=start, **names))
            params |= {names["first"]: _second(begin * width_us), names["last"]: _second(end * width_us)}
        sql = statement(
            "alerts",
            "counted_by_bucket",
            column=self._group.column,
            moment=statement("counts", "bucket_of_start", start=start),
            where=" AND ".join(f"({part})" for part in (where, " OR ".join(parts), *others)),
        )
        return sql, {**params, "start_us": 0, "width_us": width_us, "errors": URGENT_LEVELS}

    def _held(self, value: str, found: Unusual) -> Held:
        start_us = found.bucket * self._width_us
        clauses = [self._group.clause(value)]
        if self.rule.measure == "count":
            summary = f"{found.value:g} logs within {self.rule.bucket}, usual are {found.usual:g}"
        else:
            summary = f"{found.value * 100:.0f} % errors within {self.rule.bucket}, usual are {found.usual * 100:.1f} %"
            clauses.append(f"level:({' OR '.join(URGENT_LEVELS)})")
        return Held(
            group=(value,),
            start_us=start_us,
            end_us=start_us + self._width_us,
            value=found.value,
            since_us=start_us,
            summary=summary,
            logs=And((self._wanted, self._group.filter(value))),
            q=narrowed(self.rule.q, *clauses),
        )


def _second(time_us: int) -> int:
    return min(max(time_us // SECOND_US, 0), _LAST_S)
