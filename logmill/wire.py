"""Batches to bytes and back: the NDJSON that crosses the broker.

A batch message is one JSON object a line, `Entry` fields only, in the order of their ordinals; its facts travel in the
message's headers (`VERSION_HEADER`, `RECEIVED_HEADER`, `COUNT_HEADER`). Whatever lacks the version header was published
by a foreign client and is read as the producer reads a request body.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
import zstandard

from logmill.broker.protocol import Message
from logmill.errors import Undecodable
from logmill.record import Entry, Lane

VERSION = 1
VERSION_HEADER = "logmill-version"
RECEIVED_HEADER = "logmill-received-at-us"
COUNT_HEADER = "logmill-count"
NDJSON = "application/x-ndjson"

# Below this the zstd frame saves less than the processor pays to undo it.
MIN_COMPRESSED_BYTES = 1024
MAX_DECODED_BYTES = 256 * 1024 * 1024
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class Batch(msgspec.Struct, frozen=True):
    """Records that were accepted together.

    Attributes:
        batch_id: names the batch for good; a log's id is this and its ordinal.
        received_at: when it was accepted, microseconds since 1970-01-01 UTC; one value for the whole batch.
        entries: the records, their index is their ordinal.
    """

    batch_id: UUID
    received_at: int
    entries: list[Entry]


def encode_lines(entries: Sequence[Entry]) -> bytes:
    """`entries` as NDJSON, each line ended by a newline."""
    return _encoder.encode_lines(entries)


def pack(lines: bytes, *, batch_id: UUID, lane: Lane, received_at: int, count: int) -> Message:
    """The message that carries `count` encoded records; compressed where that pays."""
    encoding = ""
    if len(lines) >= MIN_COMPRESSED_BYTES:
        lines, encoding = zstandard.ZstdCompressor(level=1).compress(lines), "zstd"
    return Message(
        body=lines,
        lane=lane,
        message_id=str(batch_id),
        content_type=NDJSON,
        content_encoding=encoding,
        headers={VERSION_HEADER: VERSION, RECEIVED_HEADER: received_at, COUNT_HEADER: count},
        timestamp_s=received_at // 1_000_000,
    )


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
        lines = decompress(message)
        entries = _decoder.decode_lines(lines)
    except (ValueError, RecursionError, zstandard.ZstdError) as error:
        raise Undecodable(f"not a batch: {error}") from None
    if len(entries) != count:
        raise Undecodable(f"{len(entries)} records where {COUNT_HEADER} says {count}")
    return Batch(batch_id=batch_id, received_at=received_at, entries=entries)


def decompress(message: Message) -> bytes:
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
