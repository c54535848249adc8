"""Copies the logs of a day from the store to a draft of the archive, beside everything else that storage does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from logmill.errors import LogmillError, StorageUnavailable
from storage import exports
from storage.reading import Reading, in_force
from storage.retention.archive import Draft
from storage.retention.days import StoredDay, range_us
from storage.search.filters import Between, Bounds
from storage.store import Store
from storage.walk import MAX_ANSWER_BYTES, PIECE_ROWS, Walk


class Stopping(LogmillError):
    """The process is to end; the day is archived after the next start."""


class Copying:
    """One copy at a time; used by one thread, ended by any.

    Args:
        store: where the logs are.
        query_timeout_s: how long one look at it may take.
        progress: told how many logs of a day are copied so far.
    """

    def __init__(self, store: Store, query_timeout_s: float, progress: Callable[[StoredDay, int], None]) -> None:
        self._store = store
        self._query_timeout_s = query_timeout_s
        self._progress = progress
        self._stopped = threading.Event()
        self._reading: Reading | None = None

    def stop(self) -> None:
        """End it. To be repeated as long as it runs, as `Reading.cancel`."""
        self._stopped.set()
        if self._reading is not None:
            self._reading.cancel()

    def copy(self, found: StoredDay, draft: Draft) -> None:
        """Write all logs of a day that takes no more; on return they are on disk.

        Raises:
            StorageUnavailable: they cannot be read or written now, or there are not as many as there should be.
            Stopping, QueryCancelled: it was ended.
        """
        start_us, end_us = range_us(found.day)
        walk = Walk(self._store.newest_on_disk, Between("received_at", Bounds(start_us, end_us, with_high=False)))
        copied = 0
        while not walk.is_over:
            self._reading = Reading(self._query_timeout_s, MAX_ANSWER_BYTES)
            with in_force(self._reading):
                page = walk.page()
            for start in range(0, page.num_rows, PIECE_ROWS):
                if self._stopped.is_set():
                    raise Stopping("storage is stopping")
                # In turn with live tails: all of them together leave the interpreter to others half of the time.
                with self._store.tails.turn():
                    lines = list(exports.json_lines(page.slice(start, PIECE_ROWS)))
                draft.add(lines)
                copied += len(lines)
                self._progress(found, copied)
        draft.finish()
        if draft.logs != found.logs:
            raise StorageUnavailable(f"{draft.logs} logs of {found.day} could be read, there are {found.logs}")
