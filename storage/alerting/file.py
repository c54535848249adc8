"""The file of alerts and of what is still to be judged: SQLite, each change on disk before it is answered."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import structlog

from logmill.errors import StorageUnavailable
from storage.statements import statement

log = structlog.get_logger()

FILE_NAME = "alerts.sqlite3"
_BUSY_S = 5.0
Row: TypeAlias = sqlite3.Row


class StateFile:
    """One connection for all threads of this process, which alone uses the file; safe for threads.

    A file that is no database any more is put aside under another name, and a new one begun: logs go on being stored.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.RLock()
        path = folder / FILE_NAME
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise StorageUnavailable(f"{path} cannot be opened: {error}") from None
            log.exception("the alerts' file cannot be read; a new one is begun", file=str(path))
            for suffix in ("", "-wal", "-shm"):
                old = path.with_name(path.name + suffix)
                if old.exists():
                    old.replace(old.with_name(f"{old.name}.damaged"))
            self._db = _opened(path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within is there afterwards, or nothing of it; one within another is part of it.

        Raises:
            StorageUnavailable: the file cannot be written or read.
        """
        with self._lock:
            if self._is_open():
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._is_open():
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise StorageUnavailable(f"the alerts' file cannot be written: {error}", retry_after_s=5) from None
                raise

    def _is_open(self) -> bool:
        return self._db.in_transaction

    def run(self, name: str, /, **values: Any) -> int:
        """Change something by a statement of `sql/alert_state.sql`; how many rows it changed."""
        with self.transaction():
            return self._db.execute(statement("alert_state", name), values).rowcount

    def rows(self, name: str, /, fragments: Mapping[str, str] | None = None, **values: Any) -> list[Row]:
        """The rows that a statement finds.

        Raises:
            StorageUnavailable: the file cannot be read.
        """
        with self._lock:
            try:
                found: list[Row] = self._db.execute(
                    statement("alert_state", name, **(fragments or {})), values
                ).fetchall()
            except sqlite3.Error as error:
                raise StorageUnavailable(f"the alerts' file cannot be read: {error}", retry_after_s=5) from None
            return found

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
        """Let go of the file."""
        with self._lock:
            self._db.close()


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        connection.executescript(statement("alert_state", "pragmas"))
        connection.executescript(statement("alert_state", "schema"))
    except BaseException:
        connection.close()
        raise
    return connection
