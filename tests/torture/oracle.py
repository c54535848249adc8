"""The oracle: whether storage holds every event that was written exactly once, and nothing else. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from tests.faults.oracle import Verdict
from tests.torture.events import read

_MOST_TIMES = 255


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of a stream.

    Attributes:
        name: of its file, without an ending; services are named by it.
        count: of its events, numbered from 0.
        rotations: the number of the first event after each, and what was done.
    """

    name: str
    count: int
    rotations: Sequence[tuple[int, str]] = ()

    def words(self, first: int, last: int) -> str:
        """These events, and what was done to their file just before and after them."""
        numbers = f"#{first}" if first == last else f"#{first} to #{last}"
        at = bisect_right([number for number, _way in self.rotations], first)
        ways = [f"{way} before #{number}" for number, way in self.rotations[max(0, at - 2) :] if number <= last + 1]
        ways += [f"{way} before #{number}" for number, way in self.rotations if number > last + 1][:2]
        return f"{self.name} {numbers} ({', '.join(ways)})" if ways else f"{self.name} {numbers}"


def judge(written: Mapping[int, Written], stored: Iterable[Mapping[str, Any]]) -> Verdict:
    """Compare what was written with what storage holds.

    Args:
        written: by the number of the stream.
        stored: every log, with its id, service, level and message; read once.
    """
    verdict = Verdict()
    times = {number: bytearray(stream.count) for number, stream in written.items()}
    for log in stored:
        verdict.stored += 1
        message = str(log["message"])
        event = read(message)
        seen = None if event is None else times.get(event.stream)
        if event is None or seen is None or event.number >= len(seen):
            verdict.note("foreign", f"{_place(log)}: {message[:120]!r} was never written")
            continue
        seen[event.number] = min(seen[event.number] + 1, _MOST_TIMES)
        name = f"{written[event.stream].name} #{event.number}"
        different = {
            "its text": not event.is_whole,
            "its level": log["level"] != event.level,
            f"its service, {log['service']}": not str(log["service"]).startswith(written[event.stream].name),
        }
        if any(different.values()):
            words = ", ".join(what for what, differs in different.items() if differs)
            verdict.note("altered", f"{name} as {_place(log)}: {words}")
    for number, seen in times.items():
        for kind, first, last in _runs(seen):
            verdict.note(kind, written[number].words(first, last))
            setattr(verdict, kind, getattr(verdict, kind) + last - first)
    return verdict


def _runs(seen: bytearray) -> Iterator[tuple[str, int, int]]:
    """What is wrong with how often events were seen: the first and the last number of each run of the same kind."""
    kinds = ("lost" if times == 0 else "doubled" if times > 1 else "" for times in seen)
    for kind, run in groupby(enumerate(kinds), key=itemgetter(1)):
        if kind:
            numbers = [number for number, _kind in run]
            yield kind, numbers[0], numbers[-1]


def _place(log: Mapping[str, Any]) -> str:
    """Where a log is, for people: its id and the file it was read from."""
    source = log.get("source") or {}
    return f"{log['id']} of {source.get('file', '?')}"
