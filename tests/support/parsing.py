"""Runs the parsing stage over messages as they come from the broker, and shows what became of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl
from msgspec import Raw

from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.parsing.formats import formats_of
from logmill.record import ARRIVAL, DEFAULTED, Entry
from logmill.rules.ruleset import load
from logmill.wire import Batch
from processor.columns import to_frame
from processor.redaction.torn import SECRETS
from processor.stages.parsing import parse

RECEIVED_US = 1_800_000_000_000_000
MAX_METADATA_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Parsed:
    """A log after the stage."""

    parsed_as: str
    message: str
    level: str
    metadata: dict[str, Any]
    time_us: int
    host: str


def entry(message: str, metadata: str = "{}", **more: Any) -> Entry:
    """A log of which the sender said no more than this."""
    return Entry(
        **(
            {"timestamp": RECEIVED_US, "timestamp_from": ARRIVAL, "level_from": "" if "level" in more else DEFAULTED}
            | more
        ),
        message=message,
        metadata=Raw(metadata.encode()),
    )


def frame_of(*entries: Entry) -> pl.DataFrame:
    """Their raw columns."""
    return to_frame([Batch(new_batch_id(), RECEIVED_US, Columns.of(entries))])


def parsed(*entries: Entry, rules: str = "", max_metadata_bytes: int = MAX_METADATA_BYTES) -> list[Parsed]:
    """Each log after the stage, with the rules of the file at this path."""
    frame = parse(frame_of(*entries), formats_of(load(rules), SECRETS), max_metadata_bytes)
    columns = frame.select(
        "parsed_as", "message", pl.col("level").cast(pl.String), "metadata", pl.col("timestamp").to_physical(), "host"
    )
    return [Parsed(*row[:3], json.loads(row[3]), *row[4:]) for row in columns.iter_rows()]


def one(message: str, metadata: str = "{}", *, rules: str = "", **more: Any) -> Parsed:
    """One log after the stage."""
    (found,) = parsed(entry(message, metadata, **more), rules=rules)
    return found
