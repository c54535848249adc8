"""One file that is followed: how far it is read, and what was read of it and is no event yet."""

from __future__ import annotations

import math
import os
import time

from collector.checkpoint_rows import End, FileRow
from collector.files.content import Content, Damaged, Moved, Replaced, Unfinished, is_of, open_content
from collector.files.fingerprints import ANCHOR_BYTES, HEAD_BYTES, Key, Print, key_of
from collector.files.pace import interval_s
from collector.records.made import Source

READ_BYTES = 1024 * 1024
# When to look again at a compressed file that is not whole.
UNFINISHED_INTERVAL_S = 0.5
# Clocks of files and ours may differ by so much.
CLOCK_SLACK_S = 1.0


class Followed:
    """A file, open or not; used by the reading thread alone.

    Args:
        row: what is known of it.
        source: what its records are said to be of.
        position: where to read on; that of the row, or further where batches hold what follows.
        anchor: of what stands before the position.

    Attributes:
        id: its number in the checkpoint.
        path: where it lies, as far as is known.
        key: device and inode; None once it is not known where its content is.
        position: the place up to which its bytes became events, and where the buffer begins.
        buffer: what was read from there on.
        is_rotated: whether it has left the name under which it was written.
        is_gone: whether it has no name any more where anybody looks, though it is open.
        is_deleted: whether it has none at all.
        is_ended: whether nothing can follow what was read.
        seen_at: when it was last seen to hold what was read of it, seconds since 1970.
        size: in bytes when it was looked at last; of a compressed one, what was read.
        read_at: when bytes came last, monotonic.
        due_at: when to look at it again, monotonic.
        looked_at: when that was done last.
        sighted: its size and the time of its last change, nanoseconds, when its name was seen last; None after a start.
        problem: why it cannot be read, else "".
    """

    def __init__(self, row: FileRow, source: Source, position: int, anchor: Print) -> None:
        self.id = row.id
        self.path = row.path
        self.source = source
        self.key: Key | None = None if row.device is None or row.inode is None else (row.device, row.inode)
        self.position = position
        self.settled = row.position
        self.buffer = b""
        self.is_rotated = row.is_rotated
        self.is_gone = False
        self.is_deleted = False
        self.is_ended = row.is_ended
        self.seen_at = row.seen_at
        self.size = position
        self.modified_at = 0.0
        self.read_at = time.monotonic()
        self.due_at = self.looked_at = 0.0
        self.problem = ""
        self.sighted: tuple[int, int] | None = None
        self.head_print = row.head
        self._anchor_print = anchor
        self._head = b""
        self._before = b""
        self._content: Content | None = None
        self._checked: tuple[int, int] | None = None
        self._broken: tuple[int, int] | None = None
        self._ended_ctime_ns = 0

    @property
    def is_open(self) -> bool:
        """Whether it is open now."""
        return self._content is not None

    @property
    def is_compressed(self) -> bool:
        """Whether it is open, and a compressed file."""
        return self._content is not None and self._content.is_compressed

    @property
    def offset(self) -> int:
        """Up to where it was read."""
        return self.position + len(self.buffer)

    @property
    def anchor(self) -> Print:
        """Of what stands before the position."""
        return Print.of(self._before) if self._before else self._anchor_print

    @property
    def read_anchor(self) -> Print:
        """Of what stands before the offset."""
        before = (self._before + self.buffer)[-ANCHOR_BYTES:]
        return Print.of(before) if before else self._anchor_print

    def row(self) -> FileRow:
        """It, for the checkpoint."""
        device, inode = self.key or (None, None)
        return FileRow(
            id=self.id,
            path=self.path,
            service=self.source.service,
            file=self.source.path,
            device=device,
            inode=inode,
            head=self.head_print,
            position=self.settled,
            anchor=self.anchor if self.settled == self.position else Print(),
            is_rotated=self.is_rotated,
            is_ended=self.is_ended and not self.buffer and self.settled == self.position,
            seen_at=self.seen_at,
        )

    def open(self, path: str = "") -> None:
        """Open it where it lies, or where it may lie now, and see that it is the one that was read.

        Raises:
            Moved: it is not there any more.
            Replaced: it is, and holds something else.
            OSError: it cannot be opened.
        """
        content = self._open_at(path or self.path)
        try:
            is_same = self._is_same(content)
        except (Unfinished, Damaged):
            is_same = False
        except BaseException:
            content.close()
            raise
        if not is_same:
            content.close()
            raise Replaced
        self._content = content
        self.path = path or self.path
        self._checked = None

    def is_unchanged(self, stat: os.stat_result) -> bool:
        """Whether the file system says of it what it said when it was read last."""
        return (stat.st_size, stat.st_mtime_ns) in {self._checked, self._broken}

    def may_have_news(self, stat: os.stat_result) -> bool:
        """Whether a closed file may hold more than what was read, or something else."""
        if not self.is_ended:
            return stat.st_size != self.offset
        # Renamed, or written anew where it lies; its time and its size may be those that it had.
        ctime_ns = self._ended_ctime_ns or (self.seen_at - CLOCK_SLACK_S) * 1e9
        return stat.st_ctime_ns != ctime_ns if self._ended_ctime_ns else stat.st_ctime_ns > ctime_ns

    def adopt(self, content: Content) -> None:
        """Begin to read a new file, which is open already."""
        self._content = content

    def release(self) -> Content | None:
        """Let go of what is open without closing it."""
        content, self._content = self._content, None
        return content

    def close(self) -> None:
        """Close it; it can be opened again."""
        content = self.release()
        if content is not None:
            content.close()
            is_read = self._checked is not None and self._checked[0] <= self.offset
            if self.buffer:
                self._checked = None
            self.buffer = b""
            self._anchor_print, self._before = self.anchor, b""
            if is_read or self.is_ended:
                # Not before somebody sees that it changed.
                self.due_at = math.inf

    def has_no_name(self) -> bool:
        """Whether it is open and could not be opened again, as far as is known."""
        return self.is_gone or (self._content is not None and self._content.stat().st_nlink == 0)

    def has_news(self) -> bool:
        """Whether the file system says that there is something to read, or that it changed.

        Raises:
            OSError: it cannot say.
        """
        if self._content is None:
            return True
        stat = self._content.stat()
        self.is_deleted = stat.st_nlink == 0
        self.is_gone = self.is_gone or self.is_deleted
        self.modified_at = stat.st_mtime
        if self._content.is_compressed:
            # Trying again costs decompressing all of it.
            return not self.is_ended and (stat.st_size, stat.st_mtime_ns) != self._broken
        self.size = stat.st_size
        return (stat.st_size, stat.st_mtime_ns) != self._checked or stat.st_size != self.offset

    def read(self, most_bytes: int = READ_BYTES) -> bool:
        """Read on into the buffer; says whether there may be more at once.

        Args:
            most_bytes: so much at most.

        Raises:
            Replaced: what was read is not there any more.
            Unfinished: it is compressed and not whole yet.
            Damaged: it is compressed and cannot be read.
            OSError: it cannot be read.
        """
        content = self._content
        if content is None:
            return False
        if content.is_compressed:
            before = content.stat()
            try:
                found = content.read(self.offset, most_bytes)
            except (Unfinished, Damaged):
                self._broken = (before.st_size, before.st_mtime_ns)
                raise
            self.is_ended = len(found) < most_bytes
            if not self.offset:
                self.head_print = Print.of(found[:HEAD_BYTES])
            self._checked = (before.st_size, before.st_mtime_ns)
            self._ended_ctime_ns = before.st_ctime_ns
        else:
            found = self._read_plain(content, most_bytes)
        self._add(found)
        if len(self._head) < HEAD_BYTES and len(self._head) < self.offset:
            self._grow_head(content)
        return len(found) == most_bytes

    def current_size(self) -> int:
        """Its size now; 0 where that cannot be said."""
        try:
            return (os.stat(self.path) if self._content is None else self._content.stat()).st_size
        except OSError:
            return 0

    def is_intact(self) -> bool:
        """Whether its file still holds what was read of it, as far as can be told; true where it is not open."""
        if self._content is None or self._content.is_compressed:
            return True
        before = (self._before + self.buffer)[-ANCHOR_BYTES:]
        return (
            self._content.read(self.offset - len(before), len(before)) == before
            and self._content.read(0, len(self._head)) == self._head
        )

    def beginning(self) -> bytes:
        """The first bytes that its file has now, whether they were read or not.

        Raises:
            Moved: something else is where it was.
            Unfinished: it is compressed and not whole yet.
            Damaged: it is compressed and cannot be read.
            OSError: it cannot be read.
        """
        if self._content is not None:
            return self._content.read(0, HEAD_BYTES)
        content = self._open_at(self.path)
        try:
            return content.read(0, HEAD_BYTES)
        finally:
            content.close()

    def may_begin_with(self, start: bytes) -> bool:
        """Whether its content begins so, as far as its head is known."""
        return not self._head or self._head.startswith(start[: len(self._head)])

    def use(self, count: int) -> None:
        """So many bytes of the buffer became events."""
        self._before = (self._before + self.buffer[max(0, count - ANCHOR_BYTES) : count])[-ANCHOR_BYTES:]
        self.buffer = self.buffer[count:]
        self.position += count

    def end(self) -> End:
        """How far it became events."""
        return End(self.id, self.position, self.anchor)

    def plan(self, poll_interval_s: float) -> None:
        """Decide when to look at it again."""
        self.looked_at = now = time.monotonic()
        self.due_at = now + interval_s(now - self.read_at, poll_interval_s)

    def _open_at(self, path: str) -> Content:
        """What lies there, where it has the inode of this file; what it holds is not looked at.

        Raises:
            Moved: it has another one.
            OSError: it cannot be opened.
        """
        content = open_content(path)
        if key_of(content.stat()) != self.key:
            content.close()
            raise Moved
        return content

    def _is_same(self, content: Content) -> bool:
        """Whether this is the content that was read, whose head and anchor are then known as bytes."""
        # Not what was known when it was opened last: it may have been let go of without being closed.
        anchor = self.anchor
        if not is_of(content, self.head_print, self.position, anchor):
            return False
        self._head, self._before, self._anchor_print = b"", b"", anchor
        if not content.is_compressed:
            # A compressed one does not change, and would be decompressed once more.
            self._head = content.read(0, self.head_print.size)
            self._before = content.read(self.position - anchor.size, anchor.size)
        return True

    def _read_plain(self, content: Content, most_bytes: int) -> bytes:
        stat = content.stat()
        before = (self._before + self.buffer)[-ANCHOR_BYTES:]
        start = self.offset - len(before)
        found = content.read(start, len(before) + most_bytes)
        # After the read: had it been truncated before, either the head or what stands before the place would differ.
        if not found.startswith(before) or (self._head and content.read(0, len(self._head)) != self._head):
            raise Replaced
        self._checked = (stat.st_size, stat.st_mtime_ns)
        return found[len(before) :]

    def _add(self, found: bytes) -> None:
        if found:
            self.buffer += found
            self.read_at = time.monotonic()
        self.seen_at = time.time()
        self.size = max(self.size, self.offset)

    def _grow_head(self, content: Content) -> None:
        if content.is_compressed:
            return
        head = content.read(0, min(HEAD_BYTES, self.offset))
        if not head.startswith(self._head):
            raise Replaced
        self._head, self.head_print = head, Print.of(head)
