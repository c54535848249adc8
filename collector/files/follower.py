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
from collector.files.discovery import Discovery, Found, names_of
from collector.files.fingerprints import HEAD_BYTES, Print
from collector.files.followed import Followed, Key, Replaced
from collector.files.kinship import Kin, Kinship
from collector.files.names import is_rotated, root_of
from collector.files.starting import last_line_end
from collector.records.made import Source

log = structlog.get_logger()

# For so long after a rotation the folder is searched for what no pattern matches: the rest of a truncated file, or
# one that came and went between two looks.
SEARCH_S = 120.0
# What a truncated file left, and no copy holds, is taken as it is after this.
LEFTOVER_S = 10.0
# A file that is rotated, or has no name any more, is closed when it has been silent for so long.
CLOSE_ROTATED_S = 30.0
# Clocks of files and ours may differ by so much.
SLACK_S = 1.0


class Follower:
    """All files; used by the reading thread, but for `files`.

    Args:
        discovery: which there are.
        checkpoint: which there were.
        source_of: what records of a new file are said to be of, by its name.
        from_end: whether files that are there at the very first start are read from their end on.
        max_open: files that are open at a time.
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
        self._lock = threading.Lock()
        self._files: dict[int, Followed] = {}
        self._by_key: dict[Key, Followed] = {}
        self._by_root: defaultdict[str, set[int]] = defaultdict(set)
        self._changed: set[int] = set()
        # Logs whose name was taken over, and since when what appears beside them may be a part of them.
        self._shifted: dict[tuple[str, str], tuple[float, float]] = {}
        self._lost_at: dict[int, float] = {}
        self._next_id = 1
        self._is_first_scan = True
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
        found = self._discovery.find()
        folders: dict[str, dict[str, int]] = {}
        now = time.time()
        for file in [file for file in self._files.values() if file.key is not None]:
            self._locate(file, found, folders, now)
        unknown = [one for key, one in found.items() if key not in self._by_key]
        beside = self._beside(found)
        for one in sorted([*unknown, *beside], key=lambda one: one.stat.st_mtime_ns):
            self._meet(one, now, is_matched=one.key in found)
        self._kinship.forget([one.key for one in (*unknown, *beside)])
        if self._is_first_scan:
            self._checkpoint.note("started", str(now))
        self._is_first_scan = self._from_end = False
        self._write()

    def due(self) -> list[Followed]:
        """The files to look at now."""
        now = time.monotonic()
        return [file for file in self._by_key.values() if file.due_at <= now]

    def open(self, file: Followed) -> bool:
        """Open a file that is closed; says whether it can be read. Where another is in its place, both part."""
        if file.is_open:
            return True
        try:
            file.open()
        except Replaced:
            self.part(file)
            return False
        except FileNotFoundError:
            return False  # the next scan finds out where it is
        except OSError as error:
            self._complain(file, error)
            return False
        file.problem = ""
        self._close_some()
        return True

    def part(self, file: Followed) -> None:
        """Its file holds other content now: that is a new file, and what was in it before is looked for elsewhere."""
        content = file.release()
        self._lose(file)
        if content is not None:
            stat = content.stat()
            self._add(Found(file.source.path, file.path, stat), 0).adopt(content)
        else:
            found = self._discovery.look(file.path)
            if found is not None and found.key not in self._by_key:
                self._add(found, 0)
        self._write()

    def finish(self, file: Followed) -> None:
        """Close a file that has been silent since it was rotated; forget where one is that has no name any more."""
        file.close()
        if file.is_gone:
            self._lose(file)
            self._lost_at.pop(file.id, None)
        self._write()

    def left_over(self) -> list[Followed]:
        """Files that were truncated, whose last bytes are here and were not found elsewhere."""
        now = time.monotonic()
        return [
            self._files[file_id]
            for file_id, at in self._lost_at.items()
            if self._files[file_id].buffer and now - at > LEFTOVER_S
        ]

    def _locate(
        self, file: Followed, found: Mapping[Key, Found], folders: dict[str, dict[str, int]], now: float
    ) -> None:
        """Find out where a file is now."""
        assert file.key is not None  # noqa: S101 - for the type checker
        one = found.get(file.key)
        path = file.path if one is None else one.path
        if one is None:
            folder, name = os.path.split(file.path)
            names = folders.setdefault(folder, names_of(folder))
            inode = file.key[1]
            if names.get(name) != inode:
                path = next((os.path.join(folder, other) for other, number in names.items() if number == inode), "")
            if path and not file.is_open:
                one = self._discovery.look(path)
        if one is None:
            pass
        elif not file.is_open and not file.is_ended and one.stat.st_size != file.offset:
            file.due_at = 0.0
        if path:
            if path != file.path:
                self._shift(file, path)
            file.seen_at = now
            file.is_gone = False
            return
        self._note_shift(file)
        if not file.is_open:
            self._lose(file)
        else:
            # What has no name is read to its end, and then parted with.
            file.is_gone = True

    def _shift(self, file: Followed, path: str) -> None:
        """It has another name."""
        self._note_shift(file)
        file.path = path
        file.is_rotated = file.is_rotated or is_rotated(os.path.basename(path))
        file.due_at = 0.0
        self._changed.add(file.id)

    def _note_shift(self, file: Followed) -> None:
        folder, name = os.path.split(file.path)
        if not is_rotated(name):
            log_of = (folder, root_of(name))
            since = min(file.seen_at, self._shifted.get(log_of, (file.seen_at, 0.0))[0])
            self._shifted[log_of] = (since, time.monotonic())

    def _lose(self, file: Followed) -> None:
        """Nobody knows where its content is."""
        self._note_shift(file)
        with self._lock:
            if file.key is not None and self._by_key.get(file.key) is file:
                del self._by_key[file.key]
            file.key = None
        self._lost_at[file.id] = time.monotonic()
        self._changed.add(file.id)

    def _beside(self, found: Mapping[Key, Found]) -> list[Found]:
        """Unknown files that no pattern matches, beside logs whose name was taken over a moment ago."""
        now = time.monotonic()
        self._shifted = {log_of: at for log_of, at in self._shifted.items() if now - at[1] < SEARCH_S}
        self._lost_at = {file_id: at for file_id, at in self._lost_at.items() if now - at < SEARCH_S}
        beside = []
        for folder in {folder for folder, _root in self._shifted}:
            for name in names_of(folder):
                if is_rotated(name) and (folder, root_of(name)) in self._shifted:
                    one = self._discovery.look(os.path.join(folder, name))
                    if one is not None and one.key not in found and one.key not in self._by_key:
                        beside.append(one)
        return beside

    def _meet(self, one: Found, now: float, *, is_matched: bool) -> None:
        """Find out what a file is that is not known by its inode."""
        if one.key in self._by_key:
            return
        folder, name = os.path.split(one.path)
        kin, relative = Kin.NONE, None
        try:
            if is_rotated(name):
                kin, relative = self._kinship.of(one, self._relatives(one.path))
            elif self._is_first_scan:
                # A disk that was restored, or is mounted elsewhere, has other inodes.
                lost = [file for file in self._relatives(one.path) if file.key is None and file.position >= HEAD_BYTES]
                kin, relative = self._kinship.of(one, lost)
            start = last_line_end(one.path, one.stat.st_size) if self._from_end else 0
        except OSError as error:
            self._discovery.problems[one.path] = error.strerror or str(error)
            return
        if kin is Kin.REST and relative is not None:
            self._attach(relative, one, now)
        elif kin is Kin.NONE:
            since, _at = self._shifted.get((folder, root_of(name)), (math.inf, 0.0))
            # What was written last before the log was seen under its name was rotated before anybody followed it.
            if is_matched or one.stat.st_mtime >= since - SLACK_S:
                self._add(one, start)

    def _relatives(self, path: str) -> list[Followed]:
        """The files whose rotation this may be, by its name; in other folders where there is enough to compare."""
        folder, name = os.path.split(path)
        files = [self._files[file_id] for file_id in sorted(self._by_root.get(root_of(name), ()))]
        return [file for file in files if os.path.dirname(file.path) == folder or file.position >= HEAD_BYTES]

    def _attach(self, file: Followed, one: Found, now: float) -> None:
        """The content of a file that was lost is found."""
        log.info("the rest of a rotated file was found", file=file.source.path, where=one.path, position=file.position)
        with self._lock:
            file.key = one.key
            self._by_key[one.key] = file
        file.path, file.seen_at, file.due_at = one.path, now, 0.0
        file.buffer = b""
        file.is_rotated, file.is_gone, file.is_ended = True, False, False
        self._lost_at.pop(file.id, None)
        self._changed.add(file.id)

    def _add(self, one: Found, position: int) -> Followed:
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
            head=Print(),
            position=position,
            anchor=Print(),
            is_rotated=is_rotated(os.path.basename(one.path)),
            is_ended=False,
            seen_at=time.time(),
        )
        file = Followed(row, source, position, Print())
        self._next_id += 1
        with self._lock:
            self._files[file.id] = file
            self._by_key[one.key] = file
        self._by_root[root_of(os.path.basename(one.path))].add(file.id)
        self._changed.add(file.id)
        return file

    def _close_some(self) -> None:
        """Close the files that have been silent for longest, where too many are open."""
        is_open = [file for file in self._by_key.values() if file.is_open]
        if len(is_open) > self._max_open:
            for file in sorted(is_open, key=lambda file: file.read_at)[: max(1, self._max_open // 10)]:
                file.close()

    def _complain(self, file: Followed, error: OSError) -> None:
        if not file.problem:
            file.problem = error.strerror or str(error)
            log.warning("a file cannot be read", file=file.path, reason=file.problem)

    def _write(self) -> None:
        if self._changed:
            self._checkpoint.keep([self._files[file_id].row() for file_id in sorted(self._changed)])
            self._changed.clear()
