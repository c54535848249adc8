"""Identity: batch ids, random (UUIDv7) or derived (UUIDv8), and log ids of the form `<batch id>-<ordinal>`."""

from __future__ import annotations

import os
import re
import time
import uuid
from hashlib import blake2b

_LOG_ID = re.compile(r"([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})-([0-9]{1,9})")
_UUID = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE)
_TIME_BITS, _ID_BITS = 48, 128
_FOREIGN = uuid.UUID("6f1b1a5e-6d0c-5f0e-9b7a-4c6f676d696c")


def new_batch_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits."""
    return _uuid((time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big"), version=7)


def derived_batch_id(key: str, *facts: bytes) -> uuid.UUID:
    """The batch id that a client's idempotency key and these facts give, each time and on every machine.

    A UUIDv8 (RFC 9562, section 5.8) of hashed bits. Where the key is a UUIDv7, the first 48 bits are its time, so that
    ids of one time lie together in storage's index. It is no UUIDv7 even then: storage holds every UUIDv7 against the
    youngest that it has seen, and the clock of a client must not set that mark.
    """
    hashed = blake2b(key.encode(), digest_size=_ID_BITS // 8)
    for fact in facts:
        hashed.update(len(fact).to_bytes(8, "big"))
        hashed.update(fact)
    value = int.from_bytes(hashed.digest(), "big")
    if _UUID.fullmatch(key) and uuid.UUID(key).version == 7:  # noqa: PLR2004
        rest_bits = _ID_BITS - _TIME_BITS
        value = value & (1 << rest_bits) - 1 | uuid.UUID(key).int >> rest_bits << rest_bits
    return _uuid(value, version=8)


def _uuid(value: int, *, version: int) -> uuid.UUID:
    """These 128 bits with version and variant written over six of them (RFC 9562, section 4)."""
    value = value & ~(0xF << 76) | version << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def batch_id_of(message_id: str, body: bytes) -> uuid.UUID:
    """The batch id for a broker message: its own UUID, else one derived from its message id and its body.

    The body is in it because clients that number their messages begin anew when they start again.
    """
    try:
        return uuid.UUID(message_id)
    except ValueError:
        return uuid.uuid5(_FOREIGN, f"{blake2b(body, digest_size=16).hexdigest()} {message_id}")


def log_id(batch_id: uuid.UUID, ordinal: int) -> str:
    """The public id of one log."""
    return f"{batch_id}-{ordinal}"


def parse_log_id(text: str) -> tuple[uuid.UUID, int] | None:
    """Batch id and ordinal (below 2**32) of a public log id, or None where `text` is none."""
    match = _LOG_ID.fullmatch(text.lower())
    if match is None:
        return None
    return uuid.UUID(match[1]), int(match[2])
