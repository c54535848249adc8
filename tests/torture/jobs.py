"""Many small files that appear and vanish: each the log of a short job, deleted as soon as that is safe."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path

from tests.torture.safety import LOOK_S, LOOKS, PATIENCE_S, all_stored, hold
from tests.torture.streams import Steps, Stream
from tests.torture.tally import Tally
from tests.torture.watch import Stored, Watch, identity

MOST_EVENTS = 40
MOST_FILES_AT_ONCE = 12


class Jobs:
    """Writes one stream to a new file for every few of its events.

    Args:
        stream: its file's name is that of each file.
        folder: each file lies in a folder of its own within this one.
        watch: what may be destroyed now.
        stored: what storage holds.
        tally: where it counts.
        rng: decides what is left to chance.
        rate: events a second.
    """

    def __init__(
        self,
        stream: Stream,
        folder: Path,
        watch: Watch,
        stored: Stored,
        tally: Tally,
        rng: random.Random,
        rate: float,
    ) -> None:
        self._stream = stream
        self._folder = folder
        self._watch = watch
        self._stored = stored
        self._tally = tally
        self._rng = rng
        self._rate = rate

    def life(self) -> Steps:
        """All of it."""
        while not self._stream.is_over:
            paths: list[Path] = []
            most = self._rng.randrange(1, MOST_FILES_AT_ONCE + 1)
            while len(paths) < most and not self._stream.is_over:
                paths += [(yield from self._run())]
            yield from self._vanish(paths)
        self._stream.close()

    def _run(self) -> Generator[float, None, Path]:
        """The log of one job, written at once or in a few goes; where it lies."""
        stream, rng = self._stream, self._rng
        self._tally.short_files += 1
        folder = self._folder / f"{stream.name}-{self._tally.short_files}"
        folder.mkdir(parents=True)
        stream.path = folder / stream.path.name
        stream.open()
        for goes_on in rng.choices((True, False), k=rng.randrange(3)):
            yield stream.write(rng.randrange(1, MOST_EVENTS // 3)) / self._rate
            if goes_on:
                yield from stream.write_in_halves()
        yield stream.write(rng.randrange(1, MOST_EVENTS // 3), has_end=rng.random() < 0.7) / self._rate
        stream.close()
        return stream.path

    def _vanish(self, paths: list[Path]) -> Steps:
        """Delete these files, each as soon as the collector has it open, or all of it is stored."""
        if not (yield from hold(self._watch, PATIENCE_S)):
            return
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            looks: Counter[Path] = Counter()
            while paths and time.monotonic() < deadline_s:
                is_stored = self._stored.count(self._stream.name) >= self._stream.next
                opened = self._watch.open_files()
                looks = Counter({path: looks[path] + 1 for path in paths if identity(path) in opened})
                for path in [path for path in paths if is_stored or looks[path] >= LOOKS]:
                    path.unlink()
                    path.parent.rmdir()
                    paths.remove(path)
                    self._tally.deleted_unread += not is_stored
                yield LOOK_S
            yield from all_stored(self._stream, self._stored, 3 * PATIENCE_S)
        finally:
            self._watch.release()
