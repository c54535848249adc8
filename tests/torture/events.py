"""The events that are written: each says which one it is, and by its checksum whether it is as it was. Pure."""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass

LEVELS = {"DEBUG": 20, "INFO": 60, "WARNING": 12, "ERROR": 7, "CRITICAL": 1}
# What begins an event, for `--multiline`.
BEGINS = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
LONGEST_LINE_CHARS = 40_000
_SHORTEST_LONG_LINE_CHARS = 4_000
_SHAPE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ([A-Z]+) s(\d{1,9})n(\d{1,9}) ([0-9a-f]{8}) .*", re.DOTALL)
_WORDS = (
    "request", "finished", "after", "ms", "user", "payment", "cache", "miss", "retry", "query", "10.0.0.7", "GET",
    "/api/v1/items/42", "order-7", "disk", "replica", "key", "session", "accepted", "took", "(200)", "k=v", "[main]",
)  # fmt: skip
# Letters of two to four bytes, and all that some program takes for the end of a line, though it is none.
_ODD = (
    "Ünïcödé", "日本語のログ", "\U0001f525\U0001f9ea", "العربية", "e\u0301", "a\rb", "a\x0bb", "a\x0cb", "a\x1cb",
    "a\x85b", "a\u2028b", "\x1b[31mred\x1b[0m", '"quoted"', "back\\slash", "tab\tin", "<b>&amp;", "\ufeff.",
)  # fmt: skip
_FRAMES = ("    at com.example.Shop.pay(Shop.java:42)", "\tat com.example.Ünï.run(Ünï.java:7)", "    ... 7 more")


@dataclass(frozen=True, slots=True)
class Read:
    """What a message says of itself: its stream, its number there, its level, and whether its checksum fits."""

    stream: int
    number: int
    level: str
    is_whole: bool


class EventMaker:
    """Makes the events of one stream, in order; the same seed makes the same ones.

    Args:
        seed: of the run.
        stream: its number.
        has_traces: whether some events have several lines.
    """

    def __init__(self, seed: int, stream: int, *, has_traces: bool) -> None:
        self._rng = random.Random(f"{seed}-{stream}-events")
        self._stream = stream
        self._has_traces = has_traces

    def make(self, number: int) -> bytes:
        """The event of this number, without a line feed at its end."""
        level = self._rng.choices(tuple(LEVELS), tuple(LEVELS.values()))[0]
        hours, minutes, seconds = number // 3600 % 24, number // 60 % 60, number % 60
        time = f"2026-01-31 {hours:02}:{minutes:02}:{seconds:02}.{number % 1000:03}"
        text = self._text()
        return f"{time} {level} s{self._stream}n{number} {_checksum(time, level, text)} {text}".encode()

    def _text(self) -> str:
        rng = self._rng
        kind = rng.random()
        words = rng.choices(_WORDS, k=rng.randrange(1, 16))
        if kind < 0.15:
            words += rng.choices(_ODD, k=rng.randrange(1, 4))
            rng.shuffle(words)
        elif kind < 0.151:
            words.append("x" * rng.randrange(_SHORTEST_LONG_LINE_CHARS, LONGEST_LINE_CHARS))
        # Not white space at the end, and no two streams alike.
        words.append(f"{rng.getrandbits(32):08x}")
        if self._has_traces and 0.2 < kind < 0.25:
            return "\n".join([" ".join(words), *rng.choices(_FRAMES, k=rng.randrange(1, 12))])
        return " ".join(words)


def read(message: str) -> Read | None:
    """What this message says of itself; None where it is none of ours, as a piece of one."""
    found = _SHAPE.fullmatch(message)
    if found is None:
        return None
    level, stream, number, checksum = found.groups()
    text = message[found.end(4) + 1 :]
    return Read(int(stream), int(number), level, _checksum(message[: found.start(1) - 1], level, text) == checksum)


def _checksum(time: str, level: str, text: str) -> str:
    return f"{zlib.crc32(f'{time} {level} {text}'.encode()):08x}"
