"""Points in time as people type them: ISO 8601, Unix time, or relative to now (`15m`, `now-1h`, `now`)."""

from __future__ import annotations

import re

from logmill.errors import InvalidField
from logmill.timestamps import MAX_US, MIN_US, to_us

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RELATIVE = re.compile(
    r"(?:now(?:(?P<sign>[+-])(?P<of_now>\d{1,9})(?P<unit>[smhdw]))?|(?P<ago>\d{1,9})(?P<ago_unit>[smhdw]))"
)


def time_us(text: str, now_us: int, field: str) -> int:
    """Microseconds since 1970-01-01 UTC.

    Args:
        text: `15m` is fifteen minutes before now; units are s, m, h, d and w.
        now_us: now.
        field: named in the error.

    Raises:
        InvalidField: it is no time.
    """
    found = _RELATIVE.fullmatch(text.strip())
    if found is None:
        try:
            return to_us(text, field)
        except InvalidField as error:
            raise InvalidField(field, f"{error}; or from now on back: 15m, now-1h") from None
    if found["ago"]:
        shift_s = -int(found["ago"]) * _SECONDS[found["ago_unit"]]
    elif found["sign"]:
        shift_s = int(f"{found['sign']}{found['of_now']}") * _SECONDS[found["unit"]]
    else:
        shift_s = 0
    result = now_us + shift_s * 1_000_000
    if not MIN_US <= result <= MAX_US:
        raise InvalidField(field, f"{field} is outside the years 1900 to 2200")
    return result
