"""The file of alerts and of what is still to be judged: SQLite, each change on disk before it is answered."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from logmill.errors import StorageUnavailable
from storage.statements import statement

log = structlog.get_logger()

FILE_NAME = "alerts.sqlite3"
_BUSY_S = 0.5
# Transactions are short; who waits longer than this is told that it cannot be done now.
_WAIT_S = 30.0
Row: TypeAlias = sqlite3.Row


class StateFile:
    """One connection that writes and one that reads, for all threads of this process, which alone uses the file.

    Safe for threads. What is read outside a transaction waits for none: it is as the last one that ended left it.
    A file that is no database any more is put aside under another name, and a new one begun: logs go on being stored.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._reader_lock = threading.Lock()
        # The thread whose transaction is open.
        self._owner: int | None = None
        self.is_closed = False
        path = folder / FILE_NAME
        try:
            self._db, self._reader = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise StorageUnavailable(f"{path} cannot be opened: {error}") from None
            log.exception("the alerts' file cannot be read; a new one is begun", file=str(path))
            for suffix in ("", "-wal", "-shm"):
                old = path.with_name(path.name + suffix)
                if old.exists():
                    old.replace(old.with_name(f"{old.name}.damaged"))
            self._db, self._reader = _opened(path)

    @contextmanager
    def transaction(self, wait_s: float = _WAIT_S) -> Iterator[None]:
        """All that is written within is there afterwards, or nothing of it; one within another is part of it.

        Args:
            wait_s: how long to wait for the transactions of other threads.

        Raises:
            StorageUnavailable: the file cannot be written or read, others took too long, or it is closed.
        """
        if self._is_mine:
            yield
            return
        with _held(self._lock, wait_s):
            self._check()
            self._owner = threading.get_ident()
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise StorageUnavailable(f"the alerts' file cannot be written: {error}", retry_after_s=5) from None
                raise
            finally:
                self._owner = None

    @property
    def _is_mine(self) -> bool:
        """Whether this thread is within a transaction."""
        return self._owner == threading.get_ident()

    def _check(self) -> None:
        if self.is_closed:
            raise StorageUnavailable("the alerts' file is closed", retry_after_s=5)

    def run(self, name: str, /, **values: Any) -> int:
        """Change something by a statement of `sql/alert_state.sql`; how many rows it changed."""
        with self.transaction():
            return self._db.execute(statement("alert_state", name), values).rowcount

    def run_each(self, name: str, /, values: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement that changes something with each of these values."""
        with self.transaction():
            self._db.executemany(statement("alert_state", name), values)

    def rows(self, name: str, /, fragments: Mapping[str, str] | None = None, **values: Any) -> list[Row]:
        """The rows that a statement finds.

        Raises:
            StorageUnavailable: the file cannot be read.
        """
        sql = statement("alert_state", name, **(fragments or {}))
        try:
            if self._is_mine:
                return self._db.execute(sql, values).fetchall()
            with _held(self._reader_lock, _WAIT_S):
                self._check()
                return self._reader.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StorageUnavailable(f"the alerts' file cannot be read: {error}", retry_after_s=5) from None

    def number(self, name: str, /, **values: Any) -> int:
        """The only number that a statement finds."""
        found: int = self.rows(name, **values)[0][0]
        return found

    def count_up(self, name: str, by: int = 1) -> None:
        """Add to a counter that outlives the process."""
        self.run("count_up", name=name, by=by)

    def counts(self) -> dict[str, int]:
        """The counters."""
        return {row["name"]: row["value"] for row in self.rows("counts")}

    def close(self) -> None:
        """Let go of the file; who uses it after that is told so."""
        with self._lock, self._reader_lock:
            self.is_closed = True
            self._reader.close()
            self._db.close()


@contextmanager
def _held(lock: threading.Lock, wait_s: float) -> Iterator[None]:
    if not lock.acquire(timeout=wait_s):
        raise StorageUnavailable(f"the alerts' file was in use for {wait_s:g} s", retry_after_s=5)
    try:
        yield
    finally:
        lock.release()


def _opened(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """A connection that writes, and one that only reads."""
    opened: list[sqlite3.Connection] = []
    try:
        for statements in (("pragmas", "schema"), ("pragmas_of_reader",)):
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            opened.append(connection)
            connection.row_factory = sqlite3.Row
            for name in statements:
                connection.executescript(statement("alert_state", name))
    except BaseException:
        for connection in opened:
            connection.close()
        raise
    return opened[0], opened[1]
