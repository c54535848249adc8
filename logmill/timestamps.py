"""Event times as people send them, turned into microseconds since 1970-01-01 UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from logmill.errors import InvalidField

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# The store's time type starts in 1900. It ends in 2299, but a double, in which times travel, has room for the
# microseconds only up to 2255, and for those of a time in seconds, which is how they are computed, up to 2242.
MIN_US = (datetime(1900, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_US = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND

# An epoch number's unit follows from its size: 1e11 seconds lie in the year 5138, 1e11 milliseconds in 1973.
_SECONDS_BELOW, _MILLISECONDS_BELOW, _MICROSECONDS_BELOW = 1e11, 1e14, 1e17
_HELP = "use ISO 8601 (2026-01-31T12:00:00Z) or Unix time in s, ms, us or ns, between the years 1900 and 2200"


def now_us() -> int:
    """The time now."""
    return time.time_ns() // 1000


def to_us(value: datetime | float | str, field: str = "timestamp") -> int:
    """Microseconds since 1970-01-01 UTC; a time without a zone is taken as UTC.

    Args:
        value: a datetime, an epoch number (its unit follows from its size), or text of either.
        field: named in the error.

    Raises:
        InvalidField: where it is no time, or outside 1900 to 2200.
    """
    if isinstance(value, datetime):
        result = datetime_to_us(value)
    elif isinstance(value, str):
        result = _text_to_us(value.strip(), field)
    else:
        result = _number_to_us(value)
    if not MIN_US <= result <= MAX_US:
        raise InvalidField(field, f"{field} is outside the years 1900 to 2200; {_HELP}")
    return result


def datetime_to_us(value: datetime) -> int:
    """The same for a datetime alone, without the check of its range."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - EPOCH) // MICROSECOND


def time_text(us: int) -> str:
    """ISO 8601 in UTC with microseconds, as in 2026-01-31T12:00:00.000000Z."""
    return (EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number_to_us(value: float) -> int:
    size = abs(value)
    if size < _SECONDS_BELOW:
        return round(value * 1_000_000)
    if size < _MILLISECONDS_BELOW:
        return round(value * 1000)
    if size < _MICROSECONDS_BELOW:
        return round(value)
    if size < _MICROSECONDS_BELOW * 1000:
        return int(value) // 1000
    return MAX_US + 1


def _text_to_us(text: str, field: str) -> int:
    try:
        return datetime_to_us(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    try:
        return _number_to_us(int(text) if text.lstrip("+-").isdigit() else float(text))
    except (ValueError, OverflowError):
        raise InvalidField(field, f"{field} is no time: {text[:64]!r}; {_HELP}") from None
