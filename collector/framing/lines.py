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
    found, start = [], 0
    while len(text) - start > max_bytes:
        end = _whole_chars(text, start, start + max_bytes)
        found.append(text[start:end])
        start = end
    return [*found, text[start:]]


def _whole_chars(text: bytes, start: int, end: int) -> int:
    for back in range(min(_MOST_BYTES_A_CHAR, end - start)):
        if text[end - back] & _CONTINUATION_MASK != _CONTINUATION_BYTE:
            return end - back
    return end
