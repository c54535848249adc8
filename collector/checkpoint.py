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
"""
_FILE = (
    "id, path, service, file, device, inode, head_size, head_digest, position, anchor_size, anchor_digest, "
    "is_rotated, is_ended, seen_at"
)
_MOVE = """UPDATE files SET position = ?1, anchor_size = ?2, anchor_digest = ?3 WHERE id = ?4 AND position < ?1"""


class CheckpointUnavailable(Retry):
    """It cannot be written: its disk is full, or away."""


class FileRow(msgspec.Struct, frozen=True):
    """A file as it is known.

    Attributes:
        id: its number here.
        path: where it lay last.
        service: what its records are said to be of.
        file: how its records name it: the path at which it was found first.
        device: where it lies; None once it is not known.
        inode: of the device.
        head: of its content.
        position: up to which its bytes are settled.
        anchor: of what stands before that.
        is_rotated: whether it has left the name under which it was written.
        is_ended: whether all of it was read and nothing can follow; of compressed files.
        seen_at: when it was last seen to hold what was read of it, seconds since 1970.
    """

    id: int
    path: str
    service: str
    file: str
    device: int | None
    inode: int | None
    head: Print
    position: int
    anchor: Print
    is_rotated: bool
    is_ended: bool
    seen_at: float


class End(msgspec.Struct, frozen=True, array_like=True):
    """How far a batch goes in a file: its id, the place, and the anchor there."""

    file_id: int
    position: int
    anchor: Print


class Batch(msgspec.Struct, frozen=True):
    """What is sent as one request.

    Attributes:
        sequence: the order in which batches were made.
        key: the Idempotency-Key.
        body: NDJSON, compressed with zstd.
        count: records in it.
        ends: how far it goes, one for each file in it.
    """

    sequence: int
    key: str
    body: bytes
    count: int
    ends: Sequence[End]


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
            rows = self._db.execute(f"SELECT {_FILE} FROM files ORDER BY id").fetchall()  # noqa: S608 - our own names
        return [_file(*row) for row in rows]

    def batches(self) -> list[Batch]:
        """Those that are not settled, in their order."""
        with self._lock:
            rows = self._db.execute("SELECT sequence, key, body, count, ends FROM batches ORDER BY sequence").fetchall()
        return [Batch(sequence, key, body, count, _ends.decode(ends)) for sequence, key, body, count, ends in rows]

    def keep(self, files: Sequence[FileRow]) -> None:
        """Write these files as they are, but for how far they are settled where they are known."""
        with self._transaction():
            self._db.executemany(
                f"""INSERT INTO files ({_FILE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET path = excluded.path, device = excluded.device, inode = excluded.inode,
                head_size = excluded.head_size, head_digest = excluded.head_digest,
                is_rotated = excluded.is_rotated, is_ended = excluded.is_ended, seen_at = excluded.seen_at""",  # noqa: S608 - our own names
                [_values(row) for row in files],
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


def _values(row: FileRow) -> tuple[object, ...]:
    return (
        row.id, row.path, row.service, row.file, row.device, row.inode, row.head.size, row.head.digest,
        row.position, row.anchor.size, row.anchor.digest, row.is_rotated, row.is_ended, row.seen_at,
    )  # fmt: skip


def _file(
    file_id: int,
    path: str,
    service: str,
    file: str,
    device: int | None,
    inode: int | None,
    head_size: int,
    head_digest: bytes,
    position: int,
    anchor_size: int,
    anchor_digest: bytes,
    is_rotated: int,
    is_ended: int,
    seen_at: float,
) -> FileRow:
    return FileRow(
        id=file_id,
        path=path,
        service=service,
        file=file,
        device=device,
        inode=inode,
        head=Print(head_size, head_digest),
        position=position,
        anchor=Print(anchor_size, anchor_digest),
        is_rotated=bool(is_rotated),
        is_ended=bool(is_ended),
        seen_at=seen_at,
    )
