"""Times as text, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

_US_A_S = 1_000_000
_MILLISECONDS = tuple(f"{number:03d}" for number in range(1000))
_MICROSECONDS_UTC = tuple(f"{number:03d}Z" for number in range(1000))


def iso_times(times_us: Sequence[int]) -> list[str]:
    """Each as `2026-01-31T12:00:00.123456Z`. What they share, their second, is written once."""
    texts = []
    begin_us, end_us, second = 0, 0, ""
    for time_us in times_us:
        if not begin_us <= time_us < end_us:
            begin_us = time_us // _US_A_S * _US_A_S
            end_us = begin_us + _US_A_S
            second = f"{datetime.fromtimestamp(begin_us // _US_A_S, UTC):%Y-%m-%dT%H:%M:%S}."
        rest = time_us - begin_us
        texts.append(second + _MILLISECONDS[rest // 1000] + _MICROSECONDS_UTC[rest % 1000])
    return texts


def seconds_as(form: str, times_us: Sequence[int]) -> list[str]:
    """Each by a form of `strftime` that has no parts of seconds."""
    texts = []
    begin_us, end_us, text = 0, 0, ""
    for time_us in times_us:
        if not begin_us <= time_us < end_us:
            begin_us = time_us // _US_A_S * _US_A_S
            end_us = begin_us + _US_A_S
            text = datetime.fromtimestamp(begin_us // _US_A_S, UTC).strftime(form)
        texts.append(text)
    return texts
