"""Cuts bytes into lines, and text that is too long into pieces."""

from __future__ import annotations

_CONTINUATION_BYTE = 0b1000_0000
_CONTINUATION_MASK = 0b1100_0000
_MOST_BYTES_A_CHAR = 4


def cut_lines(buffer: bytes, most: int) -> tuple[list[bytes], bytes]:
    """The first complete lines of a buffer without their line feeds, at most so many, and what stands behind them."""
    *lines, rest = buffer.split(b"\n", most)
    return lines, rest


def pieces(text: bytes, max_bytes: int) -> list[bytes]:
    """The text in pieces of at most so many bytes, of whole characters where it is UTF-8."""
    found = []
    while len(text) > max_bytes:
        size = _whole_chars(text, max_bytes)
        found.append(text[:size])
        text = text[size:]
    return [*found, text]


def _whole_chars(text: bytes, size: int) -> int:
    for back in range(min(_MOST_BYTES_A_CHAR, size)):
        if text[size - back] & _CONTINUATION_MASK != _CONTINUATION_BYTE:
            return size - back
    return size
