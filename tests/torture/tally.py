"""What the writers did, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts of one writer, or of several together.

    Attributes:
        done: rotations by the names of the ways.
        done_while_down: those of them from whose beginning to whose end the collector was down.
        given_up: those that were not safe in time, and left out.
        reused: files that were made anew with the inode of the one before.
        deleted_unread: files that were deleted while the collector had not read all of them.
        short_files: files that appeared and vanished.
        lines: of all events.
        written_bytes: with their line feeds.
        longest_pause_s: in the middle of a line; longer than was meant where the machine was busy.
    """

    done: Counter[str] = field(default_factory=Counter)
    done_while_down: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)
    reused: int = 0
    deleted_unread: int = 0
    short_files: int = 0
    lines: int = 0
    written_bytes: int = 0
    longest_pause_s: float = 0.0

    def add(self, other: Tally) -> None:
        """Count what another one counted."""
        for counter, more in (
            (self.done, other.done), (self.done_while_down, other.done_while_down), (self.given_up, other.given_up),
        ):  # fmt: skip
            counter.update(more)
        self.reused += other.reused
        self.deleted_unread += other.deleted_unread
        self.short_files += other.short_files
        self.lines += other.lines
        self.written_bytes += other.written_bytes
        self.longest_pause_s = max(self.longest_pause_s, other.longest_pause_s)
