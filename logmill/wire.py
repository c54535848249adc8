"""Batches to bytes and back: what crosses the broker.

A batch message is a MessagePack map of columns (`logmill.columns`), zstd-compressed where that pays. Metadata is one
byte string, a JSON object a line. The batch's facts travel in the message's headers (`VERSION_HEADER`,
`RECEIVED_HEADER`, `COUNT_HEADER`). Whatever lacks the version header was published by a foreign client and is read as
the producer reads a request body. docs/decisions/wire-form.md says why columns.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

import msgspec
import zstandard

from logmill.broker.protocol import Message
from logmill.columns import OPTIONAL, Columns
from logmill.errors import Undecodable
from logmill.record import LEVELS, Lane

VERSION = 1
VERSION_HEADER = "logmill-version"
RECEIVED_HEADER = "logmill-received-at-us"
COUNT_HEADER = "logmill-count"
CONTENT_TYPE = "application/vnd.logmill.columns"

# Below this the zstd frame saves less than the processor pays to undo it.
MIN_COMPRESSED_BYTES = 1024
MAX_DECODED_BYTES = 256 * 1024 * 1024
_LEVELS = frozenset(LEVELS)


class Batch(msgspec.Struct, frozen=True):
    """Records that were accepted together.

    Attributes:
        batch_id: names the batch for good; a log's id is this and its ordinal.
        received_at: when it was accepted, microseconds since 1970-01-01 UTC; one value for the whole batch.
        columns: the records; their index is their ordinal.
    """

    batch_id: UUID
    received_at: int
    columns: Columns


class _Packed(msgspec.Struct, omit_defaults=True):
    """The map in the message's body."""

    timestamp: list[int | float]
    level: list[str]
    message: list[str]
    service: list[str]
    metadata: bytes
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


_decoder = msgspec.msgpack.Decoder(_Packed)


class _Tools(threading.local):
    """A compressor and an encoder a thread: making them costs as much as using them, and neither may be shared."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=1)
        self.encoder = msgspec.msgpack.Encoder()


_tools = _Tools()


def pack(columns: Columns, *, batch_id: UUID, lane: Lane, received_at: int) -> Message:
    """The message that carries these records."""
    packed = _Packed(
        list(columns.timestamp),
        list(columns.level),
        list(columns.message),
        list(columns.service),
        b"\n".join(columns.metadata),
        *(getattr(columns, name) for name in OPTIONAL),
    )
    body, encoding = _tools.encoder.encode(packed), ""
    if len(body) >= MIN_COMPRESSED_BYTES:
        body, encoding = _tools.compressor.compress(body), "zstd"
    return Message(
        body=body,
        lane=lane,
        message_id=str(batch_id),
        content_type=CONTENT_TYPE,
        content_encoding=encoding,
        headers={VERSION_HEADER: VERSION, RECEIVED_HEADER: received_at, COUNT_HEADER: len(columns)},
        timestamp_s=received_at // 1_000_000,
    )


def decoded_bytes(message: Message) -> int:
    """How long the body is when decompressed, as far as its frame says; else as long as it is now."""
    if message.content_encoding != "zstd":
        return len(message.body)
    try:
        return max(zstandard.frame_content_size(message.body), len(message.body))
    except zstandard.ZstdError:
        return len(message.body)


def is_batch(message: Message) -> bool:
    """Whether `pack` made this message; else a foreign client did."""
    return VERSION_HEADER in message.headers


def unpack(message: Message) -> Batch:
    """The batch that `pack` made a message of.

    Raises:
        Undecodable: for another version, a damaged body, or one that is not what its headers say.
    """
    headers = message.headers
    if headers.get(VERSION_HEADER) != VERSION:
        raise Undecodable(f"wire version {headers.get(VERSION_HEADER)!r}, this worker reads {VERSION}", code="version")
    received_at, count = headers.get(RECEIVED_HEADER), headers.get(COUNT_HEADER)
    if not isinstance(received_at, int):
        raise Undecodable(f"header {RECEIVED_HEADER} is missing or no number")
    try:
        batch_id = UUID(message.message_id)
        packed = _decoder.decode(decompressed(message))
    except (ValueError, RecursionError, zstandard.ZstdError) as error:
        raise Undecodable(f"not a batch: {error}") from None
    columns = Columns(
        packed.timestamp,
        packed.level,
        packed.message,
        packed.service,
        packed.metadata.split(b"\n"),
        *(getattr(packed, name) for name in OPTIONAL),
    )
    _check(columns, count)
    return Batch(batch_id=batch_id, received_at=received_at, columns=columns)


def _check(columns: Columns, count: object) -> None:
    for name in Columns.__struct_fields__:
        found = len(getattr(columns, name))
        if found != count and not (found == 0 and name in OPTIONAL):
            raise Undecodable(f"{found} values of {name} where {COUNT_HEADER} says {count}")
    if not _LEVELS.issuperset(columns.level):
        raise Undecodable("it has levels that Logmill does not know")


def decompressed(message: Message) -> bytes:
    """The message's body without its content encoding, at most MAX_DECODED_BYTES.

    Raises:
        Undecodable: for an unknown encoding or too long a body.
        zstandard.ZstdError: for a damaged frame.
    """
    if message.content_encoding == "":
        return message.body
    if message.content_encoding != "zstd":
        raise Undecodable(f"content encoding {message.content_encoding!r}; this worker knows zstd")
    size = zstandard.frame_content_size(message.body)
    if size < 0 or size > MAX_DECODED_BYTES:
        raise Undecodable(f"a zstd frame must state its size, at most {MAX_DECODED_BYTES} bytes")
    return zstandard.ZstdDecompressor().decompress(message.body)
