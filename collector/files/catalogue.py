"""The files that are known, wherever they are: by number, by inode, and by the log whose rotations they are."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from collector.checkpoint import Checkpoint
from collector.checkpoint_rows import End, FileRow, LeftOver
from collector.files.discovery import Found
from collector.files.fingerprints import HEAD_BYTES, Key, Print
from collector.files.followed import Followed
from collector.files.names import is_rotated, root_of
from collector.files.shifts import SEARCH_S
from collector.records.made import Source

# What a truncated file left, and no copy holds, is taken as it is after this.
LEFTOVER_S = 10.0
# Files that are nowhere now and known all the same: their rotated copies may come to light.
MAX_LOST = 50_000
NOTHING = Print()


class Catalogue:
    """All files, also in the checkpoint; used by the reading thread, but for `files` and `settled`.

    Args:
        checkpoint: which there were, and where they are written.
        source_of: what records of a new file are said to be of, by its name.
    """

    def __init__(self, checkpoint: Checkpoint, source_of: Callable[[str], Source]) -> None:
        self._checkpoint = checkpoint
        self._source_of = source_of
        self._lock = threading.Lock()
        self._files: dict[int, Followed] = {}
        self._by_key: dict[Key, Followed] = {}
        self._by_root: defaultdict[str, set[int]] = defaultdict(set)
        self._changed: set[int] = set()
        # Files whose content is nowhere now, and since when, monotonic.
        self._lost_at: dict[int, float] = {}
        # Those that were moved to where nobody looks, by what they would be known by if they came back.
        self._moved: dict[Key, int] = {}
        self._next_id = 1
        self._alive_at = 0.0

    @property
    def is_first_start(self) -> bool:
        """Whether no collector has looked before."""
        return self._checkpoint.fact("started") is None

    def note_start(self) -> None:
        """From now on one has."""
        self._checkpoint.note("started", str(time.time()))

    def __contains__(self, key: object) -> bool:
        """Whether a file is known to have this device and inode."""
        return key in self._by_key

    def get(self, key: Key) -> Followed | None:
        """The file that is known to have this device and inode."""
        return self._by_key.get(key)

    def seen_until(self) -> float:
        """Until when all files were seen to hold what was read of them, seconds since 1970.

        What was rotated later may be unknown, since nothing is read while the producer is away.
        """
        return min((file.seen_at for file in self._by_key.values() if not file.problem), default=time.time())

    def __len__(self) -> int:
        """Files whose content is known to be somewhere."""
        return len(self._by_key)

    def __iter__(self) -> Iterator[Followed]:
        """The same; the catalogue must not change meanwhile."""
        return iter(self._by_key.values())

    def load(self, ends: Mapping[int, End], alive_at: float) -> None:
        """Take up what the checkpoint knows.

        Args:
            ends: how far batches go that are kept in it and not settled, by file.
            alive_at: what `seen_until` said last.
        """
        self._alive_at = alive_at
        left_over = {one.file_id: one for one in self._checkpoint.left_over()}
        for row in self._checkpoint.files():
            end = ends.get(row.id)
            position, anchor = (row.position, row.anchor) if end is None else (end.position, end.anchor)
            source = Source(row.file, row.service, self._source_of(row.file).host)
            file = Followed(row, source, position, anchor)
            left = left_over.get(row.id)
            if left is not None and left.position == position:
                file.buffer = left.data
            if file.key is not None:
                file.seen_at = max(file.seen_at, alive_at)
                self._by_key[file.key] = file
            elif file.buffer or time.time() - row.seen_at < SEARCH_S:
                self._lost_at[file.id] = time.monotonic()
            self._files[file.id] = file
            self._note_root(file)
            self._next_id = max(self._next_id, file.id + 1)

    def rotated_before(self) -> Iterator[tuple[str, float]]:
        """Logs that were rotated before this start, and when they were seen last: what came since may be of them."""
        for file in self._files.values():
            folder, name = os.path.split(file.path)
            log = os.path.join(folder, root_of(name))
            is_lost = file.key is None and self._alive_at - file.seen_at < SEARCH_S
            if is_lost or (file.key is not None and not log == file.path == file.source.path):
                yield log, file.seen_at
                yield file.source.path, file.seen_at

    def files(self) -> Sequence[Followed]:
        """Those whose content is known to be somewhere; for other threads to look at."""
        with self._lock:
            return list(self._by_key.values())

    def settled(self, ends: Iterable[End]) -> None:
        """So far the producer has them; any thread may say so."""
        with self._lock:
            for end in ends:
                file = self._files.get(end.file_id)
                if file is not None:
                    file.settled = max(file.settled, end.position)

    def add(self, one: Found, position: int, head: Print = NOTHING, anchor: Print = NOTHING) -> Followed:
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
        file.sighted = one.written
        self._next_id += 1
        with self._lock:
            self._files[file.id] = file
            self._by_key[one.key] = file
        self._note_root(file)
        self._changed.add(file.id)
        return file

    def rename(self, file: Followed, path: str) -> None:
        """A file has another name now."""
        file.path, file.due_at = path, 0.0
        file.is_rotated = file.is_rotated or is_rotated(os.path.basename(path))
        self._note_root(file)
        self._changed.add(file.id)

    def lose(self, file: Followed) -> None:
        """Nobody knows where its content is."""
        with self._lock:
            if file.key is not None and self._by_key.get(file.key) is file:
                del self._by_key[file.key]
            file.key = None
        self._lost_at[file.id] = time.monotonic()
        self._changed.add(file.id)

    def let_go(self, file: Followed) -> None:
        """Nobody has to look for it: it is read, and has no name any more, or one where nobody looks."""
        if file.key is not None and not file.is_deleted:
            self._moved[file.key] = file.id
        self.lose(file)
        self._lost_at.pop(file.id, None)

    def attach(self, file: Followed, one: Found, now: float) -> None:
        """The content of a file that was lost is found."""
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

    def moved(self, key: Key) -> Followed | None:
        """The file that was moved to where nobody looks, and had this device and inode."""
        file = self._files.get(self._moved.get(key, 0))
        return file if file is not None and file.key is None else None

    def relatives(self, path: str) -> list[Followed]:
        """The files whose rotation this may be, by its name; in other folders where there is enough to compare."""
        folder, name = os.path.split(path)
        ids = sorted(self._by_root.get(root_of(name), ()))
        files = [self._files[file_id] for file_id in ids if file_id in self._files]
        return [file for file in files if file.position >= HEAD_BYTES or folder in _folders(file)]

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

    def keep_left_over(self) -> None:
        """Keep what is left over for the next start, by which it may be found elsewhere.

        Raises:
            CheckpointUnavailable: it is not kept.
        """
        files = [file for file in self._files.values() if file.buffer and (file.key is None or file.is_gone)]
        self._checkpoint.keep_left_over([LeftOver(file.id, file.position, file.buffer) for file in files])

    def forget_some(self) -> None:
        """Forget the files that have been nowhere for longest, where there are too many."""
        now = time.monotonic()
        # What was read and nobody took yet is nowhere else: while the producer is away that may be long.
        self._lost_at = {
            file_id: at for file_id, at in self._lost_at.items() if now - at < SEARCH_S or self._files[file_id].buffer
        }
        self._moved = {key: file_id for key, file_id in self._moved.items() if self.moved(key) is not None}
        if len(self._files) - len(self._by_key) <= MAX_LOST:
            return
        lost = sorted(
            (file for file in self._files.values() if file.key is None and not file.buffer),
            key=lambda file: file.seen_at,
        )
        forgotten = {file.id for file in lost[: MAX_LOST // 2]}
        with self._lock:
            for file_id in forgotten:
                del self._files[file_id]
                self._lost_at.pop(file_id, None)
        for root, ids in list(self._by_root.items()):
            ids.difference_update(forgotten)
            if not ids:
                del self._by_root[root]
        self._changed -= forgotten
        self._checkpoint.forget(sorted(forgotten))

    def write(self) -> None:
        """Write what changed.

        Raises:
            CheckpointUnavailable: it is written the next time.
        """
        if self._changed:
            self._checkpoint.keep([self._files[file_id].row() for file_id in sorted(self._changed)])
            self._changed.clear()

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()

    def _note_root(self, file: Followed) -> None:
        self._by_root[root_of(os.path.basename(file.path))].add(file.id)


def _folders(file: Followed) -> set[str]:
    """Where it lies, and where it was written."""
    return {os.path.dirname(file.path), os.path.dirname(file.source.path)}
