"""Makes fields of messages that have a format of their own: JSON, logfmt, access logs, syslog, stack traces, …."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from logmill.record import ARRIVAL, DEFAULTED
from processor.parsing.found import Format, Found, free_name
from processor.parsing.joining import joined

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
    candidates = _candidates(frame["message"], formats)
    rows: list[int] = []
    changes: list[_Change] = []
    # A share at a time: what is read of it is gone before the next, so that memory stays small and near.
    for start in range(0, len(candidates), SHARE_ROWS):
        share = candidates.slice(start, SHARE_ROWS)
        found = _read_all(frame["message"].gather(share), received.gather(share), formats)
        share = share.gather(list(found))
        rows.extend(share.to_list())
        sent = zip(*(frame[name].gather(share) for name in _READ), strict=True)
        both = zip(found.values(), sent, strict=True)
        changes += [_change(name, one, facts, max_metadata_bytes) for (name, one), facts in both]
    if not rows:
        return frame
    columns = zip(_WRITTEN, zip(*changes, strict=True), strict=True)
    was_read = [row for row, change in zip(rows, changes, strict=True) if change[0] != NO_ROOM]
    frame = frame.with_columns(_replaced(frame["parsed_from"], was_read, frame["message"].gather(was_read).to_list()))
    return frame.with_columns(
        _replaced(frame[name], rows, values) for name, values in columns if any(value is not None for value in values)
    )


def _candidates(messages: pl.Series, formats: Sequence[Format]) -> pl.Series:
    """The rows that any format may be for. Most messages fail at their first letters, all formats in one pass."""
    anchored = [each.gate for each in formats if each.is_anchored]
    gates = [pl.col("message").str.contains(rf"\A(?:{'|'.join(anchored)})")] if anchored else []
    if any(each.has_lines for each in formats):
        gates.append(pl.col("message").str.contains("\n", literal=True))
    gates += [pl.col("message").str.contains(each.gate) for each in formats if not (each.is_anchored or each.has_lines)]
    if not gates:
        return pl.Series(dtype=pl.UInt32)
    return messages.to_frame("message").select(pl.any_horizontal(gates)).to_series().arg_true()


def _read_all(messages: pl.Series, received: pl.Series, formats: Sequence[Format]) -> dict[int, tuple[str, Found]]:
    """What is in these messages and within what they wrap, and the name of the outer format, by place, in order."""
    found = _read_each(messages, received, formats)
    # What is wrapped is opened once, and after that the stack trace in what it was.
    for is_quoted in (False, True):
        opened = [
            place for place, (_name, one) in found.items() if one.inner is not None and one.is_quoted == is_quoted
        ]
        if not opened:
            continue
        others = [each for each in formats if (each.has_lines if is_quoted else not each.is_envelope)]
        inner = pl.Series([found[place][1].inner for place in opened], dtype=pl.String)
        for index, (_name, one) in _read_each(inner, received.gather(opened), others).items():
            name, envelope = found[opened[index]]
            found[opened[index]] = (name, one.within(envelope))
    return dict(sorted(found.items()))


def _read_each(messages: pl.Series, received: pl.Series, formats: Sequence[Format]) -> dict[int, tuple[str, Found]]:
    """What is in these messages themselves."""
    found: dict[int, tuple[str, Found]] = {}
    left = pl.int_range(len(messages), dtype=pl.UInt32, eager=True)
    for each in formats:
        if left.is_empty():
            break
        gate = rf"\A(?:{each.gate})" if each.is_anchored else each.gate
        hits = left.filter(messages.gather(left).str.contains(gate))
        if hits.is_empty():
            continue
        read = each.read(messages.gather(hits), received.gather(hits))
        new = {place: (each.name, one) for place, one in zip(hits, read, strict=True) if one}
        found |= new
        left = left.filter(~left.is_in(list(new)))
    return found


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
    text = joined(metadata, fields, max_metadata_bytes) if fields else metadata
    if text is None:
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
