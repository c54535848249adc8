"""Idempotency keys: what a client calls a request, so that sending it again stores nothing twice.

After `Idempotency-Key` of the IETF draft draft-ietf-httpapi-idempotency-key-header. Two parts work together: batch ids
are derived from key and content (`logmill.ids.derived_batch_id`), so storage recognises what comes again, whichever
process took it; and `KeyRegistry` remembers which key came with which content, to refuse another one and to answer at
once what the broker has confirmed, as long as the content is read as it was then: other limits may take more of it.
Only the second is lost with the file.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import structlog

from logmill.errors import InvalidField, Retry

log = structlog.get_logger()

HEADER = "Idempotency-Key"
# What the answer to a request that was confirmed before has beside what it had the first time.
REPLAYED = {"Idempotency-Replayed": "true"}
FILE_NAME = "idempotency.sqlite3"

# How long a request waits for the file within this process, and then for another one: a commit takes microseconds.
BUSY_TIMEOUT_S = 0.15
# A new key removes at most so many old ones, so that no request pays for many.
PRUNED_AT_ONCE = 4
_RETRY_S = 0.01
_DIGEST_BYTES = 32
_KEY_HASH_BYTES = 16
# Parameters that shape the answer alone.
_ANSWER_PARAMETERS = frozenset({"ids"})
_KEY = re.compile(r"[!-~]{1,255}")

_SETTINGS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=16777216;"
# `number` ascends with time, so the oldest keys are at its low end, and its range bounds their count. `confirmed` is
# the digest of what the broker has; older files have 0 or 1 there, which is no digest: those are published again.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    confirmed BLOB,
    bound_at_us INTEGER NOT NULL
);
"""
_FIND = "SELECT digest, confirmed FROM keys WHERE key = ? AND bound_at_us >= ?"
_FORGET = "DELETE FROM keys WHERE key = ? AND bound_at_us < ?"
_ADD = "INSERT OR IGNORE INTO keys (key, digest, bound_at_us) VALUES (?, ?, ?)"
_PRUNE = """
DELETE FROM keys WHERE number IN (SELECT number FROM keys ORDER BY number LIMIT ?)
AND (bound_at_us < ? OR number <= (SELECT max(number) FROM keys) - ?)
"""
_CONFIRM = "UPDATE keys SET confirmed = ? WHERE key = ? AND digest = ?"


class KeysUnavailable(Retry):
    """Whether a key was used before cannot be told or noted; nothing was taken."""


def key_of(header: str | None) -> str | None:
    """The key that a header carries, without the quotes that the draft has around it; None where there is no header.

    Raises:
        InvalidField: it is none.
    """
    if header is None:
        return None
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise InvalidField(HEADER, f"{HEADER} must be 1 to 255 visible ASCII characters without spaces")
    return key


def digest_of(path: str, content_type: str, query: Mapping[str, str], body: bytes) -> bytes:
    """A hash of all that decides which records a request holds.

    Args:
        path: of the endpoint.
        content_type: without parameters.
        query: the request's parameters.
        body: decompressed.
    """
    hashed = blake2b(digest_size=_DIGEST_BYTES)
    parameters = sorted((name, value) for name, value in query.items() if name not in _ANSWER_PARAMETERS)
    for text in (path, content_type, *(word for pair in parameters for word in pair)):
        hashed.update(f"{len(text)}:{text}".encode())
    hashed.update(b"\n")
    hashed.update(body)
    return hashed.digest()


class KeyRegistry:
    """Which keys were used with which content, in a file that all processes and threads of one producer share.

    It survives kill -9 of the processes; a power cut may take the last keys with it (synchronous=NORMAL).

    Args:
        path: the file; it is opened, and made where it is missing, by the first call.
        keep_s: how long a key is known.
        max_keys: how many are known at most; beyond it the oldest are forgotten.
    """

    def __init__(self, path: Path, *, keep_s: float, max_keys: int) -> None:
        self._path = path
        self._keep_us = round(keep_s * 1e6)
        self._max_keys = max_keys
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None

    def bind(self, key: str, digest: bytes) -> bytes | None:
        """Note that this key stands for this content; what `confirm` noted of it, None where nothing was.

        Raises:
            InvalidField: 422, the key stands for another content.
            KeysUnavailable: the file cannot be read or written.
        """
        name, now_us = _name(key), time.time_ns() // 1000
        oldest_us = now_us - self._keep_us
        with self._connection() as db:
            found = db.execute(_FIND, (name, oldest_us)).fetchone()
            if found is None:
                db.execute("BEGIN IMMEDIATE")
                db.execute(_FORGET, (name, oldest_us))
                db.execute(_ADD, (name, digest, now_us))
                db.execute(_PRUNE, (PRUNED_AT_ONCE, oldest_us, self._max_keys))
                found = db.execute(_FIND, (name, 0)).fetchone()
                db.execute("COMMIT")
        known_digest, confirmed = found
        if known_digest != digest:
            message = f"this {HEADER} was used with another request; a new request needs a new key"
            raise InvalidField(HEADER, message, code="idempotency_key_reused", status=422)
        return confirmed if isinstance(confirmed, bytes) else None

    def confirm(self, key: str, digest: bytes, published: bytes) -> None:
        """Note what the broker has of it. Where that fails a retry is published again, which does no harm.

        Args:
            key: the key.
            digest: of the content, as it was bound.
            published: `Submission.digest` of what was made of the content.
        """
        try:
            with self._connection() as db:
                db.execute(_CONFIRM, (published, _name(key), digest))
        except KeysUnavailable as error:
            log.warning("idempotency_key_not_confirmed", reason=str(error))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._forget_connection()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The open file for this thread alone; what is not committed at the end is undone.

        Raises:
            KeysUnavailable: says why.
        """
        if not self._lock.acquire(timeout=BUSY_TIMEOUT_S):
            raise KeysUnavailable("the file of idempotency keys is busy")
        try:
            yield self._open()
        except (sqlite3.Error, OSError) as error:
            self._forget_connection()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise KeysUnavailable(f"idempotency keys cannot be kept in {self._path}: {reason}") from None
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        if self._db is not None and self._inode != _inode_of(self._path):
            self._forget_connection()  # moved or deleted: other processes write to another file now
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db, self._inode = _connect(self._path), _inode_of(self._path)
        return self._db

    def _forget_connection(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()


def _connect(path: Path) -> sqlite3.Connection:
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            db.executescript(_SETTINGS + _SCHEMA)
        except sqlite3.Error as error:
            db.close()
            # Making a new file is the one thing that SQLite does not wait its turn for.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(_RETRY_S)
        else:
            return db


def _name(key: str) -> bytes:
    """What a key is called in the file, in a length that bounds the file's."""
    return blake2b(key.encode(), digest_size=_KEY_HASH_BYTES).digest()


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a quarter of the time of Path.stat
    except OSError:
        return None
    return status.st_dev, status.st_ino
