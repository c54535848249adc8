"""One item as a client should send it, and the `Entry` that it becomes when its values are in bounds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from logmill.errors import InvalidField
from logmill.record import ARRIVAL, DEFAULT_LEVEL, DEFAULT_SERVICE, DEFAULTED, LEVEL_SYNONYMS, Entry, Lane
from logmill.settings import Settings
from logmill.timestamps import to_us

MAX_LABEL_BYTES = 256
MAX_ID_BYTES = 512
MAX_FILE_BYTES = 4096
EMPTY_OBJECT = Raw(b"{}")
EMPTY = "an empty log: it names no field with a value"

# Fields that few clients set, and how many bytes each may have.
_SHORT_FIELDS = {
    "id": MAX_ID_BYTES,
    "trace_id": MAX_ID_BYTES,
    "span_id": MAX_ID_BYTES,
    "host": MAX_LABEL_BYTES,
    "file": MAX_FILE_BYTES,
}


# Up to here no length needs a look: a character has four bytes of UTF-8 at most.
PLAIN_MESSAGE_CHARS = 64 * 1024
_Label = Annotated[str, Meta(max_length=MAX_LABEL_BYTES // 4)]


class Submitted(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An item as clients should send it; what does not fit is looked at by `logmill.coerce`.

    Lengths and zones are part of the types, so that msgspec checks them while it decodes.
    """

    level: str | int | None = None
    message: Annotated[str, Meta(max_length=PLAIN_MESSAGE_CHARS)] | UnsetType = UNSET
    service: _Label = DEFAULT_SERVICE
    metadata: Raw = EMPTY_OBJECT
    timestamp: Annotated[datetime, Meta(tz=True)] | int | float | None = None
    id: _Label = ""
    trace_id: _Label = ""
    span_id: _Label = ""
    host: _Label = ""
    file: Annotated[str, Meta(max_length=MAX_FILE_BYTES // 4)] = ""  # paths in containers are long


class SubmittedWithLane(Submitted, forbid_unknown_fields=True, gc=False):
    """The same with the lane that it asks for; a type of its own, so that nobody else pays for the field.

    What `logmill.coerce` made may hold any value here: `lane_of` checks it where it counts.
    """

    lane: Lane | None = None


class Limits(msgspec.Struct, frozen=True):
    """How much is taken: items of a body, bytes of a record's message and metadata."""

    max_batch_records: int = 50_000
    max_message_bytes: int = 1024 * 1024
    max_metadata_bytes: int = 256 * 1024

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the settings name."""
        return cls(settings.max_batch_records, settings.max_message_bytes, settings.max_metadata_bytes)


def entry_of(item: Submitted, limits: Limits, now_us: int, protocol: str) -> Entry:
    """The record of one item.

    Args:
        item: what was sent.
        limits: what is too long.
        now_us: the event time where the item has none.
        protocol: how it came in.

    Raises:
        InvalidField: a value is out of bounds; names the field.
    """
    message = item.message
    if message is UNSET:
        message = ""
    check_length("message", message, limits.max_message_bytes)
    check_length("service", item.service, MAX_LABEL_BYTES)
    for field, limit in _SHORT_FIELDS.items():
        check_length(field, getattr(item, field), limit)
    level, original = known_level(item.level)
    return Entry(
        timestamp=now_us if item.timestamp is None else to_us(item.timestamp),
        level=level,
        message=message,
        service=item.service or DEFAULT_SERVICE,
        metadata=one_line_object(item.metadata, limits),
        original_level=original,
        client_id=item.id,
        trace_id=item.trace_id,
        span_id=item.span_id,
        host=item.host,
        file=item.file,
        protocol=protocol,
        timestamp_from=ARRIVAL if item.timestamp is None else "",
        level_from=DEFAULTED if item.level is None else "",
    )


def lane_of(item: Submitted) -> Lane | None:
    """The lane that an item asks for.

    Raises:
        InvalidField: there is no such lane.
    """
    return known_lane(item.lane) if isinstance(item, SubmittedWithLane) else None


def known_lane(sent: object) -> Lane | None:
    """The lane of this name; None for None.

    Raises:
        InvalidField: there is no such lane.
    """
    if sent is None or isinstance(sent, Lane):
        return sent
    try:
        return Lane(sent)  # type: ignore[arg-type]
    except ValueError:
        raise InvalidField("lane", f"lane must be one of {', '.join(Lane)}") from None


def known_level(sent: str | int | None) -> tuple[str, str]:
    """One of LEVELS and "", or the default level and what was sent: an unknown level never costs a log."""
    if sent is None:
        return DEFAULT_LEVEL, ""
    text = str(sent).strip()
    level = LEVEL_SYNONYMS.get(text.upper())
    return (level, "") if level else (DEFAULT_LEVEL, text[: MAX_LABEL_BYTES // 4])


def check_length(field: str, text: str, limit_bytes: int) -> None:
    """Refuse text that is too long in UTF-8.

    Raises:
        InvalidField: names the field and both lengths.
    """
    size = len(text.encode())
    if size > limit_bytes:
        raise InvalidField(field, f"{field} is {size} bytes long, {limit_bytes} at most", code="too_long")


def one_line_object(raw: Raw, limits: Limits) -> Raw:
    """The JSON object as it was sent, but without line breaks, since the wire form has one record a line.

    Raises:
        InvalidField: it is no object, or too long.
    """
    text = bytes(raw)
    if len(text) > limits.max_metadata_bytes:
        message = f"metadata is {len(text)} bytes long, {limits.max_metadata_bytes} at most"
        raise InvalidField("metadata", message, code="too_long")
    if not text.startswith(b"{"):
        if text == b"null":
            return EMPTY_OBJECT
        raise InvalidField("metadata", "metadata must be a JSON object")
    if b"\n" in text or b"\r" in text:
        return Raw(msgspec.json.format(text, indent=-1))
    return raw
