"""Live tails: the blocks that are stored, handed by reference to whoever follows them, each row once.

Storing never waits for a reader. All tails share one bounded queue of the newest blocks, and each has its own place in
it; a block leaves once every tail is past it, or when there are too many. A tail whose next row has left is too slow:
it ends, and knows how many rows it missed. While nobody follows, a block costs one look at an empty set.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from logmill.errors import Retry

MAX_ROWS = 200_000
MAX_BYTES = 128 * 1024 * 1024
# What one tail is handed at a time, unless a single block is larger.
_TAKE_ROWS = 5_000
# Tails share the interpreter with everything else: for each second that they compute, all of them rest one, and while
# something is being stored they wait for its end first, so long at most.
_REST_FACTOR = 1
_LONGEST_REST_S = 0.25
_STORING_WAIT_S = 0.05
_TURN_TIMEOUT_S = 5.0
# How long a tail may still be writing when the process stops, before its connection is cut.
_CUT_AFTER_S = 1.0


class TooManyTails(Retry):
    """As many tails are open as may be."""


class End(StrEnum):
    """Why a tail ends."""

    SLOW_READER = "slow_reader"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that were stored together.

    Attributes:
        first: the number of the first row, counted over all blocks.
        table: the rows, in any form that blocks have.
        size_bytes: what they take.
    """

    first: int
    table: pa.Table
    size_bytes: int

    @property
    def end(self) -> int:
        """The number after that of the last row."""
        return self.first + int(self.table.num_rows)


class Tails:
    """All tails of one store; safe for threads.

    Args:
        most: how many may be open at a time.
        max_rows: rows that are kept for tails that are behind; the newest block is kept whatever its size.
        max_bytes: the same in bytes.
    """

    def __init__(self, most: int, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> None:
        self._most = most
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._turn = threading.Lock()
        self._quiet = threading.Condition()
        self._storing = 0
        self._open: set[Tail] = set()
        self._blocks: deque[Block] = deque()
        self._size_bytes = 0
        self._end = 0
        self._is_stopping = False

    def push(self, table: pa.Table) -> None:
        """Hand on rows that are stored now."""
        if not self._open:
            return
        size_bytes = int(table.nbytes)
        with self._changed:
            block = Block(self._end, table, size_bytes)
            self._end = block.end
            self._blocks.append(block)
            self._size_bytes += block.size_bytes
            self._trim()
            self._changed.notify_all()

    def open(self, cut: Callable[[], None] = lambda: None) -> Tail:
        """A tail of what is stored from now on; close it.

        Args:
            cut: ends the connection it writes to, from another thread.

        Raises:
            TooManyTails: as many are open as may be.
            Retry: the process is stopping.
        """
        with self._changed:
            if self._is_stopping:
                raise Retry("storage is stopping", retry_after_s=2)
            if len(self._open) >= self._most:
                raise TooManyTails(f"{self._most} tails are open, LOGMILL_MAX_TAILS allows no more", retry_after_s=5)
            tail = Tail(self, self._end, cut)
            self._open.add(tail)
        return tail

    def stop(self) -> None:
        """End all tails; the connections of those that do not get to it within a second are cut."""
        with self._changed:
            self._is_stopping = True
            for tail in self._open:
                tail.end = tail.end or End.SHUTDOWN
            self._changed.notify_all()
            if not self._open:
                return
        timer = threading.Timer(_CUT_AFTER_S, self._cut)
        timer.daemon = True
        timer.start()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Something is being stored meanwhile: tails step back."""
        with self._quiet:
            self._storing += 1
        try:
            yield
        finally:
            with self._quiet:
                self._storing -= 1
                self._quiet.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One tail at a time computes, in the pauses of storing where there are any, and all rest after it."""
        mine = self._turn.acquire(timeout=_TURN_TIMEOUT_S)
        with self._quiet:
            self._quiet.wait_for(lambda: not self._storing, _STORING_WAIT_S)
        start_s = time.thread_time()
        try:
            yield
        finally:
            if mine:
                time.sleep(min(_LONGEST_REST_S, _REST_FACTOR * (time.thread_time() - start_s)))
                self._turn.release()

    def _cut(self) -> None:
        with self._changed:
            left = list(self._open)
        for tail in left:
            tail.cut()

    def take(self, tail: Tail, timeout_s: float) -> list[Block]:
        """As `Tail.take`."""
        with self._changed:
            self._trim()
            if tail.end is None and tail.place == self._end:
                self._changed.wait(timeout_s)
            if self._is_behind(tail):
                return []
            found: list[Block] = []
            rows = 0
            for block in self._blocks:
                if block.first >= tail.place and rows < _TAKE_ROWS:
                    found.append(block)
                    rows += block.table.num_rows
            return found

    def close(self, tail: Tail) -> None:
        """As `Tail.close`."""
        with self._changed:
            self._open.discard(tail)
            self._trim()

    def goes_on(self, tail: Tail) -> bool:
        """As `Tail.goes_on`."""
        with self._changed:
            return not self._is_behind(tail)

    def _is_behind(self, tail: Tail) -> bool:
        """Whether the tail has ended; it does where its next row has left."""
        if tail.end is None and tail.place < (self._blocks[0].first if self._blocks else self._end):
            tail.end = End.SLOW_READER
            tail.missed = self._end - tail.place
        return tail.end is not None

    def _trim(self) -> None:
        """Let go of what every tail has seen, and of the oldest where there is too much."""
        seen = min((tail.place for tail in self._open if tail.end is None), default=self._end)
        while self._blocks and (self._blocks[0].end <= seen or (len(self._blocks) > 1 and self._is_full())):
            self._size_bytes -= self._blocks.popleft().size_bytes

    def _is_full(self) -> bool:
        return self._end - self._blocks[0].first > self._max_rows or self._size_bytes > self._max_bytes


class Tail:
    """One reader's place; used by one thread.

    Attributes:
        place: the number of the row that it wants next; whoever reads moves it on.
        end: why it ended, None while it goes on.
        missed: rows that were stored, whether it wanted them or not, and that it was too slow for.
        cut: ends the connection it writes to.
    """

    def __init__(self, tails: Tails, place: int, cut: Callable[[], None]) -> None:
        self._tails = tails
        self.place = place
        self.end: End | None = None
        self.missed = 0
        self.cut = cut

    def take(self, timeout_s: float) -> list[Block]:
        """The next blocks, oldest first; none where nothing comes within `timeout_s`, or where it has ended."""
        return self._tails.take(self, timeout_s)

    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self._tails.goes_on(self)

    def turn(self) -> AbstractContextManager[None]:
        """As `Tails.turn`."""
        return self._tails.turn()

    def close(self) -> None:
        """Let go of its place; may be called again."""
        self._tails.close(self)
