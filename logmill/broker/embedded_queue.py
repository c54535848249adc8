"""What consumers do to the embedded broker's file: claim, read, settle, release, bury; every statement is here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from logmill.broker.embedded_file import Properties, identified, transaction, translated
from logmill.broker.protocol import Message
from logmill.broker.topology import (
    BROKER_ORIGIN,
    DEAD,
    DEATH_HEADERS,
    DELIVERY_LIMIT,
    Limits,
    dead_letter_headers,
    never_settled,
)
from logmill.record import Lane

_ANY_READY = "SELECT 1 FROM messages WHERE lane = ? AND claimed_by IS NULL LIMIT 1"
_CLAIM = """
UPDATE messages SET claimed_by = ?, attempts = attempts + 1
WHERE id IN (SELECT id FROM messages WHERE lane = ? AND claimed_by IS NULL ORDER BY id LIMIT ?)
RETURNING id, attempts, properties
"""
_BODY = "SELECT body FROM bodies WHERE id = ?"
_PROPERTIES = "SELECT properties FROM messages WHERE id = ?"
_SETTLE = "DELETE FROM messages WHERE id = ? AND claimed_by = ?"
_RELEASE = "UPDATE messages SET claimed_by = NULL WHERE id = ? AND claimed_by = ?"
_RETURN = "UPDATE messages SET claimed_by = NULL, attempts = attempts - 1 WHERE id = ? AND claimed_by = ?"
_RELEASE_ALL = "UPDATE messages SET claimed_by = NULL WHERE claimed_by = ?"
_BURY = "UPDATE messages SET lane = ?, claimed_by = NULL, properties = ? WHERE id = ? AND claimed_by = ?"
_CLAIMANTS = "SELECT DISTINCT claimed_by FROM messages WHERE claimed_by IS NOT NULL"
_WAITING = f"SELECT sum(messages) FROM totals WHERE lane != '{DEAD}'"  # noqa: S608
_DEAD_TOTAL = f"SELECT messages, size_bytes FROM totals WHERE lane = '{DEAD}'"  # noqa: S608

# Free space beyond this (16 MiB) goes back to the file system once nothing waits, so many pages at a time.
_KEPT_FREE_PAGES = 1024
_VACUUM_PAGES = 2048


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed message whose body was not read yet.

    Attributes:
        id: row id.
        lane: its lane.
        attempts: deliveries before this one.
        properties: `Properties` as JSON.
    """

    id: int
    lane: Lane
    attempts: int
    properties: str


def version(db: sqlite3.Connection) -> int:
    """A number that changes with every commit of another connection."""
    with translated():
        return int(db.execute("PRAGMA data_version").fetchone()[0])


def any_ready(db: sqlite3.Connection, lane: Lane) -> bool:
    """Whether the lane has a message that nobody claimed. Reads only, so it waits for no writer."""
    with translated():
        return db.execute(_ANY_READY, (lane,)).fetchone() is not None


def claim(db: sqlite3.Connection, claimant: str, wanted: dict[Lane, int], limits: Limits) -> list[Claimed]:
    """Claim up to so many messages a lane, oldest first; those delivered too often are buried, if there is room."""
    claimed = []
    with transaction(db):
        for lane, most in wanted.items():
            # RETURNING promises no order.
            for id_, attempts, properties in sorted(db.execute(_CLAIM, (claimant, lane, most)).fetchall()):
                reason = never_settled(attempts - 1)
                if attempts <= DELIVERY_LIMIT or not _bury(db, claimant, (id_, lane, reason), limits, BROKER_ORIGIN):
                    claimed.append(Claimed(id_, lane, attempts - 1, properties))
    return claimed


def body(db: sqlite3.Connection, id_: int) -> bytes | None:
    """The body of a message, None where it was purged."""
    with translated():
        row = db.execute(_BODY, (id_,)).fetchone()
    return None if row is None else bytes(row[0])


def settle(db: sqlite3.Connection, claimant: str, ids: Iterable[int]) -> None:
    """Delete messages for good."""
    with transaction(db):
        db.executemany(_SETTLE, [(id_, claimant) for id_ in ids])


def release(db: sqlite3.Connection, claimant: str, ids: Iterable[int]) -> None:
    """Let others claim messages."""
    with transaction(db):
        db.executemany(_RELEASE, [(id_, claimant) for id_ in ids])


def give_back(db: sqlite3.Connection, claimant: str, ids: Iterable[int]) -> None:
    """Let others claim messages that nobody has looked at: as if they had not been claimed."""
    with transaction(db):
        db.executemany(_RETURN, [(id_, claimant) for id_ in ids])


def release_all(db: sqlite3.Connection, claimant: str) -> int:
    """Let others claim everything that this one claimed; how many messages that was."""
    with transaction(db):
        return db.execute(_RELEASE_ALL, (claimant,)).rowcount


def bury(
    db: sqlite3.Connection,
    claimant: str,
    letters: Sequence[tuple[int, Lane, str]],
    limits: Limits,
    kept: Sequence[Message] | None = None,
) -> tuple[set[int], set[int]]:
    """Move messages to the dead letters, each with lane and reason, or put there what is to be kept instead.

    Returns the ids of those that are claimed no longer, and of those for which there is no room: they stay claimed.
    One that is gone altogether, because somebody purged it, counts as moved.
    """
    lost, refused = set(), set()
    with transaction(db):
        for index, (id_, lane, reason) in enumerate(letters):
            moved = _bury(db, claimant, (id_, lane, reason), limits)
            if moved and kept is not None:
                _replace(db, id_, kept[index])
            if moved is None:
                lost.add(id_)
            elif not moved:
                refused.add(id_)
    return lost, refused


def _bury(
    db: sqlite3.Connection, claimant: str, letter: tuple[int, Lane, str], limits: Limits, origin: str | None = None
) -> bool | None:
    """Move one message; False where the dead letters are at their limit, None where it is claimed no longer."""
    id_, lane, reason = letter
    row = db.execute(_PROPERTIES, (id_,)).fetchone()
    if row is None:
        return True
    messages, size_bytes = db.execute(_DEAD_TOTAL).fetchone()
    if messages >= limits.max_messages or size_bytes >= limits.max_bytes:
        return False
    properties = identified(db, id_, row[0])
    properties.headers = {**properties.headers, **dead_letter_headers(lane, reason, origin)}
    text = msgspec.json.encode(properties).decode()
    return True if db.execute(_BURY, (DEAD, text, id_, claimant)).rowcount else None


def _replace(db: sqlite3.Connection, id_: int, message: Message) -> None:
    """Have a dead letter hold this message's content instead of its own."""
    row = db.execute("SELECT properties, size_bytes FROM messages WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return
    properties, more = msgspec.json.decode(row[0], type=Properties), len(message.body) - row[1]
    death = {name: value for name, value in properties.headers.items() if name in DEATH_HEADERS}
    properties.content_type, properties.content_encoding = message.content_type, message.content_encoding
    properties.headers = {**message.headers, **death}
    properties.message_id = message.message_id or properties.message_id
    text = msgspec.json.encode(properties).decode()
    db.execute("UPDATE bodies SET body = ? WHERE id = ?", (message.body, id_))
    db.execute("UPDATE messages SET properties = ?, size_bytes = size_bytes + ? WHERE id = ?", (text, more, id_))
    db.execute("UPDATE totals SET size_bytes = size_bytes + ? WHERE lane = ?", (more, DEAD))


def claimants(db: sqlite3.Connection) -> set[str]:
    """The names under which anything is claimed."""
    with translated():
        return {name for (name,) in db.execute(_CLAIMANTS)}


def give_space_back(db: sqlite3.Connection) -> None:
    """Shorten the file a little, if nothing but dead letters waits in it and much of it is free."""
    with translated():
        (waiting,) = db.execute(_WAITING).fetchone()
        (free_pages,) = db.execute("PRAGMA freelist_count").fetchone()
        if waiting == 0 and free_pages > _KEPT_FREE_PAGES:
            # `execute` would free a single page: it stops at the first step.
            db.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
            # Only when the log is copied back is the file cut.
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
