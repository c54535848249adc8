"""Processed logs as JSON (POST /logs) turned into a block: intake's checks, and defaults for what a processor adds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa

from logmill import intake
from logmill.coerce import malformed, mend_surrogates, names_level
from logmill.errors import InvalidField, Refused
from logmill.ids import log_id, parse_log_id
from logmill.intake import Limits
from logmill.record import COLUMNS, PRIORITY_OF_LEVEL, SEVERITY_CLASSES, SEVERITY_OF_LEVEL, UNSTORED, Entry, Kind
from logmill.submitted import MAX_LABEL_BYTES, check_length
from logmill.timestamps import to_us
from storage.blocks import SCHEMA

_MALFORMED = (msgspec.DecodeError, RecursionError)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Processed(msgspec.Struct, frozen=True):
    """What a processor adds to a log; None where the sender leaves it to us."""

    processed_at: str | int | float | None = None
    processor_id: str | None = None
    priority: str | None = None
    severity: int | None = None
    severity_class: str | None = None
    anomaly: bool | None = None
    anomaly_reasons: list[str] | None = None
    tags: list[str] | None = None
    fingerprint: str | None = None
    original_level: str | None = None
    status_code: int | None = None
    response_time_ms: float | None = None
    method: str | None = None
    path: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    error_code: str | None = None


class _Source(msgspec.Struct, frozen=True):
    """Where it was written, and how it came in."""

    host: str
    file: str
    protocol: str


class _Returned(msgspec.Struct, frozen=True):
    """What only a log that storage gave out says, as GET /logs and exports show it."""

    client_id: str = ""
    source: _Source | None = None


_RETURNED = ("client_id", "source")
_MAX_CLIENT_ID_BYTES = 512
_returned = msgspec.json.Decoder(_Returned).decode
# How a log came in that does not say it.
_PROTOCOL = "http"
# Given back by GET /logs, and ours to say when a log is posted again.
_IGNORED = frozenset({"received_at"})
# What a 32-bit float holds; beyond it there is only infinity, which JSON cannot say.
_MOST_F32 = 3.4028235e38
RANGES: dict[str, tuple[float, float]] = {
    "severity": (0, 100),
    "status_code": (0, 65535),
    "response_time_ms": (-_MOST_F32, _MOST_F32),
}


class Submission(msgspec.Struct, frozen=True):
    """A body's logs as a block.

    Attributes:
        table: the rows.
        ids: their ids, in the order of the body.
        has_given_ids: whether the sender named any of them, so that it may be stored already.
    """

    table: pa.Table
    ids: list[str]
    has_given_ids: bool


def read(body: bytes, limits: Limits, *, batch_id: UUID, now_us: int) -> Submission:
    """The block of a body that is one log, an array of logs, or NDJSON.

    Args:
        body: UTF-8 JSON.
        limits: what is too much.
        batch_id: for the logs that name no id of ours.
        now_us: when they were received.

    Raises:
        Refused: names the field, and in a list the item; nothing of the body is taken then.
    """
    intake.check_utf8(body)
    items = _items(body)
    if not items:
        raise Refused("the body holds no logs", code="empty")
    if len(items) > limits.max_batch_records:
        raise Refused(
            f"{len(items)} logs in one request, {limits.max_batch_records} at most", code="too_many", status=413
        )
    columns: dict[str, list[Any]] = {column.name: [] for column in COLUMNS}
    ids = []
    has_given_ids = False
    for index, item in enumerate(items):
        try:
            entry, processed, returned = _split(item, limits, now_us)
            row = _row(entry, processed, returned, batch_id, index, now_us)
        except Refused as error:
            if len(items) == 1:
                raise
            message = f"item {index}: {error}"
            raise Refused(message, code=error.code, field=error.field, status=error.status) from None
        has_given_ids = has_given_ids or row["batch_id"] != batch_id.bytes
        ids.append(log_id(UUID(bytes=row["batch_id"]), row["ordinal"]))
        for name, value in row.items():
            columns[name].append(value)
    return Submission(table=pa.table(columns, schema=SCHEMA), ids=ids, has_given_ids=has_given_ids)


def _items(body: bytes) -> list[bytes]:
    text = body.strip()
    if not text:
        return []
    text = mend_surrogates(text) or text
    if text[:1] == b"[":
        try:
            return [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])]
        except _MALFORMED as error:
            raise malformed(error, text) from None
    lines = [line for line in text.split(b"\n") if line.strip()]
    if len(lines) > 1:
        try:
            _fields(lines[0])
        except _MALFORMED:
            return [text]  # one object on several lines
        return lines
    return [text]


def _split(item: bytes, limits: Limits, now_us: int) -> tuple[Entry, Processed, _Returned]:
    """What a client says of a log, what a processor added, and what storage did, where it had the log before."""
    try:
        fields = _fields(item)
    except msgspec.ValidationError:
        raise Refused("a log must be a JSON object", code="not_an_object") from None
    except _MALFORMED as error:
        raise malformed(error, item, "the log") from None
    returned = _take_returned(fields)
    added: dict[str, Any] = {}
    rest: dict[str, msgspec.Raw] = {}
    for name, raw in fields.items():
        # The sender's word for the level, not the number that a processor gives.
        is_level = name == "severity" and names_level(raw)
        if name in Processed.__struct_fields__ and not is_level:
            added[name] = raw
        elif name not in _IGNORED:
            rest[name] = raw
    entry = intake.from_object(msgspec.json.encode(rest), limits, now_us=now_us, protocol=_PROTOCOL)
    return entry, _processed(added), returned


def _take_returned(fields: dict[str, msgspec.Raw]) -> _Returned:
    """What storage said of a log, taken out of its fields; host and file stay, as clients send them.

    A log has an id of ours then. What others call `source` or `client_id` is theirs.
    """
    if parse_log_id(str(memoryview(fields.get("id", b"")), "utf-8").strip('"')) is None:
        return _Returned()
    try:
        found = _returned(msgspec.json.encode({name: fields[name] for name in _RETURNED if name in fields}))
    except _MALFORMED:
        return _Returned()
    if found.source is not None:
        if not fields.keys().isdisjoint({"host", "file"}):
            return _Returned()
        check_length("source", found.source.protocol, MAX_LABEL_BYTES)
        for name in ("host", "file"):
            fields[name] = msgspec.Raw(msgspec.json.encode(getattr(found.source, name)))
    check_length("client_id", found.client_id, _MAX_CLIENT_ID_BYTES)
    for name in _RETURNED:
        fields.pop(name, None)
    return found


def _processed(added: dict[str, msgspec.Raw]) -> Processed:
    try:
        found = msgspec.json.decode(msgspec.json.encode(added), type=Processed)
    except msgspec.ValidationError as error:
        name = str(error).partition("`$.")[2].partition("`")[0].partition("[")[0] or "body"
        raise InvalidField(name, f"{name}: {str(error).partition(' - ')[0]}") from None
    except _MALFORMED as error:
        raise malformed(error, b"", "the log") from None
    for name, (least, most) in RANGES.items():
        value = getattr(found, name)
        if value is not None and not least <= value <= most:
            raise InvalidField(name, f"{name} must be from {least} to {most}, not {value}")
    return found


def _row(
    entry: Entry, added: Processed, returned: _Returned, batch_id: UUID, index: int, now_us: int
) -> dict[str, Any]:
    identity = parse_log_id(entry.client_id)
    severity = SEVERITY_OF_LEVEL[entry.level] if added.severity is None else added.severity
    given = {name: value for name, value in msgspec.structs.asdict(added).items() if value is not None}
    row = {column.name: _ABSENT.get(column.kind) for column in COLUMNS}
    row |= {name: getattr(entry, name) for name in Entry.__struct_fields__ if name not in UNSTORED}
    row |= {
        "priority": PRIORITY_OF_LEVEL[entry.level],
        "severity": severity,
        "severity_class": next(name for name, least in SEVERITY_CLASSES if severity >= least),
        "processor_id": "storage",
    }
    row |= given
    row |= {
        "batch_id": identity[0].bytes if identity else batch_id.bytes,
        "ordinal": identity[1] if identity else index,
        "received_at": now_us,
        "processed_at": now_us if added.processed_at is None else to_us(added.processed_at, "processed_at"),
        "metadata": str(memoryview(entry.metadata), "utf-8"),
        "client_id": returned.client_id if identity else entry.client_id,
        "protocol": entry.protocol if returned.source is None else returned.source.protocol,
        "fingerprint": _fingerprint(added.fingerprint),
    }
    return row


_ABSENT: dict[Kind, Any] = {
    Kind.LABEL: "",
    Kind.TEXT: "",
    Kind.LABELS: [],
    Kind.BOOL: False,
    **dict.fromkeys((Kind.U8, Kind.U16, Kind.U32, Kind.U64), 0),
}


def _fingerprint(text: str | None) -> int:
    try:
        value = int(text or "0", 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 64:
        raise InvalidField("fingerprint", "fingerprint must be 16 hex digits")
    return value
