"""Makes events of the bytes of one file: a line each, or the lines of one trace together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import polars as pl

from collector.framing import containers
from collector.framing.lines import cut_lines, pieces
from collector.framing.traces import HINTS, continuations
from logmill.errors import ConfigError

AUTO, NONE = "auto", "none"
# An event that has more lines is given in several.
MAX_EVENT_LINES = 1000


class Coming(Enum):
    """What may follow the bytes that are there.

    MORE: the rest of what is being written; the last event may not be whole.
    LINES: nothing for now; whole lines are whole events, but the last line may still get its end.
    NOTHING: the file has ended.
    """

    MORE = auto()
    LINES = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Framed:
    """Events without line ends at their ends, and how many bytes of the buffer they took."""

    events: Sequence[bytes]
    used_bytes: int


class Framer:
    """Frames buffers; it keeps nothing between two of them, so one serves all files.

    Args:
        multiline: "auto": indented lines and those of stack traces belong to the line before them; "none": each line is
            an event; else an expression (of Rust's regex crate, linear in time) for what begins an event.
        max_event_bytes: longer events are given in pieces, so that memory stays bounded and nothing is lost.
        joins_parts: whether lines are those of container runtimes, of which parts are joined; for "auto" alone.

    Raises:
        ConfigError: the expression cannot be used.
    """

    def __init__(self, multiline: str, max_event_bytes: int, *, joins_parts: bool = False) -> None:
        self._multiline = multiline
        self._max_event_bytes = max_event_bytes
        self._joins_parts = joins_parts and multiline == AUTO
        if multiline not in {AUTO, NONE}:
            try:
                self._begins([b""])
            except pl.exceptions.PolarsError as error:
                raise ConfigError(f"--multiline: {error}") from None

    def frame(self, buffer: bytes, most: int, coming: Coming) -> Framed:
        """The events that a buffer begins with.

        Args:
            buffer: the bytes of a file from the end of the last event on.
            most: so many lines are looked at at most, or as many more as one event has.
            coming: what may follow.
        """
        framed = self._frame(buffer, most, coming)
        if not framed.used_bytes and most <= MAX_EVENT_LINES:
            # One event of so many lines has to end within them.
            framed = self._frame(buffer, MAX_EVENT_LINES + 1, coming)
        return framed

    def _frame(self, buffer: bytes, most: int, coming: Coming) -> Framed:
        lines, rest = cut_lines(buffer, most)
        used = len(buffer) - len(rest)
        is_cut = len(lines) == most
        if coming is Coming.NOTHING and rest and not is_cut:
            lines.append(rest)
            used = len(buffer)
        elif not lines and len(rest) > self._max_event_bytes:
            # The last of them may go on.
            whole = pieces(rest, self._max_event_bytes)[:-1][:most]
            return Framed(whole, sum(map(len, whole)))
        if self._multiline == NONE:
            return self._framed(lines, used, has_returns=b"\r" in buffer)
        # What has begun behind the last line may belong to it.
        holds_back = coming is Coming.MORE or (bool(rest) and (is_cut or coming is Coming.LINES))
        return self._grouped(buffer, lines, used, holds_back=holds_back)

    def _grouped(self, buffer: bytes, lines: list[bytes], used: int, *, holds_back: bool) -> Framed:
        hints = containers.HINTS if self._joins_parts else HINTS
        is_plain = self._multiline == AUTO and not any(hint in buffer for hint in hints)
        starts: Sequence[int] = range(len(lines)) if is_plain else self._starts(lines)
        if holds_back and starts:
            last = starts[-1]
            held = lines[last:]
            held_bytes = sum(map(len, held)) + len(held)
            if len(held) <= MAX_EVENT_LINES and held_bytes <= self._max_event_bytes:
                starts, lines, used = starts[:-1], lines[:last], used - held_bytes
        if len(starts) == len(lines):
            return self._framed(lines, used, has_returns=b"\r" in buffer)
        ends = [*starts[1:], len(lines)]
        join = containers.joined if self._joins_parts else b"\n".join
        groups = [join(lines[start:end]) for start, end in zip(starts, ends, strict=True)]
        return self._framed(groups, used, has_returns=b"\r" in buffer)

    def _starts(self, lines: Sequence[bytes]) -> Sequence[int]:
        """The places of lines that begin an event, that of the first among them."""
        if self._joins_parts:
            joined = containers.continuations(lines)
        elif self._multiline == AUTO:
            joined = continuations(lines)
        else:
            joined = [not begins for begins in self._begins(lines)]
        starts, count = [], 0
        for at, is_joined in enumerate(joined):
            count += 1
            if at == 0 or not is_joined or count > MAX_EVENT_LINES:
                starts.append(at)
                count = 1
        return starts

    def _begins(self, lines: Sequence[bytes]) -> list[bool]:
        texts = pl.Series([line.decode(errors="replace") for line in lines], dtype=pl.String)
        return texts.str.contains(self._multiline).to_list()

    def _framed(self, events: list[bytes], used: int, *, has_returns: bool) -> Framed:
        if has_returns:
            events = [event.removesuffix(b"\r") for event in events]
        if max(map(len, events), default=0) > self._max_event_bytes:
            events = [piece for event in events for piece in pieces(event, self._max_event_bytes)]
        return Framed(events, used)
