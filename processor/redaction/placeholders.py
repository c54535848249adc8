"""What stands in the place of sensitive text: its kind, its kind and a keyed hash, or nothing but a mark.

No kind's text can begin or go on in a placeholder, so redacting again alters nothing.
"""

from __future__ import annotations

from hashlib import blake2b

from logmill.rules.sections import Mode
from processor.redaction.kinds import compiled

_PLACEHOLDER = compiled(r"<(?:[A-Za-z0-9_.-]{1,64}(?:#[a-p]{16})?)?>")
_LONGEST = 90
_HASH_BYTES = 8
# Letters, since digits could look like a number of some kind.
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")
DROPPED = "<>"


def is_placeholder(text: str) -> bool:
    """Whether this is one, whole."""
    return placeholder_end(text, 0) == len(text)


def placeholder_end(text: str, start: int) -> int:
    """Where the placeholder that begins here ends; `start` where none does."""
    match = _PLACEHOLDER.match(text[start : start + _LONGEST]) if text[start : start + 1] == "<" else None
    return start + match.end() if match else start


def placeholder(kind: str, mode: Mode, secret: str, key: bytes) -> str:
    """What stands for a text of this kind.

    Args:
        kind: its name.
        mode: mask, hash or drop.
        secret: the text. Equal ones have equal hashes.
        key: for hashes (keyed BLAKE2b, RFC 7693, 64 bits): without it nobody can try values out.
    """
    if mode == "hash":
        digest = blake2b(secret.encode(), digest_size=_HASH_BYTES, key=key, person=kind.encode()[:16]).hexdigest()
        return f"<{kind}#{digest.encode().translate(_LETTERS).decode()}>"
    return DROPPED if mode == "drop" else f"<{kind}>"
