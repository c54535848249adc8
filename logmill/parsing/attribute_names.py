"""The names of metadata of which columns are made, and which of them are names for the same thing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import msgspec

# Names under which people send them, the first that is set wins; a name that is missing here stays metadata only.
STATUS_NAMES = ("status_code", "http_status", "status")
TIME_NAMES = ("response_time_ms", "response_time", "duration_ms")
TEXT_NAMES = ("method", "path", "user_id", "request_id", "error_code")
TRACE_NAMES = ("trace_id", "span_id")
NAMES = STATUS_NAMES + TIME_NAMES + TEXT_NAMES + TRACE_NAMES
FIRST_STATUS, LAST_STATUS = 1, 999


def is_status(number: float) -> bool:
    """Whether a status can be this."""
    return FIRST_STATUS <= number <= LAST_STATUS and number == int(number)


# Names for one thing, in the order in which they are looked for, and what makes a value one that counts.
_SAME = ((STATUS_NAMES, is_status), (TIME_NAMES, math.isfinite))
_ORDERED = frozenset(name for names, _is_valid in _SAME for name in names)


def overruling(own: Mapping[str, msgspec.Raw], names: Iterable[str]) -> frozenset[str]:
    """Those of these names whose value would take the place of what own members say under another name.

    Args:
        own: members that came first, by name.
        names: of members that are to be added.
    """
    if _ORDERED.isdisjoint(own) or _ORDERED.isdisjoint(names):
        return frozenset()
    found: set[str] = set()
    for same, is_valid in _SAME:
        place = next((place for place, name in enumerate(same) if name in own and _counts(own[name], is_valid)), 0)
        found.update(same[:place])
    return frozenset(found.intersection(names))


def _counts(raw: msgspec.Raw, is_valid: Callable[[float], bool]) -> bool:
    try:
        value = msgspec.json.decode(raw)
        return isinstance(value, str | int | float) and not isinstance(value, bool) and is_valid(float(value))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        return False
