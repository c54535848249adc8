"""The oracle: whether storage holds every event that was written exactly once, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    """

    name: str
    count: int


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
        if seen[event.number] == 2:
            verdict.note("doubled", f"{name}, once more as {_place(log)}")
        different = {
            "its text": not event.is_whole,
            "its level": log["level"] != event.level,
            f"its service, {log['service']}": not str(log["service"]).startswith(written[event.stream].name),
        }
        if any(different.values()):
            words = ", ".join(what for what, differs in different.items() if differs)
            verdict.note("altered", f"{name} as {_place(log)}: {words}")
    for number, seen in times.items():
        for first, last in _gaps(seen):
            verdict.note("lost", f"{written[number].name} #{first}" + (f" to #{last}" if last > first else ""))
            verdict.lost += last - first
    return verdict


def _gaps(seen: bytearray) -> Iterator[tuple[int, int]]:
    """The first and the last of each run of numbers that were never seen."""
    first = seen.find(0)
    while first >= 0:
        last = first
        while last + 1 < len(seen) and not seen[last + 1]:
            last += 1
        yield first, last
        first = seen.find(0, last + 1)


def _place(log: Mapping[str, Any]) -> str:
    """Where a log is, for people: its id and the file it was read from."""
    source = log.get("source") or {}
    return f"{log['id']} of {source.get('file', '?')}"
