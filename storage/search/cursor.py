"""Where a page ended, as opaque text that a client sends back to get the next one.

It holds the place of the last row, the moment that relative times of the question count from, and a check of the
question's text, so that it is not used with another one. Rows that come later stand before the place or after it, and
none moves: pages neither repeat a row nor leave out one that was there.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass

import msgspec

from logmill.errors import InvalidField
from storage.recent import Place
from storage.search.parameters import Args

_FORM = struct.Struct(">Bqq16sI8s")
_VERSION = 1
# Where times may be relative to now.
_RELATIVE = frozenset({"q", "since", "until"})
# What may differ from page to page.
_PAGE_PARAMETERS = frozenset({"cursor", "limit", "fields", "timeout"})


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the answer to a question.

    Attributes:
        place: of the last row that was answered.
        now_us: what relative times of the question count from.
    """

    place: Place
    now_us: int


def encode(cursor: Cursor, args: Args) -> str:
    """The text of a cursor into the answer to these parameters."""
    place = cursor.place
    now_us = cursor.now_us if _RELATIVE & args.keys() else 0
    packed = _FORM.pack(_VERSION, now_us, place.timestamp_us, place.batch_id, place.ordinal, _check(args))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(text: str, args: Args) -> Cursor:
    """The cursor that a text stands for.

    Raises:
        InvalidField: it is none, or one into the answer to other parameters.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, now_us, timestamp_us, batch_id, ordinal, check = _FORM.unpack(packed)
    except (ValueError, struct.error):
        raise InvalidField("cursor", "this is no cursor; use next_cursor of an answer as it is") from None
    if version != _VERSION or check != _check(args):
        raise InvalidField("cursor", "this cursor belongs to another question; ask without one first")
    return Cursor(Place(timestamp_us, batch_id, ordinal), now_us)


def _check(args: Args) -> bytes:
    asked = sorted((name, values) for name, values in args.items() if name not in _PAGE_PARAMETERS)
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=8).digest()
