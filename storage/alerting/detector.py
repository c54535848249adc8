"""What a detector is: it looks at a span of event time, and says while what its condition held for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from logmill.rules.detectors import Base
from storage.alerting.spans import Span
from storage.engine.protocol import Engine
from storage.search.filters import Filter

# How late a log may be and still be judged with those of its time; what comes later has its time judged again.
GRACE_US = 60_000_000
# Groups of one evaluation; what is beyond is counted, and not looked at.
MAX_FOUND = 5000


@dataclass(frozen=True, slots=True)
class Held:
    """While a condition held for a group.

    Attributes:
        group: the values of the detector's fields.
        start_us: the moment it began to hold; event time, microseconds.
        end_us: the last moment at which it is known to hold.
        value: the number that was compared; the one furthest from the limit where there were several.
        since_us: where the logs that it is about begin.
        summary: what is the matter, in a sentence.
        logs: those it is about, for the trend that is shown.
        q: the search text that finds them.
    """

    group: tuple[str, ...]
    start_us: int
    end_us: int
    value: float
    since_us: int
    summary: str
    logs: Filter
    q: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look.

    Attributes:
        held: what held.
        is_cut: whether there was more than could be looked at.
        decided: fingerprints of patterns that need not be looked up again once what held is kept.
    """

    held: list[Held]
    is_cut: bool = False
    decided: tuple[int, ...] = ()


class Detector(Protocol):
    """A rule, compiled; used by one thread.

    Attributes:
        rule: as in the file.
        fields: the names of what its groups have.
        limit: the condition, as a person reads it.
        every_us: how often it is evaluated whether logs came or not; 0 where only spans for which logs came are.
        reach_us: how long a log counts after its time.
        follow_us: how long after the last logs it is to look again, since it may begin to hold without new ones.
        needs_calm: whether it says nothing soon after the start, or while logs are late.
        needs_all: whether it is wrong about a time of which some logs are not there yet, as shares are.
        needs_history: whether it compares with what was before, which of old files may come after them.
    """

    @property
    def rule(self) -> Base: ...  # noqa: D102

    @property
    def fields(self) -> tuple[str, ...]: ...  # noqa: D102

    limit: str
    every_us: int
    reach_us: int
    follow_us: tuple[int, ...]
    needs_calm: bool
    needs_all: bool
    needs_history: bool

    def ready_us(self, end_us: int) -> int:
        """From when on a span with this end can be judged."""

    def look(self, engine: Engine, span: Span, now_us: int) -> Looked:
        """Judge the moments from the begin of a span until its end, and as long after as its logs count.

        Raises:
            LogmillError: the store cannot say.
        """


class Manner:
    """What most detectors are; see `Detector`."""

    every_us: int = 0
    reach_us: int = 0
    follow_us: tuple[int, ...] = ()
    needs_calm: bool = False
    needs_all: bool = False
    needs_history: bool = False


def quoted(text: str) -> str:
    """A value in a search text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def begun(text: str, keep: str = "") -> str:
    """The begin of a value in a search text, to be followed by an asterisk.

    Args:
        text: the begin.
        keep: signs that need no backslash there.
    """
    return "".join(char if char.isalnum() or char in keep else f"\\{char}" for char in text)


def narrowed(q: str, *clauses: str) -> str:
    """A search text, and what must hold beside it."""
    parts = [f"({q})"] if q.strip() and clauses else [q] if q.strip() else []
    return " AND ".join([*parts, *clauses])
