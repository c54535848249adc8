"""What the collector knows when it starts again: how far each file was accepted, and the batches that were not yet.

One SQLite file. A batch lies in it, with the key that makes sending it again harmless, before it is sent, so that
neither a kill nor a file that is truncated meanwhile loses or doubles it. Positions move when the producer has it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from collector.checkpoint_rows import FILE_COLUMNS, Batch, End, FileRow, LeftOver, file_of, values_of
from collector.files.fingerprints import Print
from logmill.errors import ConfigError, Retry

VERSION = 1
# A file that is gone is known so long: its rotated copy may come to light compressed.
KEEP_GONE_S = 30 * 86_400.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    service TEXT NOT NULL,
    file TEXT NOT NULL,
    device INTEGER,
    inode INTEGER,
    head_size INTEGER NOT NULL DEFAULT 0,
    head_digest BLOB NOT NULL DEFAULT x'',
    position INTEGER NOT NULL DEFAULT 0,
    anchor_size INTEGER NOT NULL DEFAULT 0,
    anchor_digest BLOB NOT NULL DEFAULT x'',
    is_rotated INTEGER NOT NULL DEFAULT 0,
    is_ended INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    count INTEGER NOT NULL,
    ends TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS left_over (file_id INTEGER PRIMARY KEY, position INTEGER NOT NULL, bytes BLOB NOT NULL);
"""
_MOVE = """UPDATE files SET position = ?1, anchor_size = ?2, anchor_digest = ?3 WHERE id = ?4 AND position < ?1"""


class CheckpointUnavailable(Retry):
    """It cannot be written: its disk is full, or away."""


_ends = msgspec.json.Decoder(list[End])


class Checkpoint:
    """The SQLite file; any thread may use it, one at a time.

    Args:
        path: of the file, made for the owner alone where it is missing.

    Attributes:
        path: the same.

    Raises:
        ConfigError: it cannot be opened, or another version made it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self.path = path
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            # A batch that was accepted and whose row a power cut took would be read, and sent, once more.
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA journal_size_limit = 67108864")
            self._db.executescript(_SCHEMA)
            version = self._fact("version")
            if version not in {None, str(VERSION)}:
                raise ConfigError(f"{path} is of version {version}, this collector knows version {VERSION}")
            self._set("version", str(VERSION))
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"the checkpoint {path} cannot be used: {error}") from None

    def files(self) -> list[FileRow]:
        """All files that are known, after those that are gone for long were forgotten."""
        with self._transaction():
            self._db.execute("DELETE FROM files WHERE inode IS NULL AND seen_at < ?", (time.time() - KEEP_GONE_S,))
            rows = self._db.execute(f"SELECT {FILE_COLUMNS} FROM files ORDER BY id").fetchall()  # noqa: S608 - our own names
        return [file_of(*row) for row in rows]

    def batches(self) -> list[Batch]:
        """Those that are not settled, in their order."""
        with self._lock:
            rows = self._db.execute("SELECT sequence, key, body, count, ends FROM batches ORDER BY sequence").fetchall()
        return [Batch(sequence, key, body, count, _ends.decode(ends)) for sequence, key, body, count, ends in rows]

    def keep(self, files: Sequence[FileRow]) -> None:
        """Write these files as they are, but for how far they are settled where they are known."""
        with self._transaction():
            self._db.executemany(
                f"""INSERT INTO files ({FILE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET path = excluded.path, device = excluded.device, inode = excluded.inode,
                head_size = excluded.head_size, head_digest = excluded.head_digest,
                is_rotated = excluded.is_rotated, is_ended = excluded.is_ended, seen_at = excluded.seen_at""",  # noqa: S608 - our own names
                [values_of(row) for row in files],
            )

    def forget(self, files: Sequence[int]) -> None:
        """Forget these files."""
        with self._transaction():
            self._db.executemany("DELETE FROM files WHERE id = ?", [(file_id,) for file_id in files])

    def add(self, key: str, body: bytes, count: int, ends: Sequence[End], heads: Sequence[tuple[int, Print]]) -> Batch:
        """Keep a batch that is about to be sent, and what is known of the heads of its files."""
        with self._transaction():
            added = self._db.execute(
                "INSERT INTO batches (key, body, count, ends) VALUES (?, ?, ?, ?)",
                (key, body, count, msgspec.json.encode(ends).decode()),
            )
            self._db.executemany(
                "UPDATE files SET head_size = ?, head_digest = ? WHERE id = ?",
                [(head.size, head.digest, file_id) for file_id, head in heads],
            )
            sequence = added.lastrowid or 0
        return Batch(sequence, key, body, count, ends)

    def settle(self, batches: Sequence[Batch], output: str | None) -> None:
        """Forget batches that the producer has, and move the positions of their files.

        Args:
            batches: in their order.
            output: how far the local copy goes with them; None where there is none.
        """
        ends = {end.file_id: end for batch in batches for end in batch.ends}
        with self._transaction():
            self._move(ends.values())
            self._db.executemany("DELETE FROM batches WHERE sequence = ?", [(batch.sequence,) for batch in batches])
            if output is not None:
                self._set("output", output)

    def move(self, ends: Sequence[End]) -> None:
        """Move positions past what holds no record: blank lines, and what a filter left out."""
        with self._transaction():
            self._move(ends)

    def left_over(self) -> list[LeftOver]:
        """What `keep_left_over` kept last."""
        with self._lock:
            rows = self._db.execute("SELECT file_id, position, bytes FROM left_over").fetchall()
        return [LeftOver(file_id, position, data) for file_id, position, data in rows]

    def keep_left_over(self, left_over: Sequence[LeftOver]) -> None:
        """Keep this in the place of what was kept before."""
        with self._transaction():
            self._db.execute("DELETE FROM left_over")
            self._db.executemany(
                "INSERT INTO left_over (file_id, position, bytes) VALUES (?, ?, ?)",
                [(one.file_id, one.position, one.data) for one in left_over],
            )

    def fact(self, name: str) -> str | None:
        """What was noted under this name; None where nothing was."""
        with self._lock:
            return self._fact(name)

    def note(self, name: str, value: str) -> None:
        """Note something that is no file and no batch."""
        with self._transaction():
            self._set(name, value)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _move(self, ends: Iterable[End]) -> None:
        self._db.executemany(_MOVE, [(end.position, end.anchor.size, end.anchor.digest, end.file_id) for end in ends])

    def _fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise CheckpointUnavailable(f"the checkpoint {self.path} cannot be written: {error}") from None
