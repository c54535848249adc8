"""A local copy that is a SQLite database: a table of logs, in which the newest are kept."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import polars as pl

from collector.outputs.structured import COLUMNS, Structure
from collector.outputs.unavailable import OutputUnavailable
from logmill.errors import ConfigError

VERSION = 1
# The keys of so many batches are known; far more than are on their way at a time.
_KNOWN_KEYS = 1000
# Where it is too long, this share of the logs goes, the oldest.
_DROPPED_SHARE = 10
_MOST_DROPS = 50
_SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    id INTEGER PRIMARY KEY,
    timestamp TEXT NOT NULL,
    level TEXT NOT NULL,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    file TEXT NOT NULL,
    message TEXT NOT NULL,
    tags TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logs_timestamp ON logs (timestamp);
CREATE TABLE IF NOT EXISTS batches (sequence INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE);
"""
_INSERT = f"INSERT INTO logs ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - our own names
_encode = msgspec.json.Encoder().encode


class DatabaseOutput:
    """The database; any thread may write, one at a time, and other programs may read meanwhile.

    Args:
        path: made for its owner alone where it is missing, and its folders.
        structure: takes logs apart.
        max_bytes: where it holds more, the oldest logs go; 0: never.

    Raises:
        ConfigError: it cannot be opened, or is none of ours.
    """

    def __init__(self, path: Path, structure: Structure, max_bytes: int) -> None:
        self._path = path
        self._structure = structure
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"LOGMILL_COLLECT_OUTPUT: {path} cannot be written: {error}") from None

    def _prepare(self) -> None:
        version = self._number("user_version")
        is_new = not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if version != VERSION and not is_new:
            raise ConfigError(f"LOGMILL_COLLECT_OUTPUT: {self._path} is a database of something else")
        self._db.execute("PRAGMA journal_mode = WAL")
        # A batch is settled once it is written: a power cut must not take it.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA journal_size_limit = 67108864")
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {VERSION}")

    def write(self, key: str, body: bytes) -> None:
        """Add the records of a batch, NDJSON; they are on disk then. Once for each key, after a restart too.

        Raises:
            OutputUnavailable: nothing was added; call it again.
        """
        with self._transaction():
            if self._db.execute("SELECT 1 FROM batches WHERE key = ?", (key,)).fetchone():
                return
            self._db.executemany(_INSERT, _rows(self._structure.frame_of(body)))
            added = self._db.execute("INSERT INTO batches (key) VALUES (?)", (key,)).lastrowid or 0
            self._db.execute("DELETE FROM batches WHERE sequence <= ?", (added - _KNOWN_KEYS,))
            if self._max_bytes:
                self._drop_oldest()

    def position(self) -> str:
        """As `shipping.Output.position`: the database knows its batches itself."""
        return ""

    def restore(self, position: str) -> None:
        """As `shipping.Output.restore`: a batch that comes again is known."""

    def close(self) -> None:
        """Let go of the database; writing fails from then on."""
        with self._lock:
            self._db.close()

    def _drop_oldest(self) -> None:
        for _ in range(_MOST_DROPS):
            used_pages = self._number("page_count") - self._number("freelist_count")
            if used_pages * self._number("page_size") <= self._max_bytes:
                return
            first, last = self._db.execute("SELECT min(id), max(id) FROM logs").fetchone()
            if first is None:
                return
            self._db.execute("DELETE FROM logs WHERE id <= ?", (first + (last - first) // _DROPPED_SHARE,))

    def _number(self, pragma: str) -> int:
        return int(self._db.execute(f"PRAGMA {pragma}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                message = f"the local copy {self._path} cannot be written: {error}"
                raise OutputUnavailable(message) from None


def _rows(frame: pl.DataFrame) -> Iterator[tuple[str, ...]]:
    for *texts, tags, fields in frame.rows():
        yield (*texts, _encode(tags).decode(), fields)
