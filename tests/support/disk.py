"""Searches everything that lies in a folder for given texts, also inside what is compressed there."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import zstandard

# A block of the engine's files: checksum, method, compressed size with the header, size.
_CHECKSUM_BYTES, _HEADER_BYTES = 16, 9
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_MAX_BLOCK_BYTES = 64 * 1024 * 1024


def found_in(folder: Path, texts: Iterable[str]) -> dict[str, str]:
    """The texts that are anywhere below the folder, with one file that each is in."""
    wanted = {text: text.encode() for text in texts}
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        for content in contents(path.read_bytes()):
            for text, encoded in wanted.items():
                if text not in found and encoded in content:
                    found[text] = str(path.relative_to(folder))
    return found


def contents(raw: bytes) -> Iterator[bytes]:
    """A file's bytes, and what is compressed in them: blocks of the engine, gzip, zstd frames."""
    yield raw
    unpacked = b"".join(_blocks(raw))
    if unpacked:
        yield unpacked
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw)
    yield from _frames(raw)


def _blocks(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at + _CHECKSUM_BYTES + _HEADER_BYTES <= len(raw):
        start = at + _CHECKSUM_BYTES
        method = raw[start]
        packed = int.from_bytes(raw[start + 1 : start + 5], "little")
        size = int.from_bytes(raw[start + 5 : start + 9], "little")
        if (
            method not in {_NONE, _LZ4, _ZSTD}
            or not _HEADER_BYTES <= packed <= len(raw) - start
            or size > _MAX_BLOCK_BYTES
        ):
            return
        body = raw[start + _HEADER_BYTES : start + packed]
        if method == _ZSTD:
            yield zstandard.ZstdDecompressor().decompress(body, max_output_size=size)
        else:
            yield body if method == _NONE else _lz4(body)
        at = start + packed


def _lz4(block: bytes) -> bytes:
    """An LZ4 block, by the format's description."""
    out = bytearray()
    at = 0
    while at < len(block):
        token = block[at]
        at += 1
        count, at = _length(block, at, token >> 4)
        out += block[at : at + count]
        at += count
        if at >= len(block):
            break
        offset = int.from_bytes(block[at : at + 2], "little")
        count, at = _length(block, at + 2, token & 15)
        for _ in range(count + 4):
            out.append(out[-offset])
    return bytes(out)


def _length(block: bytes, at: int, count: int) -> tuple[int, int]:
    if count == 15:
        while True:
            more = block[at]
            at += 1
            count += more
            if more != 255:
                break
    return count, at


def _frames(raw: bytes) -> Iterator[bytes]:
    """zstd frames that begin anywhere and are whole."""
    at = raw.find(b"\x28\xb5\x2f\xfd")
    while at >= 0:
        with suppress(zstandard.ZstdError):
            yield zstandard.ZstdDecompressor().decompressobj().decompress(raw[at:])
        at = raw.find(b"\x28\xb5\x2f\xfd", at + 4)
