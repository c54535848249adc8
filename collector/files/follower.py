"""The files that are followed: finds them, knows them again after a rotation, and says which are to be read."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from collector.checkpoint import Checkpoint, End, FileRow
from collector.files.content import Damaged, Unfinished
from collector.files.discovery import Discovery, Found
from collector.files.fingerprints import HEAD_BYTES, Print
from collector.files.followed import Followed, Key, Moved, Replaced
from collector.files.kinship import Beginnings, Kin, Kinship
from collector.files.names import is_rotated, root_of
from collector.files.shifts import SEARCH_S, Shifts
from collector.files.starting import last_line_end, prints_at
from collector.files.whereabouts import Whereabouts
from collector.records.made import Source

log = structlog.get_logger()

# What a truncated file left, and no copy holds, is taken as it is after this.
LEFTOVER_S = 10.0
# A file that is rotated, or has no name any more, is closed when it has been silent for so long.
CLOSE_ROTATED_S = 30.0
# Files that are nowhere now and known all the same: their rotated copies may come to light.
MAX_LOST = 50_000
NOTHING = Print()


class Follower:
    """All files; used by the reading thread, but for `files`.

    Args:
        discovery: which there are.
        checkpoint: which there were.
        source_of: what records of a new file are said to be of, by its name.
        from_end: whether files that are there at the very first start are read from their end on.
        max_open: files that are open at a time.

    Attributes:
        is_unsure: whether there are files of which it is not known yet whether they are new.
        wants_scan: whether it is known that there are files that nobody has looked at.
    """

    def __init__(
        self,
        discovery: Discovery,
        checkpoint: Checkpoint,
        source_of: Callable[[str], Source],
        *,
        from_end: bool,
        max_open: int,
    ) -> None:
        self._discovery = discovery
        self._checkpoint = checkpoint
        self._source_of = source_of
        self._max_open = max_open
        self._kinship = Kinship()
        self._beginnings = Beginnings()
        self._lock = threading.Lock()
        self._files: dict[int, Followed] = {}
        self._by_key: dict[Key, Followed] = {}
        self._by_root: defaultdict[str, set[int]] = defaultdict(set)
        self._changed: set[int] = set()
        self._shifts = Shifts()
        # Files whose content is nowhere now, and since when, monotonic.
        self._lost_at: dict[int, float] = {}
        # Those that were moved to where nobody looks, by what they would be known by if they came back.
        self._moved: dict[Key, int] = {}
        self._next_id = 1
        # At least as many as are open; counted anew where that is too many.
        self._opened = 0
        self._is_first_scan = True
        self.is_unsure = False
        self.wants_scan = False
        self._from_end = from_end and checkpoint.fact("started") is None

    def load(self, ends: Mapping[int, End], alive_at: float) -> None:
        """Take up what the checkpoint knows.

        Args:
            ends: how far batches go that are kept in it and not settled, by file.
            alive_at: when the collector looked last, seconds since 1970.
        """
        for row in self._checkpoint.files():
            end = ends.get(row.id)
            position, anchor = (row.position, row.anchor) if end is None else (end.position, end.anchor)
            source = Source(row.file, row.service, self._source_of(row.file).host)
            file = Followed(row, source, position, anchor)
            if file.key is not None:
                file.seen_at = max(file.seen_at, alive_at)
                self._by_key[file.key] = file
            elif time.time() - row.seen_at < SEARCH_S:
                self._lost_at[file.id] = time.monotonic()
            self._files[file.id] = file
            self._by_root[root_of(os.path.basename(file.path))].add(file.id)
            self._next_id = max(self._next_id, file.id + 1)

    def files(self) -> Sequence[Followed]:
        """Those whose content is known to be somewhere; for other threads to look at."""
        with self._lock:
            return [file for file in self._files.values() if file.key is not None]

    def settled(self, ends: Iterable[End]) -> None:
        """So far the producer has them; any thread may say so."""
        with self._lock:
            for end in ends:
                file = self._files.get(end.file_id)
                if file is not None:
                    file.settled = max(file.settled, end.position)

    def scan(self) -> None:
        """Look which files there are, and which of them are which."""
        self.wants_scan = False
        found = self._discovery.find()
        whereabouts = Whereabouts(self._discovery, found)
        now = time.time()
        for file in list(self._by_key.values()):
            self._locate(file, found, whereabouts, now)
        self._forget_some()
        unknown = [one for key, one in found.items() if key not in self._by_key]
        beside = self._shifts.beside(self._discovery, self._by_key, found)
        self.is_unsure = False
        self._beginnings = Beginnings()
        for one in sorted([*unknown, *beside], key=lambda one: one.stat.st_mtime_ns):
            self._meet(one, now, is_matched=one.key in found)
        self._kinship.forget([one.key for one in (*unknown, *beside)])
        if self._is_first_scan:
            self._checkpoint.note("started", str(now))
        self._is_first_scan = self._from_end = False
        self._write()

    @property
    def count(self) -> int:
        """Files whose content is known to be somewhere."""
        return len(self._by_key)

    def due(self, *, everything: bool = False) -> list[Followed]:
        """The files to look at now, first those that were not for longest; all not closed for good where `everything`.

        When the producer is slower than what one writes, the others have their turns all the same.
        """
        now = math.inf if everything else time.monotonic()
        due = [file for file in self._by_key.values() if file.due_at <= now and file.due_at < math.inf]
        due.sort(key=lambda file: file.looked_at)
        return due

    def left_s(self) -> float:
        """How long until the next one is to be looked at."""
        return min((file.due_at for file in self._by_key.values()), default=math.inf) - time.monotonic()

    def open(self, file: Followed) -> bool:
        """Open a file that is closed; says whether it can be read. Where another is in its place, both part."""
        if file.is_open:
            return True
        try:
            file.open()
        except Replaced:
            self.part(file)
            return False
        except (Moved, FileNotFoundError):
            self.wants_scan = True  # which finds out where it is
            return False
        except OSError as error:
            self.complain(file, error)
            return False
        file.problem = ""
        self._close_some(file)
        return True

    def part(self, file: Followed) -> None:
        """Its file holds other content now: that is another file, and what was in it before is looked for elsewhere."""
        content = file.release()
        self._lose(file)
        if content is None or is_rotated(os.path.basename(file.path)):
            # It may be a copy, or the rest of a third one.
            if content is not None:
                content.close()
            self.wants_scan = True
        else:
            # Where the name is a link, it is what records are named by.
            name = file.source.path if os.path.realpath(file.source.path) == file.path else file.path
            self._add(Found(name, file.path, content.stat()), 0).adopt(content)
        self._write()

    def finish(self, file: Followed) -> None:
        """Close a file that has been silent since it was rotated; forget where one is that has no name any more."""
        file.close()
        if file.is_gone:
            if file.key is not None and not file.is_deleted:
                self._moved[file.key] = file.id
            self._lose(file)
            self._lost_at.pop(file.id, None)
        self._write()

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()

    def left_over(self, *, everything: bool = False) -> list[Followed]:
        """Files that were truncated, whose last bytes are here and were not found elsewhere.

        Args:
            everything: also those that may still be found, as at the end.
        """
        now = time.monotonic()
        return [
            self._files[file_id]
            for file_id, at in self._lost_at.items()
            if self._files[file_id].buffer and (everything or now - at > LEFTOVER_S)
        ]

    def _locate(self, file: Followed, found: Mapping[Key, Found], whereabouts: Whereabouts, now: float) -> None:
        """Find out where a file is now."""
        try:
            one = whereabouts.of(file)
        except OSError:
            return  # its folder cannot be looked at for now, so nothing is known of it
        is_matched = file.key in found
        if one is None:
            self._shifts.note(file.path, file.seen_at)
            # What is open and has no name is read to its end, and then parted with.
            file.is_gone = file.is_open
            if not file.is_open:
                self._lose(file)
            return
        if not file.is_open and not file.is_ended and one.stat.st_size != file.offset:
            file.due_at = 0.0
        if one.path != file.path and not file.offset and is_matched:
            # Nothing tells whether it was renamed, or is another one that was given its inode.
            self._lose(file)
            return
        if one.path != file.path:
            before = file.path
            if not self._is_at(file, one):
                self._lose(file)
                return
            self._shifts.note(before, file.seen_at)
            file.path, file.due_at = one.path, 0.0
            name = os.path.basename(one.path)
            file.is_rotated = file.is_rotated or is_rotated(name)
            self._by_root[root_of(name)].add(file.id)
            self._changed.add(file.id)
        file.seen_at, file.is_gone = now, False

    def _is_at(self, file: Followed, one: Found) -> bool:
        """Whether what has its inode under another name is this file, and not one that was given the inode since."""
        if file.is_open or file.is_unchanged(one.stat):
            return True
        try:
            file.open(one.path)
        except Replaced:
            return False
        except (Moved, OSError):
            # Nothing speaks against it, and it is looked at again before it is read.
            self.wants_scan = True
        return True

    def _lose(self, file: Followed) -> None:
        """Nobody knows where its content is."""
        self._shifts.note(file.path, file.seen_at)
        with self._lock:
            if file.key is not None and self._by_key.get(file.key) is file:
                del self._by_key[file.key]
            file.key = None
        self._lost_at[file.id] = time.monotonic()
        self._changed.add(file.id)

    def _meet(self, one: Found, now: float, *, is_matched: bool) -> None:
        """Find out what a file is that is not known by its inode."""
        if one.key in self._by_key:
            return
        try:
            kin, relative = self._kin_of(one)
            start = last_line_end(one.path, one.stat.st_size) if self._from_end else 0
            prints = prints_at(one.path, start)
        except OSError as error:
            self._discovery.problems[one.path] = error.strerror or str(error)
            return
        if kin is Kin.REST and relative is not None:
            self._attach(relative, one, now)
        elif kin is Kin.NONE:
            if is_matched or self._shifts.came_since(one):
                self._add(one, start, *prints)
        elif kin is Kin.UNSURE and one.stat.st_size:
            self.is_unsure = True

    def _kin_of(self, one: Found) -> tuple[Kin, Followed | None]:
        """What a file is to those that are known.

        Raises:
            OSError: it cannot be read.
        """
        moved = self._files.get(self._moved.get(one.key, 0))
        if moved is not None and moved.key is None:
            kin, relative = self._kinship.of(one, [moved])
            if kin is Kin.REST:
                return kin, relative
        relatives = self._relatives(one.path)
        if is_rotated(os.path.basename(one.path)):
            # Where each hour has a file of its own, there are thousands.
            relatives = self._beginnings.like(one, relatives) if relatives else []
            for file in relatives:
                # Before it is taken for a copy of what lies there, or for longer than that.
                if file.key is not None and self.open(file):
                    self._compare(file)
        elif self._is_first_scan:
            # A disk that was restored, or is mounted elsewhere, has other inodes.
            relatives = [file for file in relatives if file.key is None and file.position >= HEAD_BYTES]
        else:
            return Kin.NONE, None
        return self._kinship.of(one, relatives)

    def _compare(self, file: Followed) -> None:
        """See that a file holds what was read of it, and read some of it where nothing was."""
        try:
            if not file.is_intact():
                self.part(file)
            elif not file.offset:
                file.read()
        except Replaced:
            self.part(file)
        except (Unfinished, Damaged) as error:
            self.complain(file, error)

    def _relatives(self, path: str) -> list[Followed]:
        """The files whose rotation this may be, by its name; in other folders where there is enough to compare."""
        folder, name = os.path.split(path)
        ids = sorted(self._by_root.get(root_of(name), ()))
        files = [self._files[file_id] for file_id in ids if file_id in self._files]
        return [file for file in files if file.position >= HEAD_BYTES or file.path.rpartition("/")[0] == folder]

    def _attach(self, file: Followed, one: Found, now: float) -> None:
        """The content of a file that was lost is found."""
        log.info("the rest of a rotated file was found", file=file.source.path, where=one.path, position=file.position)
        with self._lock:
            file.key = one.key
            self._by_key[one.key] = file
        file.path, file.seen_at, file.due_at = one.path, now, 0.0
        file.buffer = b""
        is_back = self._moved.pop(one.key, 0) == file.id
        file.is_rotated = is_rotated(os.path.basename(one.path)) if is_back else True
        file.is_gone = file.is_ended = False
        self._lost_at.pop(file.id, None)
        self._changed.add(file.id)

    def _add(self, one: Found, position: int, head: Print = NOTHING, anchor: Print = NOTHING) -> Followed:
        """A new file, read from this place on."""
        source = self._source_of(one.name)
        device, inode = one.key
        row = FileRow(
            id=self._next_id,
            path=one.path,
            service=source.service,
            file=source.path,
            device=device,
            inode=inode,
            head=head,
            position=position,
            anchor=anchor,
            is_rotated=is_rotated(os.path.basename(one.path)),
            is_ended=False,
            seen_at=time.time(),
        )
        file = Followed(row, source, position, anchor)
        self._next_id += 1
        with self._lock:
            self._files[file.id] = file
            self._by_key[one.key] = file
        self._by_root[root_of(os.path.basename(one.path))].add(file.id)
        self._changed.add(file.id)
        return file

    def _forget_some(self) -> None:
        """Forget the files that have been nowhere for longest, where there are too many."""
        now = time.monotonic()
        # What was read and nobody took yet is nowhere else: while the producer is away that may be long.
        self._lost_at = {
            file_id: at for file_id, at in self._lost_at.items() if now - at < SEARCH_S or self._files[file_id].buffer
        }
        self._moved = {
            key: file_id
            for key, file_id in self._moved.items()
            if file_id in self._files and self._files[file_id].key is None
        }
        if len(self._files) - len(self._by_key) <= MAX_LOST:
            return
        lost = sorted(
            (file for file in self._files.values() if file.key is None and not file.buffer),
            key=lambda file: file.seen_at,
        )
        forgotten = [file.id for file in lost[: MAX_LOST // 2]]
        with self._lock:
            for file_id in forgotten:
                file = self._files.pop(file_id)
                self._lost_at.pop(file_id, None)
                self._by_root[root_of(os.path.basename(file.path))].discard(file_id)
        self._changed.difference_update(forgotten)
        self._checkpoint.forget(forgotten)

    def _close_some(self, newest: Followed) -> None:
        """Close the files that have been silent for longest, where too many are open."""
        self._opened += 1
        if self._opened <= self._max_open:
            return
        is_open = [file for file in self._by_key.values() if file.is_open]
        self._opened = len(is_open)
        if self._opened > self._max_open:
            for file in sorted(is_open, key=lambda file: file.read_at)[: 1 + self._max_open // 10]:
                if file is not newest:
                    file.close()

    def complain(self, file: Followed, error: Exception) -> None:
        """A file cannot be read; it is tried again."""
        if not file.problem:
            file.problem = str(getattr(error, "strerror", None) or error)
            log.warning("a file cannot be read", file=file.path, reason=file.problem)

    def _write(self) -> None:
        if self._changed:
            self._checkpoint.keep([self._files[file_id].row() for file_id in sorted(self._changed)])
            self._changed.clear()
