"""Identity: UUIDv7 batch ids, and log ids of the form `<batch id>-<ordinal>`."""

from __future__ import annotations

import os
import re
import time
import uuid
from hashlib import blake2b

_LOG_ID = re.compile(r"([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})-([0-9]{1,9})")
_FOREIGN = uuid.UUID("6f1b1a5e-6d0c-5f0e-9b7a-4c6f676d696c")


def new_batch_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
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
