"""Takes logs as the producer does, with the usual limits, at a time that tests know."""

from __future__ import annotations

import json

from logmill.intake import Limits, Taken, from_array, from_object
from logmill.record import Entry

LIMITS = Limits()
NOW_US = 1_800_000_000_000_000


def one(body: bytes | dict, limits: Limits = LIMITS) -> Entry:
    """The log that a body is."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return from_object(raw, limits, now_us=NOW_US, protocol="http")


def many(items: list, limits: Limits = LIMITS) -> Taken:
    """What comes of these items."""
    return from_array(json.dumps(items).encode(), limits, now_us=NOW_US, protocol="http")
