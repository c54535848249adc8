"""What comes of the events of one file: a piece of a request's body, and what is counted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

# What the level of a record is called, in counts, that the processors have yet to find.
UNKNOWN_LEVEL = "unknown"


class Source(msgspec.Struct, frozen=True):
    """Where events come from; the same for all of a file.

    Attributes:
        path: of the file, as records name it; "-" for standard input.
        service: what records of it are said to be of.
        host: where the file lies.
    """

    path: str
    service: str
    host: str


class Fault(msgspec.Struct, frozen=True):
    """An event that is not as it should be; it is sent as plain text all the same.

    Attributes:
        reason: in words.
        sample: the start of it, at most 200 characters.
    """

    reason: str
    sample: str


class Made(msgspec.Struct, frozen=True):
    """What came of events, in their order.

    Attributes:
        body: NDJSON as the producer takes it, each record ended by a line feed; empty where none is left.
        count: records in it.
        filtered: events that a filter left out.
        levels: how many records are of each level; UNKNOWN_LEVEL: those of which only a processor can tell, or none.
        formats: how many were recognised as each format.
        tags: how many have each tag.
        fault_count: events with a fault.
        faults: the first few of them.
    """

    body: bytes
    count: int
    filtered: int = 0
    levels: Mapping[str, int] = {}
    formats: Mapping[str, int] = {}
    tags: Mapping[str, int] = {}
    fault_count: int = 0
    faults: Sequence[Fault] = ()
