"""Makes detectors of the rules of a rules file; what is wrong with one is an error that names its file and line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from logmill.errors import InvalidField
from logmill.rules.detectors import Burst, NewPattern, Silence, Spike, Threshold, seconds
from logmill.rules.detectors import Detector as Rule
from logmill.rules.ruleset import Placed
from storage.alerting import conditions
from storage.alerting.bursts import BurstDetector
from storage.alerting.detector import Detector
from storage.alerting.grouping import Grouping, grouping_of
from storage.alerting.patterns import MAX_AT_LEAST, Known, NewPatternDetector
from storage.alerting.silences import SilenceDetector
from storage.alerting.spikes import SpikeDetector
from storage.alerting.thresholds import ThresholdDetector
from storage.search import lucene
from storage.search.filters import And, AnyOf, Between, Filter, Not, Or

_DAY_S = 86_400
_WINDOWS_S = (10, _DAY_S)
_HISTORY_S = 28 * _DAY_S


def compiled(rules: Iterable[Placed[Rule]], known: Known, now_us: int) -> list[Detector]:
    """A detector of each rule, in their order.

    Args:
        rules: as in the file.
        known: where rules about new patterns note those they have decided on.
        now_us: now.

    Raises:
        ConfigError: a rule's search, field, condition or duration cannot be what it is.
    """
    return [_detector(placed, known, now_us) for placed in rules]


def _detector(placed: Placed[Rule], known: Known, now_us: int) -> Detector:
    rule = placed.rule
    wanted = _filter(placed, now_us)
    _check_duration(placed, "resolve_after", 1, 7 * _DAY_S)
    match rule:
        case Threshold():
            return _threshold(placed, rule, wanted)
        case Burst():
            _check_duration(placed, "window", *_WINDOWS_S)
            return BurstDetector(rule, wanted)
        case Spike():
            _check_duration(placed, "bucket", 60, 3 * 3600)
            if seconds(rule.bucket) % 60 or _DAY_S % seconds(rule.bucket):
                raise placed.error(f"bucket must be minutes that divide a day, not {rule.bucket}", "bucket")
            _check_duration(placed, "learn", seconds(rule.bucket), 7 * _DAY_S)
            _check_duration(placed, "history", 3600, _HISTORY_S)
            return SpikeDetector(rule, wanted, _column(placed, rule.group_by))
        case Silence():
            _check_duration(placed, "at_least", 60, 7 * _DAY_S)
            _check_duration(placed, "learn", 60, _HISTORY_S)
            _check_duration(placed, "history", 3600, _HISTORY_S)
            return SilenceDetector(rule, wanted, _column(placed, rule.group_by))
        case NewPattern():
            if rule.at_least > MAX_AT_LEAST:
                raise placed.error(f"at_least must be at most {MAX_AT_LEAST}", "at_least")
            _check_duration(placed, "window", 1, _DAY_S)
            _check_duration(placed, "learn", 0, _HISTORY_S)
            return NewPatternDetector(rule, wanted, known)


def _threshold(placed: Placed[Rule], rule: Threshold, wanted: Filter) -> ThresholdDetector:
    _check_duration(placed, "window", *_WINDOWS_S)
    if rule.lasting is not None:
        _check_duration(placed, "for", 1, _DAY_S, rule.lasting)
    try:
        when = conditions.parse(rule.when)
    except ValueError as error:
        raise placed.error(str(error), "when") from None
    groups = [_grouping(placed, name, "group_by") for name in rule.group_by]
    if groups and when.holds_of_nothing:
        raise placed.error("holds where there are no logs, of which nobody knows the group: leave out group_by", "when")
    measured = {part.field: _grouping(placed, part.field, "when") for part in when.parts if part.field}
    for part in when.parts:
        if part.field and part.measure != "distinct" and not measured[part.field].is_number:
            raise placed.error(f"{part.field} is no number", "when")
    return ThresholdDetector(rule, wanted, when, groups, measured)


def _filter(placed: Placed[Rule], now_us: int) -> Filter:
    try:
        wanted = lucene.parse(placed.rule.q, now_us)
    except InvalidField as error:
        raise placed.error(str(error), "q") from None
    if _is_about_time(wanted):
        raise placed.error("q must not ask for a time: the detector does", "q")
    return wanted


def _is_about_time(wanted: Filter) -> bool:
    match wanted:
        case And(parts) | Or(parts):
            return any(_is_about_time(part) for part in parts)
        case Not(part):
            return _is_about_time(part)
        case Between(column) | AnyOf(column):
            return column in {"timestamp", "received_at", "processed_at"}
        case _:
            return False


def _grouping(placed: Placed[Rule], name: str, part: str) -> Grouping:
    try:
        return grouping_of(name)
    except ValueError as error:
        raise placed.error(str(error), part) from None


def _column(placed: Placed[Rule], name: str) -> Grouping:
    found = _grouping(placed, name, "group_by")
    if not found.column:
        raise placed.error(f"{name!r} is a part of the metadata, by which there is no history", "group_by")
    return found


def _check_duration(placed: Placed[Rule], name: str, least_s: int, most_s: int, value: str | None = None) -> None:
    text = cast("str", getattr(placed.rule, name)) if value is None else value
    if not least_s <= seconds(text) <= most_s:
        raise placed.error(f"{name} must be from {least_s} s to {most_s // 3600} h, not {text}", name)
