"""What a collector that reads all there is says of it in the end, in words."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from collector.checkpoint_rows import Batch
from collector.posting import Posted
from collector.records.made import Made, Source
from collector.status.figures import Totals
from collector.taking import Counter


class Ending:
    """Tells what is of this run from what an earlier one left, which is sent again; several threads use it.

    Args:
        counter: counts what was made, as without this.
        earlier: the batches that are sent again.
        names_files: whether to know from which files something was read: for a run that ends.
    """

    def __init__(self, counter: Counter, earlier: Iterable[Batch], *, names_files: bool) -> None:
        self._counter = counter
        self._earlier = {batch.sequence for batch in earlier}
        self._names_files = names_files
        self._files: set[str] = set()
        self._lock = threading.Lock()
        self._accepted = self._refused = 0

    def add(self, source: Source, made: Made, read_bytes: int) -> None:
        """As `taking.Counter.add`."""
        if self._names_files:
            self._files.add(source.path)
        self._counter.add(source, made, read_bytes)

    def answered(self, batch: Batch, posted: Posted) -> None:
        """The producer answered for a batch."""
        if batch.sequence in self._earlier:
            with self._lock:
                self._accepted += posted.accepted
                self._refused += posted.rejected

    def in_words(self, totals: Totals, unanswered: Iterable[Batch], unsent: int, seconds: float) -> str:
        """The last line, for people.

        Args:
            totals: of this run and of what it sent again.
            unanswered: batches for which the producer has not answered.
            unsent: records that are in no batch yet.
            seconds: that it took.
        """
        waiting = {True: 0, False: unsent}
        for batch in unanswered:
            waiting[batch.sequence in self._earlier] += batch.count
        with self._lock:
            accepted, refused = self._accepted, self._refused
        rest = {"left out": totals.filtered, "with a fault": totals.faults, "not accepted yet": waiting[False]}
        became = _became(totals.accepted - accepted, totals.refused - refused, rest)
        words = f"collected {_counted(totals.records, 'log')} of {_counted(len(self._files), 'file')}: {became}"
        sent_again = accepted + refused + waiting[True]
        if sent_again:
            became = _became(accepted, refused, {"not accepted yet": waiting[True]})
            words += f"; and of an earlier run {_counted(sent_again, 'log')}: {became}"
        return f"{words}; {seconds:.1f} s\n"


def _became(accepted: int, refused: int, rest: Mapping[str, int]) -> str:
    more = "".join(f", {count:,} {name}" for name, count in rest.items() if count)
    return f"{accepted:,} accepted, {refused:,} refused{more}"


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"
