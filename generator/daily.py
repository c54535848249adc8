"""The curve of a day and a week: how much goes on at an hour, and how slow everything is then."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

# What people do in a shop at each hour (UTC), and on each day from Monday on; only the shape counts.
_HOURS = (5, 3, 2, 2, 2, 3, 5, 8, 11, 13, 14, 14, 15, 14, 13, 13, 14, 15, 17, 19, 20, 17, 12, 8)
_DAYS = (10, 10, 10, 10, 11, 8, 7)
_MEAN_HOUR, _MEAN_DAY = sum(_HOURS) / len(_HOURS), sum(_DAYS) / len(_DAYS)
_HOUR_S = 3600
# One day in so many is slow from morning to night, and by how much.
_SLOW_DAY_IN, _SLOW_DAY = 7, 2.5


def load(time_s: float) -> float:
    """How much goes on at this time, seconds since 1970-01-01 UTC; 1 on the average of a week."""
    moment = datetime.fromtimestamp(time_s, UTC)
    return _HOURS[moment.hour] / _MEAN_HOUR * _DAYS[moment.weekday()] / _MEAN_DAY


def slowness(time_s: float, seed: int) -> float:
    """By what durations are multiplied at this time: more where much goes on, and on some days all the time."""
    day = int(time_s // (24 * _HOUR_S))
    is_slow = Random(f"{seed}:{day}").randrange(_SLOW_DAY_IN) == 0  # noqa: S311 - no secret
    return (1.0 + max(0.0, load(time_s) - 1.0)) * (_SLOW_DAY if is_slow else 1.0)
