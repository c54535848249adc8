"""One item as a client should send it, and the `Entry` that it becomes when its values are in bounds."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, Raw, UnsetType

from logmill.errors import InvalidField, Refused
from logmill.record import DEFAULT_LEVEL, DEFAULT_SERVICE, LEVEL_SYNONYMS, Entry
from logmill.settings import Settings
from logmill.timestamps import MAX_US, MIN_US, datetime_to_us, to_us

MAX_LABEL_BYTES = 256
EMPTY_OBJECT = Raw(b"{}")
_OPENING_BRACE = ord("{")

# Fields that few clients set, and how many bytes each may have.
_SHORT_FIELDS = {"id": 512, "trace_id": 512, "span_id": 512, "host": MAX_LABEL_BYTES, "file": 4096}


class Submitted(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An item as clients should send it; what does not fit is looked at by `logmill.coerce`."""

    level: str | int = DEFAULT_LEVEL
    message: str | UnsetType = UNSET
    service: str = DEFAULT_SERVICE
    metadata: Raw = EMPTY_OBJECT
    timestamp: datetime | int | float | None = None
    id: str = ""
    trace_id: str = ""
    span_id: str = ""
    host: str = ""
    file: str = ""


_NOTHING = Submitted()


class Limits(msgspec.Struct, frozen=True):
    """How much is taken: items of a body, bytes of a record's message and metadata."""

    max_batch_records: int = 50_000
    max_message_bytes: int = 1024 * 1024
    max_metadata_bytes: int = 256 * 1024

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that the settings name."""
        return cls(settings.max_batch_records, settings.max_message_bytes, settings.max_metadata_bytes)


def entry_of(item: Submitted, limits: Limits, now_us: int, protocol: str, *, multiline: bool = True) -> Entry:
    """The record of an item; runs once a record on the hot path.

    Args:
        item: what was sent.
        limits: what is too long.
        now_us: the event time where the item has none.
        protocol: how it came in.
        multiline: whether the body may have line breaks within an item; False saves looking for them in each.

    Raises:
        InvalidField: a value is out of bounds; names the field.
        Refused: nothing is set at all.
    """
    message = item.message
    if message is UNSET:
        if item == _NOTHING:
            raise Refused("an empty object is no log", code="empty")
        message = ""
    elif len(message) * 4 > limits.max_message_bytes:
        check_length("message", message, limits.max_message_bytes)
    if item.id or item.trace_id or item.span_id or item.host or item.file:
        for field, limit in _SHORT_FIELDS.items():
            check_length(field, getattr(item, field), limit)
    service = item.service
    if len(service) * 4 > MAX_LABEL_BYTES:
        check_length("service", service, MAX_LABEL_BYTES)
    level, original = item.level, ""
    if level not in _LEVELS:
        level, original = _known_level(level)
    # Positional: keyword arguments of eleven fields cost a third of this function.
    return Entry(
        now_us if item.timestamp is None else _event_time_us(item.timestamp),
        level,
        message,
        service or DEFAULT_SERVICE,
        item.metadata if item.metadata is EMPTY_OBJECT else one_line_object(item.metadata, limits, multiline=multiline),
        original,
        item.id,
        item.trace_id,
        item.span_id,
        item.host,
        item.file,
        protocol,
    )


_LEVELS = frozenset(LEVEL_SYNONYMS.values())


def _known_level(sent: str | int) -> tuple[str, str]:
    """One of LEVELS and "", or the default level and what was sent: an unknown level never costs a log."""
    text = str(sent).strip()
    level = LEVEL_SYNONYMS.get(text.upper())
    return (level, "") if level else (DEFAULT_LEVEL, text[: MAX_LABEL_BYTES // 4])


def _event_time_us(sent: datetime | float) -> int:
    if type(sent) is datetime:
        timestamp = datetime_to_us(sent)
        if MIN_US <= timestamp <= MAX_US:
            return timestamp
    return to_us(sent)


def check_length(field: str, text: str, limit_bytes: int) -> None:
    """Refuse text that is too long in UTF-8.

    Raises:
        InvalidField: names the field and both lengths.
    """
    size = len(text.encode())
    if size > limit_bytes:
        raise InvalidField(field, f"{field} is {size} bytes long, {limit_bytes} at most", code="too_long")


def one_line_object(raw: Raw, limits: Limits, *, multiline: bool = True) -> Raw:
    """The JSON object as it was sent, but without line breaks, since the wire form has one record a line.

    Raises:
        InvalidField: it is no object, or too long.
    """
    view = memoryview(raw)
    if len(view) > limits.max_metadata_bytes:
        message = f"metadata is {len(view)} bytes long, {limits.max_metadata_bytes} at most"
        raise InvalidField("metadata", message, code="too_long")
    if view[0] != _OPENING_BRACE:
        if bytes(view) == b"null":
            return EMPTY_OBJECT
        raise InvalidField("metadata", "metadata must be a JSON object")
    if multiline:
        text = bytes(view)
        if b"\n" in text or b"\r" in text:
            return Raw(msgspec.json.format(text, indent=-1))
    return raw
