"""The quick way from well-formed items to columns: a few passes over whole lists, no object a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from logmill.columns import Columns
from logmill.errors import Refused
from logmill.record import ARRIVAL, DEFAULT_SERVICE, DEFAULTED, LEVELS
from logmill.submitted import PLAIN_MESSAGE_CHARS, Limits, Submitted, known_level
from logmill.timestamps import MAX_US, MIN_US, to_us

_LEVELS = frozenset(LEVELS)
_BYTES_A_CHAR = 4
_RARE = {"client_id": "id", "trace_id": "trace_id", "span_id": "span_id", "host": "host", "file": "file"}


def plain_columns(items: Sequence[Submitted], limits: Limits, *, now_us: int, protocol: str) -> Columns | None:
    """The columns of these items, or None where one of them must be looked at by itself.

    Lengths of text are bounded by the types of `Submitted`; what is left to check is checked for all items at once.

    Args:
        items: as msgspec decoded and checked them.
        limits: what is too long.
        now_us: the event time of items without one.
        protocol: how they came in.
    """
    messages = [item.message for item in items]
    if UNSET in messages or limits.max_message_bytes < PLAIN_MESSAGE_CHARS * _BYTES_A_CHAR:
        return None
    metadata = [item.metadata for item in items]
    times = _times([item.timestamp for item in items], now_us)
    if times is None or not _are_objects(metadata, limits):
        return None
    services = [item.service for item in items]
    if "" in services:
        services = [service or DEFAULT_SERVICE for service in services]
    levels: list[Any] = [item.level for item in items]
    originals: Sequence[str] = ()
    levels_from: Sequence[str] = ()
    if not _LEVELS.issuperset(levels):
        known = {sent: known_level(sent) for sent in set(levels)}
        if None in known:
            levels_from = [DEFAULTED if sent is None else "" for sent in levels]
        levels, originals = [known[sent][0] for sent in levels], _or_none([known[sent][1] for sent in levels])
    rare = {name: _or_none([getattr(item, field) for item in items]) for name, field in _RARE.items()}
    return Columns(
        timestamp=times[0],
        level=levels,
        message=messages,  # type: ignore[arg-type]
        service=services,
        metadata=metadata,
        original_level=originals,
        protocol=[protocol] * len(items),
        timestamp_from=times[1],
        level_from=levels_from,
        **rare,
    )


def _or_none(values: list[str]) -> Sequence[str]:
    return values if any(values) else ()


def _are_objects(metadata: Sequence[Any], limits: Limits) -> bool:
    """Whether each is a JSON object on one line: msgspec let valid JSON through, so its first byte says the rest."""
    joined = b"\n" + b"\n".join(metadata)
    if len(joined) > limits.max_metadata_bytes and max(map(len, joined.split(b"\n"))) > limits.max_metadata_bytes:
        return False
    count = len(metadata)
    return joined.count(b"\n") == joined.count(b"\n{") == count and b"\r" not in joined


def _times(sent: Sequence[datetime | float | None], now_us: int) -> tuple[Sequence[float], Sequence[str]] | None:
    """The times, and what each is from, as `Columns` has them; None where one cannot be taken as it is."""
    try:
        times = [value.timestamp() * 1e6 for value in sent]  # type: ignore[union-attr]
    except AttributeError:  # numbers, or none at all
        return _mixed_times(sent, now_us)
    return (times, ()) if min(times) >= MIN_US and max(times) <= MAX_US else None


def _mixed_times(sent: Sequence[datetime | float | None], now_us: int) -> tuple[Sequence[float], Sequence[str]] | None:
    try:
        times = [now_us if value is None else to_us(value) for value in sent]
    except Refused:
        return None
    return times, _or_none([ARRIVAL if value is None else "" for value in sent])
