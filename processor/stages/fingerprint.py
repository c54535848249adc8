"""A fingerprint that messages share when they differ only in their variable parts."""

from __future__ import annotations

from hashlib import blake2b

import polars as pl

from logmill.masking import MASK, VARIABLE


def add_fingerprint(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `fingerprint`: the first 64 bits of BLAKE2b (RFC 7693) over the message with its variable parts masked."""
    masked = mask(frame["message"])
    # Few masked messages are distinct, so hashing those alone costs next to nothing.
    distinct = masked.unique()
    hashes = pl.Series([_hash(text) for text in distinct], dtype=pl.UInt64)
    return frame.with_columns(fingerprint=masked.replace_strict(distinct, hashes, return_dtype=pl.UInt64))


def mask(messages: pl.Series) -> pl.Series:
    """Messages with their variable parts masked."""
    return messages.str.replace_all(VARIABLE, MASK)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
