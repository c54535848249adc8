"""The folder of files that hold batches while the producer is away, shared with other processes; bounded."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from logmill.handler.batches import Batch, Lane
from logmill.handler.losses import Loss, Losses
from logmill.handler.places import Place
from logmill.handler.segments import SUFFIX, DamagedError, Segment, lane_of

_SEGMENT_BYTES = 8 * 1024 * 1024
# The other files of the folder are counted so often.
_COUNT_EVERY_S = 5.0
_ADOPT_EVERY_S = 10.0
# What logs below ERROR may take of the room.
NORMAL_SHARE = 0.75
_TOPIC = "spill"


class Spill:
    """Appends batches to files of its own and gives them back in order; takes over what ended processes left.

    Not for several threads at once, but for what says so.

    Args:
        folders: where, the first that can be used.
        max_bytes: of all files in the folder, those of other processes too.
        losses: told of what cannot be written or read.
    """

    def __init__(self, folders: Sequence[Place], max_bytes: int, losses: Losses) -> None:
        self._places = folders
        self._max_bytes = max_bytes
        self._segment_bytes = min(_SEGMENT_BYTES, max(max_bytes // 8, 1))
        self._losses = losses
        self._folder = next((place.path for place in folders if place.is_usable()), None)
        self._segments: dict[Lane, deque[Segment]] = {lane: deque() for lane in Lane}
        self._counts = dict.fromkeys(Lane, 0)
        self._adopted: Segment | None = None
        self._unreadable: set[Path] = set()
        self._passed: set[str] = set()
        self._others_bytes = 0
        self._counted_s = self._looked_s = -1e9

    @property
    def size_bytes(self) -> int:
        """Of this process's own files."""
        return sum(one.size_bytes for one in self._own())

    @property
    def records(self) -> int:
        """Logs in them that are still to be sent."""
        return sum(one.records for one in self._own())

    def is_left(self) -> bool:
        """Whether there are files to take over."""
        return self._folder is not None and any(self._files(self._folder))

    def prepare(self) -> None:
        """Have the folder made.

        Raises:
            OSError: none of the folders can be used.
        """
        self._made()

    def batches(self, lane: Lane) -> int:
        """How many of this process and lane are still to be sent; any thread may ask."""
        return self._counts[lane]

    def append(self, batch: Batch) -> bool:
        """Write a batch; whether there was room, and it could be written."""
        share = 1.0 if batch.lane is Lane.URGENT else NORMAL_SHARE
        if self._used_bytes() + len(batch.body) > share * self._max_bytes:
            return False
        try:
            segments = self._segments[batch.lane]
            if not segments or segments[-1].size_bytes >= self._segment_bytes:
                segments.append(Segment.create(self._made(), batch.lane))
            segments[-1].append(batch)
            self._count(batch.lane)
        except OSError as error:
            self._losses.tell(_TOPIC, f"logs cannot be kept in {self._folder or self._places[0].path}: {_words(error)}")
            return False
        return True

    def first(self, lane: Lane) -> Batch | None:
        """The oldest batch of a lane; None where there is none."""
        for segment in list(self._segments[lane]):
            found = self._read(segment)
            if found is not None:
                return found
        self._count(lane)
        return None

    def first_left(self) -> Batch | None:
        """The oldest batch of a file that another process left, if one is known; looks for files now and then."""
        if self._adopted is None and time.monotonic() - self._looked_s >= _ADOPT_EVERY_S:
            self._adopt()
        return None if self._adopted is None else self._read(self._adopted)

    def settle(self, key: str) -> None:
        """A batch that is in one of the files need not be sent any more."""
        for segment in self._all():
            if self._first_key(segment) == key:
                segment.pass_first()
                self._tidy(segment)
                self._count(segment.lane)
                return
        # It was on its way from memory when it was written: it is passed over when its turn comes.
        self._passed.add(key)

    def sync(self) -> None:
        """Have the disk keep what was appended."""
        try:
            for segment in self._own():
                segment.sync()
        except OSError as error:
            self._losses.tell(_TOPIC, f"logs in {self._folder} may not survive a power cut: {_words(error)}")

    def close(self) -> None:
        """Let go of all files; those with nothing left in them are removed."""
        for segment in self._forget():
            if segment.is_empty:
                segment.remove()
            else:
                segment.close()

    def abandon(self) -> None:
        """Let go of all files after a fork: they are the parent's, and so are their locks."""
        for segment in self._forget():
            segment.close()

    def _forget(self) -> list[Segment]:
        """Know of no file any more; those that were known.

        As everywhere here, a file is closed after that: a child must not close again what may be another's by then.
        """
        known = self._all()
        self._segments = {lane: deque() for lane in Lane}
        self._adopted = None
        return known

    def _count(self, lane: Lane) -> None:
        self._counts[lane] = sum(segment.batches for segment in self._segments[lane])

    def _own(self) -> list[Segment]:
        return [segment for lane in Lane for segment in self._segments[lane]]

    def _all(self) -> list[Segment]:
        return [*self._own(), *([self._adopted] if self._adopted is not None else [])]

    def _read(self, segment: Segment) -> Batch | None:
        """Its first batch that can be read; those that cannot are counted as lost."""
        while not segment.is_empty:
            key = self._first_key(segment)
            if key in self._passed:
                self._passed.discard(key)
                segment.pass_first()
                continue
            try:
                found = segment.first()
            except DamagedError as error:
                self._lose(segment, error)
                continue
            if found is not None:
                return found
        self._tidy(segment)
        return None

    def _first_key(self, segment: Segment) -> str | None:
        try:
            return segment.first_key()
        except DamagedError as error:
            self._lose(segment, error)
            return None

    def _lose(self, segment: Segment, error: DamagedError) -> None:
        reason = f"{segment.path}: {error}"
        if error.records:
            self._losses.count(Loss.DAMAGED, error.records, reason)
        else:
            self._losses.tell(_TOPIC, reason)

    def _tidy(self, segment: Segment) -> None:
        """Remove a file in which nothing is left, or use it again where it is the one that is written to."""
        if not segment.is_empty:
            return
        if segment is self._adopted:
            self._adopted = None
            self._looked_s = -1e9
            segment.remove()
            return
        segments = self._segments[segment.lane]
        if segment is not segments[-1]:
            segments.remove(segment)
            segment.remove()
            return
        try:
            segment.reset()
        except OSError:
            segments.remove(segment)
            segment.remove()

    def _adopt(self) -> None:
        self._looked_s = time.monotonic()
        if self._folder is None:
            return
        for path, lane in self._files(self._folder):
            try:
                found = Segment.adopt(path, lane)
            except OSError as error:
                self._unreadable.add(path)
                self._losses.tell(_TOPIC, f"{path} cannot be read: {_words(error)}")
                continue
            if found is not None and not found.is_empty:
                self._adopted = found
                return
            if found is not None:
                found.remove()

    def _files(self, folder: Path) -> list[tuple[Path, Lane]]:
        """Files of other processes, errors first, then the oldest."""
        own = {segment.path for segment in self._all()}
        try:
            found = [Path(entry.path) for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
        except OSError:
            return []
        lanes = {path: lane_of(path) for path in found if path not in own and path not in self._unreadable}
        named = [(path, lane) for path, lane in lanes.items() if lane is not None]
        return sorted(named, key=lambda one: (one[1] is not Lane.URGENT, one[0].name))

    def _used_bytes(self) -> int:
        now_s = time.monotonic()
        if now_s - self._counted_s >= _COUNT_EVERY_S:
            self._counted_s = now_s
            self._others_bytes = sum(_size(path) for path, _ in self._files(self._folder)) if self._folder else 0
        return self._others_bytes + self.size_bytes

    def _made(self) -> Path:
        """The folder, which is there now.

        Raises:
            OSError: none can be used.
        """
        if self._folder is not None and self._folder.is_dir():
            return self._folder
        reason: OSError | None = None
        for place in self._places:
            try:
                place.make()
            except OSError as error:
                reason = reason or error
            else:
                self._folder = place.path
                return place.path
        raise reason or FileNotFoundError(errno.ENOENT, "there is no folder for it")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _words(error: OSError) -> str:
    return error.strerror or str(error)
