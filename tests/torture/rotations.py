"""Every way in which a log is rotated, as steps; nothing is destroyed that nobody could save."""

from __future__ import annotations

import gzip
import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.torture.safety import LOOK_S, PATIENCE_S, Way, all_stored, hold, is_open
from tests.torture.streams import Steps, Stream
from tests.torture.tally import Tally
from tests.torture.watch import Stored, Watch

# As many rotated files may lie there as a setting of logrotate says; then all but the newest few are deleted.
MOST_ROTATED = 7
LEFT_ROTATED = 3
_COPY_PIECES = 3
_INODE_TRIES = 20
# The number of seconds that logrotate puts behind a name, on 2026-01-31.
_FIRST_SECOND = 1_769_817_600
_COMPRESSED = ".gz"

# Every way by its name, in words.
WAYS = {
    "rename": "app.log becomes app.log.1, that app.log.2 and so on",
    "rename, reopen late": "the same, and the writer goes on in app.log.1 for a while, as until logrotate's signal",
    "date": "app.log becomes app.log-20260131-1769817601",
    "copy-truncate": "app.log is copied to app.log.1 and emptied; the writer waits, or what it writes would be lost",
    "compress": "app.log becomes app.log.1, and that app.log.1.gz at once",
    "delayed compress": "app.log becomes app.log.1 when app.log.1 becomes app.log.2.gz",
    "copy-truncate, compress": "app.log is copied to app.log.1 and emptied, and app.log.1 becomes app.log.1.gz",
    "move": "app.log moves to another folder, which another glob matches",
    "truncate": "app.log is emptied once all of it is stored",
    "delete": "app.log is deleted while the collector has it open, before it read all of it, and made anew",
    "delete, write on": "the same, and the writer goes on in the deleted file for a moment",
    "same inode": "app.log is deleted once all of it is stored, and made anew with the same inode",
}
# Those that wait until the collector has read something.
NEED_COLLECTOR = frozenset({"truncate", "delete", "delete, write on", "same inode"})


class Rotator:
    """Rotates one log.

    Args:
        stream: what writes it.
        archive: a folder for files that are moved; each gets one of its own in it, and keeps its name.
        scratch: a folder of the same file system that nobody reads.
        watch: what may be destroyed now.
        stored: what storage holds.
        tally: where it counts.
        rng: decides what is left to chance.
        patience_s: how long it waits until something is safe.
    """

    def __init__(
        self,
        stream: Stream,
        archive: Path,
        scratch: Path,
        watch: Watch,
        stored: Stored,
        tally: Tally,
        rng: random.Random,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._stream = stream
        self._archive = archive
        self._scratch = scratch
        self._watch = watch
        self._stored = stored
        self._tally = tally
        self._rng = rng
        self._patience_s = patience_s
        # app.log.1, app.log.2 and so on.
        self._numbered: list[Path] = []
        # Those whose names stay, the newest first.
        self._named: list[Path] = []
        self._names = 0
        self._ways: dict[str, Callable[[], Way]] = {
            "rename": self._rename,
            "rename, reopen late": self._rename_reopen_late,
            "date": self._date,
            "copy-truncate": self._copy_truncate,
            "compress": self._rename_compress,
            "delayed compress": self._delayed_compress,
            "copy-truncate, compress": self._copy_compress,
            "move": self._move,
            "truncate": self._truncate,
            "delete": self._delete,
            "delete, write on": partial(self._delete, writes_on=True),
            "same inode": self._same_inode,
        }

    def rotate(self, name: str) -> Steps:
        """Rotate in this way, if that is safe, and count it."""
        first, was_down = self._stream.next, not self._watch.collector_pid
        is_done = yield from self._ways[name]()
        if not is_done:
            self._tally.given_up[name] += 1
            return
        self._watch.count_rotation()
        self._tally.done[name] += 1
        # From its beginning to its end.
        is_down = was_down and not self._watch.collector_pid
        self._tally.done_while_down[name] += is_down
        self._stream.rotations.append((first, f"{name}{' while down' if is_down else ''}"))

    def _rename(self) -> Way:
        yield from self._rename_to_first()
        self._stream.open()
        return True

    def _rename_reopen_late(self) -> Way:
        stream, rng = self._stream, self._rng
        yield from self._rename_to_first(may_lack_end=False)
        for _ in range(rng.randrange(1, 4)):
            if rng.random() < 0.5:
                yield from stream.write_in_halves()
            else:
                stream.write(rng.randrange(1, 40))
            yield rng.uniform(0.0, 0.2)
        stream.open()
        return True

    def _date(self) -> Way:
        stream = self._stream
        yield from self._make_room()
        self._finish_file()
        self._names += 1
        second = _FIRST_SECOND + self._names
        self._named.insert(0, stream.path.rename(stream.path.with_name(f"{stream.path.name}-20260131-{second}")))
        stream.open()
        return True

    def _copy_truncate(self) -> Way:
        yield from self._copy_to_first()
        return True

    def _rename_compress(self) -> Way:
        yield from self._rename_to_first()
        self._stream.open()
        yield from self._compress_first()
        return True

    def _delayed_compress(self) -> Way:
        if self._numbered and self._numbered[0].suffix != _COMPRESSED:
            yield from self._compress_first()
        yield from self._rename_to_first()
        self._stream.open()
        return True

    def _copy_compress(self) -> Way:
        yield from self._copy_to_first()
        yield from self._compress_first()
        return True

    def _move(self) -> Way:
        stream = self._stream
        yield from self._make_room()
        self._finish_file()
        self._names += 1
        folder = self._archive / f"{stream.name}-{self._names}"
        folder.mkdir(parents=True)
        self._named.insert(0, stream.path.rename(folder / stream.path.name))
        stream.open()
        return True

    def _truncate(self) -> Way:
        if not (yield from self._finish_stored()):
            return False
        self._stream.truncate()
        return True

    def _delete(self, *, writes_on: bool = False) -> Way:
        stream, rng = self._stream, self._rng
        if not (yield from hold(self._watch, self._patience_s)):
            return False
        try:
            if not (yield from is_open(self._watch, stream.path, self._patience_s / 4)):
                return False
            stream.write(rng.randrange(1, 60), has_end=writes_on or rng.random() < 0.7)
            stream.path.unlink()
            if writes_on:
                stream.write(rng.randrange(1, 20), has_end=rng.random() < 0.7)
            else:
                yield rng.choice((0.0, 0.0, 0.2))
            stream.open()
            stream.write(rng.randrange(1, 60))
            self._tally.deleted_unread += 1
            yield from all_stored(stream, self._stored, 3 * self._patience_s)
        finally:
            self._watch.release()
        return True

    def _same_inode(self) -> Way:
        stream = self._stream
        if not (yield from self._finish_stored()):
            return False
        before = stream.inode
        stream.close()
        stream.path.unlink()
        # The collector may have it open for a while yet.
        deadline_s = time.monotonic() + self._patience_s / 4
        while not self._take_inode(before) and time.monotonic() < deadline_s:
            yield LOOK_S
        stream.open()
        self._tally.reused += stream.inode == before
        return True

    def _take_inode(self, wanted: int) -> bool:
        """Make the file anew if it gets this inode; what gets others is made elsewhere and removed again."""
        made = []
        try:
            for number in range(_INODE_TRIES):
                path = self._scratch / f"{self._stream.name}-{number}"
                path.touch()
                made.append(path)
                if path.stat().st_ino == wanted:
                    path.rename(self._stream.path)
                    made.pop()
                    return True
        finally:
            for path in made:
                path.unlink()
        return False

    def _finish_file(self, *, may_lack_end: bool = True) -> None:
        """Write what stands last in the file that is left."""
        if may_lack_end and self._rng.random() < 0.4:
            self._stream.write(self._rng.randrange(1, 4), has_end=False)

    def _finish_stored(self) -> Way:
        """The same, and wait until all is stored; where that takes too long, the last line gets its end."""
        self._finish_file()
        is_stored = yield from all_stored(self._stream, self._stored, self._patience_s)
        if not is_stored:
            self._stream.end_line()
        return is_stored

    def _rename_to_first(self, *, may_lack_end: bool = True) -> Steps:
        yield from self._shift()
        self._finish_file(may_lack_end=may_lack_end)
        stream = self._stream
        self._numbered.insert(0, stream.path.rename(self._numbered_path(1)))
        yield self._rng.choice((0.0, 0.0, 0.05))

    def _copy_to_first(self) -> Steps:
        """Copy it piece by piece, so that half a copy can be seen, and empty it."""
        yield from self._shift()
        self._finish_file()
        stream = self._stream
        piece_bytes = max(1, -(-stream.size_bytes // self._rng.randrange(1, _COPY_PIECES + 1)))
        target = self._numbered_path(1)
        with stream.path.open("rb") as old, target.open("xb", buffering=0) as new:
            while piece := old.read(piece_bytes):
                new.write(piece)
                yield self._rng.choice((0.0, 0.02))
        self._numbered.insert(0, target)
        yield self._rng.choice((0.0, 0.0, 0.1))
        stream.truncate()

    def _compress_first(self) -> Steps:
        """As gzip does with app.log.1: the compressed file grows beside the other one, which is removed then."""
        path = self._numbered[0]
        target = self._numbered_path(1, _COMPRESSED)
        content = gzip.compress(path.read_bytes(), 6)
        cut = self._rng.randrange(len(content))
        with target.open("xb", buffering=0) as new:
            new.write(content[:cut])
            yield self._rng.choice((0.0, 0.0, 0.1, 0.3))
            new.write(content[cut:])
        shutil.copystat(path, target)
        yield self._rng.choice((0.0, 0.0, 0.05))
        path.unlink()
        self._numbered[0] = target

    def _shift(self) -> Steps:
        """Rename app.log.1 to app.log.2 and so on, the oldest first."""
        yield from self._make_room()
        for number in range(len(self._numbered), 0, -1):
            path = self._numbered[number - 1]
            suffix = _COMPRESSED if path.suffix == _COMPRESSED else ""
            self._numbered[number - 1] = path.rename(self._numbered_path(number + 1, suffix))

    def _make_room(self) -> Steps:
        """Delete old rotated files where there are many, once they are stored."""
        old = [chain for chain in (self._numbered, self._named) if len(chain) > MOST_ROTATED]
        if old and (yield from all_stored(self._stream, self._stored, self._patience_s / 4)):
            for chain in old:
                for path in chain[LEFT_ROTATED:]:
                    path.unlink()
                del chain[LEFT_ROTATED:]

    def _numbered_path(self, number: int, suffix: str = "") -> Path:
        return self._stream.path.with_name(f"{self._stream.path.name}.{number}{suffix}")
