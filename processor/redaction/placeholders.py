"""What stands in the place of sensitive text: its kind, its kind and a keyed hash, or nothing but a mark.

No kind's text can begin or go on in a placeholder, so redacting again alters nothing.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from hashlib import blake2b

from logmill.rules.sections import Kinds, Mode

_PLACEHOLDER = re.compile(r"<(?:([A-Za-z0-9_.-]{1,64})(?:#[a-p]{16})?)?>")
_SHIPPED = frozenset(Kinds.__struct_fields__)
_LONGEST = 90
_HASH_BYTES = 8
# Letters, since digits could look like a number of some kind.
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
DROPPED = "<>"
# How these are written differs while they are the same: letters of mail in either case, numbers in any groups.
_NUMBERS = frozenset(["card", "iban", "national_id", "phone"])
_BETWEEN = re.compile(r"[^0-9A-Za-z]+")


def is_placeholder(text: str, own: AbstractSet[str] = frozenset()) -> bool:
    """Whether this is one, whole.

    Args:
        text: any.
        own: names of kinds besides those that are shipped.
    """
    return text[:1] == "<" and len(text) <= _LONGEST and placeholder_end(text, 0, own) == len(text)


def placeholder_end(text: str, start: int, own: AbstractSet[str] = frozenset()) -> int:
    """Where the placeholder that begins here ends; `start` where none does."""
    match = _PLACEHOLDER.match(text, start)
    if match is None or (match[1] is not None and match[1] not in _SHIPPED and match[1] not in own):
        return start
    return match.end()


def placeholder(kind: str, mode: Mode, secret: str, key: bytes) -> str:
    """What stands for a text of this kind.

    Args:
        kind: its name.
        mode: mask, hash or drop.
        secret: the text. Equal ones have equal hashes, and so have equal ones that are only written differently.
        key: for hashes (keyed BLAKE2b, RFC 7693, 64 bits): without it nobody can try values out.
    """
    if mode == "hash":
        same = _as_all_write_it(kind, secret).encode()
        digest = blake2b(same, digest_size=_HASH_BYTES, key=key, person=kind.encode()[:16]).hexdigest()
        return f"<{kind}#{digest.encode().translate(_LETTERS).decode()}>"
    return DROPPED if mode == "drop" else f"<{kind}>"


def _as_all_write_it(kind: str, secret: str) -> str:
    if kind == "email":
        return secret.lower()
    if kind not in _NUMBERS:
        return secret
    written = _BETWEEN.sub("", secret).upper()
    return written.removeprefix("00") if kind == "phone" else written
