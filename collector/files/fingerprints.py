"""What tells one file from another: its inode, its head, and what stands before the place that was read up to."""

from __future__ import annotations

import os
from hashlib import blake2b

import msgspec

HEAD_BYTES = 1024
ANCHOR_BYTES = 256
_DIGEST_BYTES = 16
Key = tuple[int, int]


def key_of(stat: os.stat_result) -> Key:
    """Device and inode."""
    return stat.st_dev, stat.st_ino


class Print(msgspec.Struct, frozen=True):
    """The hash of so many bytes; of none, it fits everything."""

    size: int = 0
    digest: bytes = b""

    @classmethod
    def of(cls, content: bytes) -> Print:
        """That of these bytes."""
        return cls(len(content), _digest(content)) if content else cls()

    def fits(self, content: bytes) -> bool:
        """Whether these bytes begin with what this is of."""
        return len(content) >= self.size and (self.size == 0 or _digest(content[: self.size]) == self.digest)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST_BYTES).digest()
