"""The SQLite file of the embedded broker: its schema, how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from logmill.broker.protocol import HeaderValue, Message
from logmill.broker.topology import DEAD
from logmill.errors import BrokerFull, BrokerUnavailable
from logmill.ids import batch_id_of
from logmill.record import Lane

# Another process holds the write lock for one group commit at a time; beyond this something is wrong.
BUSY_TIMEOUT_S = 5.0
# Bodies are tens of kilobytes: large pages mean short chains of them.
_PAGE_BYTES = 16 * 1024
# The write-ahead log is copied back after so many pages (16 MiB) and cut to this length after a peak.
_CHECKPOINT_PAGES = 1000
_WAL_LIMIT_BYTES = 64 * 1024 * 1024
_RETRY_S = 0.01

# Settings that must be made before the first table.
_BIRTH = f"PRAGMA page_size={_PAGE_BYTES}; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"

# Claims change only small rows: an UPDATE of a row with its body would write the body again.
# Triggers keep the totals, so that no code path can forget them and the length limit costs no count(*).
_SCHEMA = """
CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    properties TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed_by TEXT
);
CREATE INDEX IF NOT EXISTS messages_ready ON messages (lane, id) WHERE claimed_by IS NULL;
CREATE INDEX IF NOT EXISTS messages_claimed ON messages (claimed_by, lane) WHERE claimed_by IS NOT NULL;
CREATE TABLE IF NOT EXISTS totals (lane TEXT PRIMARY KEY, messages INTEGER NOT NULL, size_bytes INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS message_added AFTER INSERT ON messages BEGIN
    UPDATE totals SET messages = messages + 1, size_bytes = size_bytes + NEW.size_bytes WHERE lane = NEW.lane;
END;
CREATE TRIGGER IF NOT EXISTS message_moved AFTER UPDATE OF lane ON messages BEGIN
    UPDATE totals SET messages = messages - 1, size_bytes = size_bytes - OLD.size_bytes WHERE lane = OLD.lane;
    UPDATE totals SET messages = messages + 1, size_bytes = size_bytes + NEW.size_bytes WHERE lane = NEW.lane;
END;
CREATE TRIGGER IF NOT EXISTS message_gone AFTER DELETE ON messages BEGIN
    UPDATE totals SET messages = messages - 1, size_bytes = size_bytes - OLD.size_bytes WHERE lane = OLD.lane;
    DELETE FROM bodies WHERE id = OLD.id;
END;
"""
# Changes with the schema above; a file of another version is refused instead of misread.
_SCHEMA_VERSION = 1


class Properties(msgspec.Struct, omit_defaults=True):
    """What a message carries besides its body, as JSON in the file."""

    message_id: str = ""
    content_type: str = ""
    content_encoding: str = ""
    headers: dict[str, HeaderValue] = {}
    timestamp_s: int = 0
    # Whether it was a dead letter and was replayed: it was delivered before, though `attempts` begins anew.
    replayed: bool = False


def message_of(lane: Lane, properties: Properties, body: bytes) -> Message:
    """A message as it was published."""
    return Message(
        body=body,
        lane=lane,
        message_id=properties.message_id,
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        headers=properties.headers,
        timestamp_s=properties.timestamp_s,
    )


def identified(db: sqlite3.Connection, id_: int, text: str) -> Properties:
    """The properties of a message, with an id: one that follows from the body, where a client set none.

    The rejection of such a message was reported under this id, and storage knows copies of it by it.
    """
    properties = msgspec.json.decode(text, type=Properties)
    if not properties.message_id:
        (body,) = db.execute("SELECT body FROM bodies WHERE id = ?", (id_,)).fetchone()
        properties.message_id = str(batch_id_of("", body))
    return properties


def path_of(url: str) -> Path:
    """The file that `sqlite:///relative/path` or `sqlite:////absolute/path` names."""
    return Path(url.removeprefix("sqlite:///"))


def connect(path: Path, *, timeout_s: float = BUSY_TIMEOUT_S, create: bool = True) -> sqlite3.Connection:
    """Open the file. The connection commits by hand and may change threads.

    Args:
        path: of the file.
        timeout_s: how long to wait for others that make it just now, and for what locks it while it is opened.
        create: whether to make it, with its folders, where there is none.

    Raises:
        BrokerUnavailable: when it cannot be opened in time, or is not there.
    """
    deadline_s = time.monotonic() + timeout_s
    with translated():
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise BrokerUnavailable(f"there is no broker file at {path}")
        while True:
            wait_s = min(timeout_s, BUSY_TIMEOUT_S)
            db = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
            try:
                _prepare(db)
            except sqlite3.Error as error:
                db.close()
                # Making a new file is the one thing that SQLite does not wait its turn for.
                if not _is_busy(error) or time.monotonic() > deadline_s:
                    raise
                time.sleep(_RETRY_S)
            except BaseException:
                db.close()
                raise
            else:
                return db


def _prepare(db: sqlite3.Connection) -> None:
    # FULL: a commit returns after fsync, so a confirm means that the message survives a power cut.
    db.executescript(
        f"PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES};"
        f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}; PRAGMA cache_size=-16384;"
        # What was settled may have held secrets that were redacted on their way: its room is overwritten.
        "PRAGMA secure_delete=ON;"
    )
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 0:
        db.executescript(_BIRTH)
        totals = ";".join(f"INSERT OR IGNORE INTO totals VALUES ('{lane}', 0, 0)" for lane in (*Lane, DEAD))  # noqa: S608
        db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {totals}; PRAGMA user_version={_SCHEMA_VERSION}; COMMIT;")
    elif version != _SCHEMA_VERSION:
        raise BrokerUnavailable(f"the broker's file has version {version}, this Logmill reads {_SCHEMA_VERSION}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """One write transaction: committed and fsynced at the end of the block, or undone as a whole.

    Raises:
        BrokerFull: when the disk is full.
        BrokerUnavailable: for any other error of the file.
    """
    with translated():
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            # A full disk makes SQLite roll back by itself.
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's and the file system's errors as the broker's."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise BrokerFull("the disk of the broker's file is full") from None
        raise BrokerUnavailable(f"the broker's file: {error}") from None
    except OSError as error:
        raise BrokerUnavailable(f"the broker's file: {error.strerror}") from None


def _is_busy(error: sqlite3.Error) -> bool:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Identity:
    """Tells whether the open file is still the one at `path`: SQLite would go on writing to one that was moved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._now()

    def _now(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def check(self) -> None:
        """Raise `BrokerUnavailable` when the file was moved, deleted or replaced."""
        if self._seen is None or self._now() != self._seen:
            raise BrokerUnavailable("the broker's file was moved or deleted")
