"""The logs of a small shop as its services write them to files as time goes on; some lines are no good."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.support.story import logs

EVERY_S = 0.25
# Of a story of two hours only the last logs are of now; the others are of its busy and its bad times as well.
_SCENES = 40
_ODD = (
    '{"level": "INFO", "message": "reserved 3 of SKU-4711", "order',
    "\x1b[33mwarn\x1b[0m stock of SKU-1180 is low: <b>2</b> left",
    "java.lang.IllegalStateException: reservation 9f1c is gone",
)


def write(folder: Path, stop: threading.Event, seed: int = 7) -> None:
    """Append to one file a service until told to stop: more at some times than at others, and errors in some."""
    chance = random.Random(seed)
    number = 0
    while not stop.wait(EVERY_S):
        number += 1
        scene = (number // _SCENES) % 5
        count = chance.randrange(360, 460) * (2 if scene == 2 else 1)
        lines: dict[str, list[str]] = {}
        for service, line in _lines(number, count, is_bad=scene == 3):
            lines.setdefault(service, []).append(line)
        if number % 23 == 0:
            lines.setdefault("checkout", []).append(chance.choice(_ODD))
        for service, written in lines.items():
            with (folder / f"{service}.log").open("a") as file:
                file.write("\n".join([*written, ""]))


def _lines(seed: int, count: int, *, is_bad: bool) -> Iterator[tuple[str, str]]:
    """So many lines with their services, of the bad part of the story or of the one before it."""
    now = datetime.now(UTC)
    story = list(logs(seed, count * 4, now))
    # The story breaks at 0.70 of its time, and more is said while it is broken.
    start = int(len(story) * (0.72 if is_bad else 0.2))
    for one in story[start : start + count]:
        line = {"time": now.isoformat(timespec="milliseconds"), **{k: v for k, v in one.items() if k != "timestamp"}}
        yield one["service"], json.dumps(line)
