"""Reads the bodies of requests: whole, decompressed, and never longer than they may be."""

from __future__ import annotations

import gzip
import io
import zlib

import zstandard
from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from logmill.errors import Refused

# Fed in small pieces, since each unfolds as a whole: at most some 16 MiB beyond the limit.
ZSTD_PIECE_BYTES = 512
ZSTD_WINDOW_BYTES = 32 * 1024 * 1024


def require_json() -> None:
    """Take JSON only: a page of another site can send any other type without the browser asking us first.

    Raises:
        Refused: the request says that its body is something else.
    """
    if request.mimetype != "application/json":
        raise Refused("Content-Type must be application/json", code="unsupported_media_type", status=415)


def read_body(max_decoded_bytes: int) -> bytes:
    """The request's body, decompressed (gzip, zstd), at most `max_decoded_bytes` long.

    Raises:
        Refused: 413 too long, 415 another encoding, 400 no such stream or cut off, 408 it stalls.
    """
    try:
        body = request.get_data(cache=False)
    except ClientDisconnected as error:  # what Werkzeug makes of each OSError while it reads
        if isinstance(error.__context__, BlockingIOError | TimeoutError):
            raise Refused("the body did not arrive in time", code="timeout", status=408) from None
        raise Refused("the body was cut off", code="truncated") from None
    except ParseException as error:
        raise Refused(f"the body is not chunked as HTTP has it, or was cut off: {error}", code="truncated") from None
    if len(body) < (request.content_length or 0):
        # The connection was cut. What came is not what was sent: half a number is a number.
        raise Refused("the body ended before its Content-Length", code="truncated")
    return decompress(body, request.headers.get("Content-Encoding", ""), max_decoded_bytes)


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo `encoding` ("", identity, gzip, zstd), never holding more than `max_bytes` of output.

    Raises:
        Refused: as in `read_body`.
    """
    encoding = encoding.strip().lower()
    try:
        if encoding in {"", "identity"}:
            decoded = body
        elif encoding in {"gzip", "x-gzip"}:
            decoded = _gunzip(body, max_bytes)
        elif encoding == "zstd":
            decoded = _unzstd(body, max_bytes)
        else:
            raise Refused(
                f"Content-Encoding {encoding!r} is not known; use gzip or zstd", code="unsupported", status=415
            )
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise Refused(f"the body is no {encoding} stream: {error}", code="malformed") from None
    if len(decoded) > max_bytes:
        raise Refused(f"the body is longer than {max_bytes} bytes", code="too_large", status=413)
    return decoded


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    """All members of a gzip stream, but no more than `max_bytes` + 1, so that the caller sees the excess.

    Raises:
        EOFError: it ends early.
        OSError: it is no gzip stream.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
        return stream.read(max_bytes + 1)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    """All frames of a zstd stream, as `_gunzip` does it.

    Raises:
        EOFError: it ends early, which the library's readers do not tell.
        zstandard.ZstdError: it is no zstd stream.
    """
    tool = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    parts, size, frame = [], 0, tool.decompressobj()
    view = memoryview(body)
    while view:
        piece, view = bytes(view[:ZSTD_PIECE_BYTES]), view[ZSTD_PIECE_BYTES:]
        while piece:
            if frame.eof:
                frame = tool.decompressobj()
            part = frame.decompress(piece)
            parts.append(part)
            size += len(part)
            if size > max_bytes:
                return b"".join(parts)
            piece = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise EOFError("it ends early")
    return b"".join(parts)
