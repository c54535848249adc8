"""Threshold rules: a number over the logs of a search, in windows of time, against a limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from logmill.record import URGENT_LEVELS
from logmill.rules.detectors import Threshold, seconds
from storage.alerting.conditions import Condition, Part
from storage.alerting.detector import GRACE_US, MAX_FOUND, Held, Looked, Manner, narrowed
from storage.alerting.grouping import Grouping
from storage.alerting.spans import SECOND_US, Span
from storage.engine.protocol import Engine, Value
from storage.search.filters import And, Between, Bounds, Filter
from storage.search.sql import condition
from storage.statements import statement

# A window begins at each step; a burst that is a step shorter than the window lies in one as a whole.
STEPS = 10
_ROWS = 20_000
# The function of each measure, and its parameters.
_FUNCTIONS = {
    "count": ("count", ""),
    "distinct": ("uniqExactIf", ""),
    "error_share": ("avg", ""),
    "sum": ("sumOrNull", ""),
    "avg": ("avgOrNull", ""),
    "min": ("minOrNull", ""),
    "max": ("maxOrNull", ""),
    "p95": ("quantileOrNull", "(0.95)"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """Windows one after the other of which a condition holds.

    Attributes:
        first: the number of the step at which the first ends.
        last: the same of the last.
        value: the largest, or where the condition asks for little, the smallest.
    """

    first: int
    last: int
    value: float


def runs(edges: Iterable[tuple[int, float]], least_steps: int, *, wants_little: bool = False) -> list[Run]:
    """Windows that follow one another, brought together.

    Args:
        edges: the step at which each window ends and its value, those of which the condition holds.
        least_steps: how long a run has to be; 0 for any.
        wants_little: whether the smallest value is the worst.
    """
    ordered = enumerate(sorted(edges))
    found = []
    for _, together in groupby(ordered, key=lambda pair: pair[1][0] - pair[0]):
        windows = [edge for _, edge in together]
        values = [value for _, value in windows]
        run = Run(windows[0][0], windows[-1][0], min(values) if wants_little else max(values))
        if run.last - run.first >= least_steps:
            found.append(run)
    return found


class ThresholdDetector(Manner):
    """A threshold rule, compiled; see `Detector`.

    Args:
        rule: as in the file.
        wanted: its search.
        when: its condition.
        groups: the fields it groups by.
        measured: by name, the fields that the condition measures.
    """

    def __init__(
        self,
        rule: Threshold,
        wanted: Filter,
        when: Condition,
        groups: Sequence[Grouping],
        measured: dict[str, Grouping],
    ) -> None:
        self.rule = rule
        self.fields = tuple(group.name for group in groups)
        self.limit = f"{when.text} within {rule.window}"
        self._wanted, self._when, self._groups, self._measured = wanted, when, groups, measured
        self._window_us = seconds(rule.window) * SECOND_US
        self._step_us = self._window_us // STEPS
        self._least_steps = 0 if rule.lasting is None else -(-seconds(rule.lasting) * SECOND_US // self._step_us)
        self._is_clocked = when.holds_of_nothing
        self.every_us = self._step_us if self._is_clocked else 0
        self.reach_us = self._window_us + self._least_steps * self._step_us
        lasting_us = self._least_steps * self._step_us
        is_told_at_once = self._is_clocked or (when.only_grows and not lasting_us)
        self.follow_us: tuple[int, ...] = () if is_told_at_once else (*filter(None, (lasting_us,)), self.reach_us)
        self.needs_calm = self._is_clocked
        self.needs_all = not when.only_grows

    def ready_us(self, end_us: int) -> int:
        """As `Detector.ready_us`: at once where more logs could change nothing."""
        return 0 if self._when.only_grows else end_us + GRACE_US

    def look(self, engine: Engine, span: Span, now_us: int) -> Looked:
        """As `Detector.look`."""
        until_us = now_us if self._when.only_grows else now_us - GRACE_US
        first = span[0] // self._step_us - self._least_steps
        # A span that lies ahead of the clock is looked at until its end.
        last = min(
            -(-(span[1] + self.reach_us) // self._step_us),
            max(-(-span[1] // self._step_us), -(-until_us // self._step_us)),
        )
        found: dict[tuple[str, ...], dict[int, list[float | None]]]
        if self._is_clocked:
            found, is_cut = {(): self._all_windows(engine, first, span[1] // self._step_us)}, False
        else:
            found, is_cut = self._windows(engine, first, last)
        held = []
        for group, edges in found.items():
            holding = [(edge, values[0] or 0.0) for edge, values in edges.items() if self._when.holds(values)]
            wants_little = self._when.parts[0].sign in {"<", "<="}
            held += [
                self._held(group, run, now_us) for run in runs(holding, self._least_steps, wants_little=wants_little)
            ]
        return Looked(held, is_cut)

    def _all_windows(self, engine: Engine, first: int, last: int) -> dict[int, list[float | None]]:
        """The values of each window without groups, also of those that no log lies in."""
        nothing = [0.0 if part.measure in {"count", "distinct", "sum"} else None for part in self._when.parts]
        found = dict.fromkeys(range(first + 1, last + 1), nothing)
        # With fewer windows than rows that are read none is left out, which would pass for one without logs.
        most = _ROWS - 1
        for start in range(first, last, most):
            found |= self._windows(engine, start, min(start + most, last))[0].get((), {})
        return found

    def _windows(
        self, engine: Engine, first: int, last: int
    ) -> tuple[dict[tuple[str, ...], dict[int, list[float | None]]], bool]:
        """The values of each group's windows, by the step at which they end."""
        times = Between(
            "timestamp", Bounds(first * self._step_us - self._window_us, last * self._step_us, with_high=False)
        )
        where, params = condition(And((times, self._wanted)))
        params |= {"step_us": self._step_us, "steps": STEPS, "first_edge": first, "last_edge": last, "most": _ROWS}
        groups, names = "", ""
        for number, group in enumerate(self._groups):
            sql, bound = group.text_sql(f"g{number}p")
            groups += f"{sql} AS g{number}, "
            names += f"g{number}, "
            params |= bound
        states, measures, having = [], [], []
        for number, part in enumerate(self._when.parts):
            sql, bound = self._state(part, f"m{number}p")
            states.append(f"{sql} AS s{number}")
            function, parameters = _FUNCTIONS[part.measure]
            sql = statement("alerts", "measure", function=function, parameters=parameters, state=f"s{number}")
            measures.append(f"{sql} AS m{number}")
            params |= bound
            if not self._is_clocked:
                params[f"limit{number}"] = part.limit
                having.append(
                    statement("alerts", "compared", value=f"m{number}", sign=part.sign, bound=f"limit{number}")
                )
        sql = statement(
            "alerts",
            "windows",
            groups=groups,
            names=names,
            states=", ".join(states),
            measures=", ".join(measures),
            where=where,
            having=" AND ".join(having) or "1",
        )
        found: dict[tuple[str, ...], dict[int, list[float | None]]] = defaultdict(dict)
        table = engine.select(sql, params)
        for row in table.to_pylist():
            key = tuple(group.shown(row[f"g{number}"]) for number, group in enumerate(self._groups))
            # Logs without the field are no group.
            if "" not in key and (key in found or len(found) < MAX_FOUND):
                found[key][row["edge"]] = [row[f"m{number}"] for number in range(len(self._when.parts))]
        return found, table.num_rows >= _ROWS

    def _state(self, part: Part, names: str) -> tuple[str, dict[str, Value]]:
        """What is kept of each step for a comparison, and what that binds under names that begin so."""
        if part.measure == "count":
            return statement("alerts", "state_count"), {}
        if part.measure == "error_share":
            return statement("alerts", "state_error_share"), {"errors": URGENT_LEVELS}
        field = self._measured[part.field]
        if part.measure == "distinct":
            sql, params = field.text_sql(names)
            return statement("alerts", "state_distinct", text=sql), params
        sql, params = field.number_sql(names)
        function, parameters = _FUNCTIONS[part.measure]
        return statement("alerts", "state_number", function=function, parameters=parameters, number=sql), params

    def _held(self, group: tuple[str, ...], run: Run, now_us: int) -> Held:
        clauses = [field.clause(value) for field, value in zip(self._groups, group, strict=True)]
        filters = [field.filter(value) for field, value in zip(self._groups, group, strict=True)]
        # It began to hold within the last step of its first window; that may not be over yet.
        start_us = (run.first - 1) * self._step_us
        end_us = min(run.last * self._step_us, max(now_us, start_us + self._step_us))
        part = self._when.parts[0]
        shown = f"{run.value * 100:.0f} %" if part.measure == "error_share" else f"{run.value:g}"
        name = f"{part.measure}({part.field})" if part.field else part.measure
        return Held(
            group=group,
            start_us=start_us,
            end_us=end_us,
            value=run.value,
            since_us=run.first * self._step_us - self._window_us,
            summary=f"{name} {shown} within {self.rule.window}, the limit is {part.text}",
            logs=And((self._wanted, *filters)),
            q=narrowed(self.rule.q, *clauses),
        )
