"""One log as its application writes it: a file that is appended to, in whole events and in halves."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from tests.torture.events import EventMaker

# The collector is told to wait far longer for the rest of a line.
LONGEST_PAUSE_S = 0.3

_LINE_FEED = ord("\n")
# What a generator of steps yields: how long to wait before the next one, in seconds.
Steps = Iterator[float]


class Stream:
    """The events of one log, and the file that they are written to.

    Args:
        number: of the stream.
        path: of its file, which is made by `open`.
        count: how many events it shall have.
        maker: of its events.
        rng: decides where halves end.

    Attributes:
        next: the number of the event that is written next, and how many were written.
        lines: lines of all events so far.
        written_bytes: with their line feeds.
        longest_pause_s: in the middle of a line, as it really was.
        rotations: the number of the next event when each began, and what was done.
    """

    def __init__(self, number: int, path: Path, count: int, maker: EventMaker, rng: random.Random) -> None:
        self.number = number
        self.path = path
        self.count = count
        self.next = 0
        self.lines = 0
        self.written_bytes = 0
        self.longest_pause_s = 0.0
        self._maker = maker
        self._rng = rng
        self.rotations: list[tuple[int, str]] = []
        self._fd = -1
        self._is_ended = True

    @property
    def name(self) -> str:
        """What its file is called, without an ending."""
        return self.path.name.partition(".")[0]

    @property
    def is_over(self) -> bool:
        """Whether everything was written."""
        return self.next >= self.count

    @property
    def size_bytes(self) -> int:
        """Of the file that is open."""
        return os.fstat(self._fd).st_size

    @property
    def inode(self) -> int:
        """Of the file that is open."""
        return os.fstat(self._fd).st_ino

    def open(self) -> None:
        """Open the file by its name, and make it where it is missing; another one that was open is closed."""
        self.close()
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def truncate(self) -> None:
        """Empty the file, as copy-truncate does; the next event stands at its start."""
        os.ftruncate(self._fd, 0)

    def write(self, most: int, *, has_end: bool = True) -> int:
        """Write so many events at once, or as many as are left; how many.

        Args:
            most: how many.
            has_end: whether a line feed stands behind the last one. Without it, the file must be left after that,
                or the line ended.
        """
        events = self._take(most)
        if events:
            self._put(b"\n".join(events) + (b"\n" if has_end else b""))
        return len(events)

    def end_line(self) -> None:
        """Write the line feed that the last event lacks, if it does."""
        if not self._is_ended:
            self._put(b"\n")

    def write_in_halves(self) -> Steps:
        """Write an event in two or three pieces, with pauses: in the middle of a line, or of a letter.

        Never where a line has ended: what is whole by then is an event for a collector that was patient for so long
        as the machine made this process wait.
        """
        for event in self._take(1):
            whole = event + b"\n"
            places = [at for at in range(1, len(whole)) if whole[at - 1] != _LINE_FEED]
            cuts = sorted(self._rng.choices(places, k=self._rng.randrange(1, 3)))
            for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
                if start:
                    began_s = time.monotonic()
                    yield self._rng.uniform(0.0, LONGEST_PAUSE_S)
                    self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - began_s)
                self._put(whole[start:end])

    def _take(self, most: int) -> list[bytes]:
        numbers = range(self.next, min(self.next + most, self.count))
        events = [self._maker.make(number) for number in numbers]
        self.next = numbers.stop
        self.lines += len(events) + sum(event.count(b"\n") for event in events)
        return events

    def _put(self, content: bytes) -> None:
        self._is_ended = content.endswith(b"\n")
        self.written_bytes += len(content)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
