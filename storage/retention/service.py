"""Retention at work: looks now and then which days are to go, archives them, and has the store drop them.

A day goes in five steps, and a kill at any moment loses no log that is not archived where it should be:

1. It takes no logs any more (in memory only: after a kill it does again).
2. Its logs are written to files without names, each on disk (fsync). After a kill they are written anew.
3. One write to the ledger seals it: the last day that was dropped, and what is pending. From here on it goes, whatever
   happens, and takes no logs for good.
4. The files get their names, and the store drops its partition. After a kill both are done again; both may be.
5. The ledger forgets what was pending, and counts the day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import structlog

from logmill.errors import LogmillError
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage.retention.archive import Archive, Draft, FileLimits, is_whole, publish
from storage.retention.copying import Copying
from storage.retention.days import Cause, Policy, StoredDay, day_of
from storage.retention.ledger import Entries, Ledger, Pending
from storage.store import Store

log = structlog.get_logger()

# A day is dropped for its age once so many looks in a row found one that is too old, and one day a look: a clock that
# is wrong for some minutes, as before the network sets it, costs nothing, and a setting that is wrong can be mended.
HELD_LOOKS = 10
# What fails is tried again after twice the time as before, up to this.
_LONGEST_PAUSE_S = 3600.0
_MOST_DOUBLINGS = 20
# Days that one look drops for their size; the next one goes on.
_MOST_A_LOOK = 1000
_WRITING_WAIT_S = 30.0
_CLOSE_S = 20.0
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class Status:
    """How retention is doing.

    Attributes:
        doing: archiving or dropping; "" where nothing is done now.
        day: to which day.
        archived: how many of its logs are archived already.
        logs: of how many.
        error: why the last look failed, "" where it did not.
        over_bytes: by how much the logs exceed their bound, though nothing more may be dropped.
    """

    doing: str = ""
    day: date | None = None
    archived: int = 0
    logs: int = 0
    error: str = ""
    over_bytes: int = 0


class Retention:
    """The days of one store; `look` and `finish` are called by one thread, everything else by any.

    Args:
        store: whose they are, with a horizon that begins where the ledger ends.
        ledger: what was dropped.
        settings: those in force.
        clock: the time now, microseconds.
    """

    def __init__(self, store: Store, ledger: Ledger, settings: Settings, clock: Callable[[], int] = now_us) -> None:
        self.policy = Policy(settings.retention_days, settings.retention_max_bytes)
        self.archive = (
            Archive(
                Path(settings.archive_dir).absolute(),
                settings.archive_max_bytes,
                FileLimits.of(settings),
                settings.min_free_bytes,
            )
            if settings.archive_dir
            else None
        )
        self.status = Status()
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._interval_s = settings.retention_interval_s
        self._copying = Copying(store, settings.query_timeout_s, self._archiving)
        self._aged_looks = 0
        self._failures = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    @property
    def entries(self) -> Entries:
        """What was dropped so far."""
        return self._ledger.entries

    @property
    def is_on(self) -> bool:
        """Whether anything is ever done."""
        is_owed = self.entries.pending is not None or self.entries.again is not None
        return self.policy.is_on or self.archive is not None or is_owed

    def start(self) -> None:
        """Finish what an earlier process began, then look now and then."""
        if not self.is_on:
            return
        try:
            self.finish()
        except LogmillError as error:
            self._failed(error)
        self._thread.start()

    def stop(self) -> None:
        """End; what was not done is done after the next start."""
        self._closed.set()
        until_s = time.monotonic() + _CLOSE_S
        while self._thread.is_alive() and time.monotonic() < until_s:
            self._copying.stop()
            self._thread.join(_LOOK_AGAIN_S)
        if self.archive is not None and not self._thread.is_alive():
            self.archive.close()

    def look(self) -> None:
        """Drop what is to go: for its age one day at most, for its size as many as it takes.

        Raises:
            LogmillError: it cannot be done now; the next look goes on.
        """
        self.finish()
        is_aged = False
        for _ in range(_MOST_A_LOOK):
            if self._closed.is_set():
                return
            stored, today = self._store.days(), day_of(self._clock())
            self._doubt(stored, today)
            due = self.policy.due(stored, today, self.entries.again)
            is_aged = is_aged or (due is not None and due[1] is Cause.AGE)
            if due is None or (due[1] is Cause.AGE and self._aged_looks < HELD_LOOKS):
                self._note_size(0 if due is not None else self.policy.over_bytes(stored))
                break
            self._drop(*due)
            self._prune()
            if due[1] is Cause.AGE:
                break
        self._aged_looks = self._aged_looks + 1 if is_aged else 0
        self._prune()

    def finish(self) -> None:
        """Do what is left of dropping a day.

        Raises:
            LogmillError: it cannot be done now.
        """
        pending = self.entries.pending
        if pending is None:
            return
        self.status = Status("dropping", pending.day)
        there = next((one for one in self._store.days() if one.day == pending.day), None)
        folder = Path(pending.folder)
        if there is not None and (there.logs > pending.logs or not is_whole(folder, pending.files)):
            log.error("the archive of a day is not whole; the day is archived again", day=str(pending.day))
            self._ledger.write(pending=None, again=pending.day)
            self.status = Status()
            return
        files = [one for one in pending.files if is_whole(folder, [one])]
        if len(files) < len(pending.files):
            # They were taken away, and the day is gone: to wait for them would keep all later days.
            log.error("files of the archive are missing", day=str(pending.day), files=len(pending.files) - len(files))
        if files:
            publish(folder, files)
        self._store.drop(pending.day)
        entries = self.entries
        self._ledger.write(
            pending=None,
            days=entries.days + 1,
            logs=entries.logs + pending.logs,
            bytes=entries.bytes + pending.bytes,
            archived_logs=entries.archived_logs + sum(file.logs for file in pending.files),
        )
        self.status = Status()
        log.warning(
            "day dropped",
            day=str(pending.day),
            cause=pending.cause,
            logs=pending.logs,
            bytes=pending.bytes,
            archive_files=len(pending.files),
        )

    def _doubt(self, stored: Sequence[StoredDay], today: date) -> None:
        """Where a day was dropped that is not over, the clock was wrong: what comes now is not to go for that."""
        dropped = self.entries.dropped_through
        if dropped is None or dropped < today or any(one.day > today for one in stored):
            return
        log.warning("a day that is not over was dropped: the clock was wrong", day=str(dropped), today=str(today))
        before = today - timedelta(days=1)
        self._ledger.write(dropped_through=before)
        self._store.horizon.move(before)

    def _drop(self, due: StoredDay, cause: Cause) -> None:
        """Drop a day, archived where there is an archive."""
        self._store.horizon.close(due.day, _WRITING_WAIT_S)
        draft: Draft | None = None
        try:
            # As it is now that nothing is added any more.
            found = next((one for one in self._store.days() if one.day == due.day), None)
            if found is None:
                self._store.horizon.reopen()
                return
            pending = Pending(found.day, cause, found.logs, found.bytes)
            if self.archive is not None:
                draft = self.archive.draft(found.day)
                self._copying.copy(found, draft)
                files = tuple(draft.files)
                pending = Pending(found.day, cause, found.logs, found.bytes, str(self.archive.folder), files)
            dropped = max(found.day, self.entries.dropped_through or found.day)
            self._ledger.write(dropped_through=dropped, pending=pending, again=None)
        except BaseException:
            self._store.horizon.reopen()
            if draft is not None:
                draft.discard()
            raise
        self._store.horizon.move(dropped)
        self.finish()

    def _archiving(self, found: StoredDay, archived: int) -> None:
        self.status = Status("archiving", found.day, archived, found.logs)

    def _prune(self) -> None:
        """Hold the archive to its bound."""
        pruned = [] if self.archive is None else self.archive.prune()
        if pruned:
            entries = self.entries
            size = sum(size for _, size in pruned)
            self._ledger.write(
                pruned_files=entries.pruned_files + len(pruned), pruned_bytes=entries.pruned_bytes + size
            )
            log.warning("archive pruned", files=len(pruned), bytes=size, first=pruned[0][0], last=pruned[-1][0])

    def _note_size(self, over_bytes: int) -> None:
        if over_bytes and not self.status.over_bytes:
            log.warning(
                "the logs of today alone take more than LOGMILL_RETENTION_MAX_BYTES; they are kept",
                over_bytes=over_bytes,
            )
        self.status = Status(over_bytes=over_bytes)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self.status = Status(error=str(error), over_bytes=self.status.over_bytes)
        log.error("days cannot be dropped", reason=str(error), retry_in_s=round(self._pause_s(), 1))

    def _pause_s(self) -> float:
        factor = 2.0 ** min(self._failures, _MOST_DOUBLINGS)
        return min(self._interval_s * factor, max(_LONGEST_PAUSE_S, self._interval_s))

    def _run(self) -> None:
        while not self._closed.wait(self._pause_s()):
            try:
                self.look()
            except LogmillError as error:
                if not self._closed.is_set():
                    self._failed(error)
            except Exception as error:
                # One look must not end all others.
                log.exception("retention failed")
                self._failed(error)
            else:
                self._failures = 0
