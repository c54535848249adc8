"""Accepted logs as lists, one a field: the form in which they cross the broker.

A thousand records are a dozen lists here instead of a thousand objects, which is most of what taking them costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
from msgspec import Raw

from logmill.record import Entry

REQUIRED = ("timestamp", "level", "message", "service", "metadata")
# A list of one of these is empty where no record of it has one.
OPTIONAL = (
    "original_level",
    "client_id",
    "trace_id",
    "span_id",
    "host",
    "file",
    "protocol",
    "timestamp_from",
    "level_from",
    "tag",
)


class Columns(msgspec.Struct, frozen=True, omit_defaults=True):
    """Records as columns; the fields are those of `Entry`, the record's place is its index.

    Attributes:
        timestamp: event times, microseconds since 1970-01-01 UTC; a float means the integer next to it.
        level: one of LEVELS each.
        message: texts.
        service: who sent each.
        metadata: JSON objects, none with a line break in it.
        original_level: as in `Entry`; empty where it is "" throughout, as are those below.
        client_id: as in `Entry`.
        trace_id: as in `Entry`.
        span_id: as in `Entry`.
        host: as in `Entry`.
        file: as in `Entry`.
        protocol: as in `Entry`.
        timestamp_from: as in `Entry`.
        level_from: as in `Entry`.
        tag: as in `Entry`.
    """

    timestamp: Sequence[float]
    level: Sequence[str]
    message: Sequence[str]
    service: Sequence[str]
    metadata: Sequence[Raw | bytes]
    original_level: Sequence[str] = ()
    client_id: Sequence[str] = ()
    trace_id: Sequence[str] = ()
    span_id: Sequence[str] = ()
    host: Sequence[str] = ()
    file: Sequence[str] = ()
    protocol: Sequence[str] = ()
    timestamp_from: Sequence[str] = ()
    level_from: Sequence[str] = ()
    tag: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.timestamp)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Columns:
        """The columns of these records."""
        lists = {name: [getattr(entry, name) for entry in entries] for name in Entry.__struct_fields__}
        return cls(**{name: values for name, values in lists.items() if name in REQUIRED or any(values)})

    def take(self, indexes: Sequence[int]) -> Columns:
        """The records at these places, in this order."""
        lists = ((name, getattr(self, name)) for name in _NAMES)
        return Columns(**{name: [values[i] for i in indexes] for name, values in lists if values})

    def rows(self) -> list[Entry]:
        """One object a record; for looking at them, not for the hot path."""
        return [Entry(**self._row(index)) for index in range(len(self))]

    def _row(self, index: int) -> dict[str, Any]:
        lists = ((name, getattr(self, name)) for name in _NAMES)
        row = {name: values[index] for name, values in lists if values}
        metadata = row["metadata"]
        row["timestamp"] = round(row["timestamp"])
        row["metadata"] = Raw(metadata) if isinstance(metadata, bytes) else metadata
        return row


_NAMES = REQUIRED + OPTIONAL


def concat(parts: Sequence[Columns]) -> Columns:
    """The records of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    columns = {}
    for name in _NAMES:
        lists = [getattr(part, name) for part in parts]
        if any(lists):
            filled = (values or [""] * len(part) for values, part in zip(lists, parts, strict=True))
            columns[name] = list(chain.from_iterable(filled))
    return Columns(**columns)
