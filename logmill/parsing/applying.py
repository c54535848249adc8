"""Makes fields of the messages of a block of logs that have a format of their own: JSON, syslog, stack traces, …."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from logmill.parsing.found import Format, Found, free_name
from logmill.parsing.joining import joined
from logmill.parsing.reading import candidates, read_all
from logmill.record import ARRIVAL, DEFAULTED

# What `parsed_as` says of a record that stayed as it was because its metadata has no room.
NO_ROOM = "no_room"
_READ = ("level", "metadata", "level_from", "timestamp_from", "host")
_WRITTEN = ("parsed_as", "message", "metadata", "level", "timestamp", "host")
SHARE_ROWS = 1000
# The values of a row for the columns of _WRITTEN, None for those that stay.
_Change = tuple[str, str | None, str | None, str | None, int | None, str | None]


def parse(frame: pl.DataFrame, formats: Sequence[Format], max_metadata_bytes: int) -> pl.DataFrame:
    """Read fields out of messages into `metadata`, and add `parsed_as`: the name of the format, or "".

    `parsed_from` is the message as it came where it was taken apart, else null.

    The first format that fits is taken. What a sender said stays: metadata gets members behind its own; level, time and
    host are set where none was sent. What is read and has no such place is a member too. A record whose metadata would
    become too long stays as it was, and `parsed_as` is NO_ROOM.

    Args:
        frame: raw columns.
        formats: in the order in which they are tried.
        max_metadata_bytes: how long metadata may be in UTF-8.
    """
    frame = frame.with_columns(parsed_as=pl.lit(""), parsed_from=pl.lit(None, dtype=pl.String))
    received = frame["received_at"].to_physical()
    places = candidates(frame["message"], formats)
    rows: list[int] = []
    changes: list[_Change] = []
    # A share at a time: what is read of it is gone before the next, so that memory stays small and near.
    for start in range(0, len(places), SHARE_ROWS):
        share = places.slice(start, SHARE_ROWS)
        found = read_all(frame["message"].gather(share), received.gather(share), formats)
        share = share.gather(list(found))
        rows.extend(share.to_list())
        sent = zip(*(frame[name].gather(share) for name in _READ), strict=True)
        both = zip(found.values(), sent, strict=True)
        changes += [_change(name, one, facts, max_metadata_bytes) for (name, one), facts in both]
    if not rows:
        return frame
    columns = zip(_WRITTEN, zip(*changes, strict=True), strict=True)
    # What gave a time alone is in no parts that redaction would have to look at together.
    was_read = [row for row, change in zip(rows, changes, strict=True) if change[1:3] != (None, None)]
    if was_read:
        whole = frame["message"].gather(was_read).to_list()
        frame = frame.with_columns(_replaced(frame["parsed_from"], was_read, whole))
    return frame.with_columns(
        _replaced(frame[name], rows, values) for name, values in columns if any(value is not None for value in values)
    )


def _change(name: str, found: Found, facts: tuple[str, str, str, str, str], max_metadata_bytes: int) -> _Change:
    """The new values of a row whose values of _READ are these `facts`."""
    level, metadata, level_from, timestamp_from, host = facts
    level_is_free, time_is_free = level_from == DEFAULTED, timestamp_from == ARRIVAL
    fields = found.fields
    if found.level and found.level != level and not level_is_free:
        _add(fields, found.level_field)
    if found.time_us is not None and not time_is_free:
        _add(fields, found.time_field)
    if host and found.host and found.host != host:
        _add(fields, found.host_field)
    text = joined(metadata, fields, max_metadata_bytes) if fields else None
    if fields and text is None:
        return (NO_ROOM, None, None, None, None, None)
    return (
        name,
        found.message,
        text,
        found.level or None if level_is_free else None,
        found.time_us if time_is_free else None,
        None if host else found.host or None,
    )


def _add(fields: dict[str, Any], member: tuple[str, Any] | None) -> None:
    if member is not None:
        fields[free_name(fields, member[0])] = member[1]


def _replaced(column: pl.Series, rows: Sequence[int], values: Sequence[Any]) -> pl.Series:
    """The column with those of these values in these rows that are not None."""
    new = pl.Series(values, dtype=pl.Int64).cast(column.dtype) if column.dtype.is_temporal() else values
    both = pl.concat([column, pl.Series(column.name, new, dtype=column.dtype)])
    places = [
        old if value is None else place
        for place, (old, value) in enumerate(zip(rows, values, strict=True), len(column))
    ]
    index = pl.int_range(len(column), dtype=pl.UInt32, eager=True)
    return both.gather(index.scatter(rows, pl.Series(places, dtype=pl.UInt32)))
