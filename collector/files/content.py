"""Reads a file from any place on, plain or compressed, and looks at its head and at what stands before a place."""

from __future__ import annotations

import gzip
import os
import zlib
from typing import IO, Protocol

from collector.files.fingerprints import Print
from collector.files.names import COMPRESSED

_SKIP_BYTES = 1024 * 1024


class Unfinished(Exception):
    """A compressed file ends in the middle: it is being written, or was cut off."""


class Damaged(Exception):
    """A compressed file that cannot be read."""


class Replaced(Exception):
    """The file does not hold what was read of it any more: it was truncated, or it is another one."""


class Moved(OSError):
    """Another file has its name now; where it is, the next scan finds out."""


class Content(Protocol):
    """What is in a file that is open."""

    is_compressed: bool

    def read(self, offset: int, size: int) -> bytes:
        """At most so many bytes from this place on; fewer only where the file ends.

        Raises:
            Unfinished: it is compressed, and not whole.
            Damaged: it is compressed, and cannot be read.
            OSError: the disk.
        """

    def stat(self) -> os.stat_result:
        """What the file system says of it."""

    def close(self) -> None:
        """Let go of it."""


class PlainContent:
    """A file as it lies there."""

    is_compressed = False

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)

    def read(self, offset: int, size: int) -> bytes:
        """As in the protocol."""
        found = os.pread(self._fd, size, offset)
        if not found or len(found) == size:
            return found
        parts = [found]
        while found and (missing := size - sum(map(len, parts))):
            found = os.pread(self._fd, missing, offset + size - missing)
            parts.append(found)
        return b"".join(parts)

    def stat(self) -> os.stat_result:
        """As in the protocol."""
        return os.fstat(self._fd)

    def close(self) -> None:
        """As in the protocol."""
        os.close(self._fd)


class GzipContent:
    """What a gzip file was before; read from the start to its end, a place at a time."""

    is_compressed = True

    def __init__(self, path: str) -> None:
        # A pipe that has come to lie there is not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            # Without a buffer, which would go on to have what was there before the file was written anew.
            self._raw: IO[bytes] = open(descriptor, "rb", buffering=0)  # noqa: SIM115 - kept open
        except OSError:  # a folder
            os.close(descriptor)
            raise
        self._file = gzip.GzipFile(fileobj=self._raw, mode="rb")
        self._at = 0

    def read(self, offset: int, size: int) -> bytes:
        """As in the protocol; a place before the last one costs reading from the start."""
        try:
            if offset < self._at:
                self._file.seek(0)
                self._at = 0
            while self._at < offset:
                skipped = self._file.read(min(_SKIP_BYTES, offset - self._at))
                if not skipped:
                    return b""
                self._at += len(skipped)
            parts, missing = [], size
            while missing and (found := self._file.read(missing)):
                self._at += len(found)
                missing -= len(found)
                parts.append(found)
        except EOFError:
            self._restart()
            raise Unfinished("the compressed file ends in the middle") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            self._restart()
            raise Damaged(str(error)) from None
        return b"".join(parts)

    def _restart(self) -> None:
        """What a decompressor does after an error is not known; begin anew."""
        self._raw.seek(0)
        self._file = gzip.GzipFile(fileobj=self._raw, mode="rb")
        self._at = 0

    def stat(self) -> os.stat_result:
        """As in the protocol; its size is that of the compressed file."""
        return os.fstat(self._raw.fileno())

    def close(self) -> None:
        """As in the protocol."""
        self._file.close()
        self._raw.close()


def open_content(path: str) -> Content:
    """What is in this file.

    Raises:
        OSError: it cannot be opened.
    """
    return GzipContent(path) if path.endswith(COMPRESSED) else PlainContent(path)


def is_of(content: Content, head: Print, position: int, anchor: Print) -> bool:
    """Whether a file has this head, and this before a place: then it is the same up to there, as far as can be told."""
    if head.size and not head.fits(content.read(0, head.size)):
        return False
    # Where the anchor is not known, it is at least as long as what was read.
    size = max(anchor.size, min(position, 1))
    found = content.read(position - size, size)
    return len(found) == size and anchor.fits(found)
