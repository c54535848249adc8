"""A whole file of test results as one message of the broker: what the producer sends, and what other clients may.

The body is the file as it is, zstd-compressed where that pays. Its name, its service and when it was accepted travel in
headers. Other clients publish the file with the content type CONTENT_TYPE, with the header `type: results`, or as the
text or XML that it is; the headers `file` and `service` say what the file does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import msgspec
import zstandard

from logmill.broker.protocol import Message
from logmill.errors import Undecodable
from logmill.record import Lane
from logmill.results.reading import looks_like_results
from logmill.wire import COUNT_HEADER, MIN_COMPRESSED_BYTES, RECEIVED_HEADER, decompressed

CONTENT_TYPE = "application/vnd.logmill.results"
FILE_HEADER, HINT_HEADER, SERVICE_HEADER = "file", "file-hint", "service"
TYPE_HEADER, TYPE = "type", "results"
# Of messages that say so little, a file is known by how it begins.
_PLAIN = frozenset({"", "text/plain", "application/octet-stream"})
_XML = frozenset({"application/xml", "text/xml"})


class SentFile(msgspec.Struct, frozen=True):
    """A file as it travels.

    Attributes:
        body: what is in it.
        name: what its sender calls it; "" where that is left to the file.
        hint: what it is called where it does not say so itself; "" where nobody knows.
        service: whose tests they are; "" where nobody says it.
        received_at: when the producer took it, microseconds since 1970-01-01 UTC; None where another client sent it.
    """

    body: bytes
    name: str = ""
    hint: str = ""
    service: str = ""
    received_at: int | None = None


class PackedFile(msgspec.Struct, frozen=True):
    """A file as the body of a message.

    Attributes:
        body: compressed where that pays.
        encoding: "zstd" or "".
        headers: what `SentFile` says of it beside that.
    """

    body: bytes
    encoding: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, file: SentFile) -> PackedFile:
        """This file, packed."""
        body, encoding = file.body, ""
        if len(body) >= MIN_COMPRESSED_BYTES:
            body, encoding = zstandard.ZstdCompressor(level=1).compress(body), "zstd"
        named = {FILE_HEADER: file.name, HINT_HEADER: file.hint, SERVICE_HEADER: file.service}
        return cls(body, encoding, {name: value for name, value in named.items() if value})

    def message(self, *, batch_id: UUID, lane: Lane, received_at: int, records: int) -> Message:
        """The message that carries it.

        Args:
            batch_id: names it for good; the ids of its records are made of this.
            lane: where it travels.
            received_at: when it was accepted, microseconds since 1970-01-01 UTC.
            records: how many come of it.
        """
        return Message(
            body=self.body,
            lane=lane,
            message_id=str(batch_id),
            content_type=CONTENT_TYPE,
            content_encoding=self.encoding,
            headers={**self.headers, RECEIVED_HEADER: received_at, COUNT_HEADER: records},
            timestamp_s=received_at // 1_000_000,
        )


def is_results(message: Message) -> bool:
    """Whether a message that is no batch carries such a file."""
    if message.content_type == CONTENT_TYPE or message.headers.get(TYPE_HEADER) == TYPE:
        return True
    if message.content_type in _XML:
        return True
    return message.content_type in _PLAIN and not message.content_encoding and looks_like_results(message.body)


def unpack_file(message: Message) -> SentFile:
    """The file in a message.

    Raises:
        Undecodable: it is encoded in a way that is not known, or too long.
    """
    headers = message.headers
    try:
        body = decompressed(message)
    except zstandard.ZstdError as error:
        raise Undecodable(f"the file is no zstd stream: {error}") from None
    received_at = headers.get(RECEIVED_HEADER) if message.content_type == CONTENT_TYPE else None
    name, hint, service = (str(headers.get(header, "")) for header in (FILE_HEADER, HINT_HEADER, SERVICE_HEADER))
    return SentFile(body, name, hint, service, received_at if isinstance(received_at, int) else None)
