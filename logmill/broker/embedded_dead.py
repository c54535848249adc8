"""The dead letters of the embedded broker: looking at them, replaying and removing them; their statements are here."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import msgspec

from logmill.broker import embedded_queue as queue
from logmill.broker.embedded_file import BUSY_TIMEOUT_S, Properties, identified, message_of, transaction, translated
from logmill.broker.protocol import DeadLetter
from logmill.broker.topology import (
    AT_HEADER,
    DEAD,
    DEAD_ID_HEADER,
    DEATH_HEADERS,
    LANE_HEADER,
    ORIGIN_HEADER,
    REASON_HEADER,
    Limits,
)
from logmill.errors import BrokerFull, BrokerUnavailable
from logmill.record import Lane

# Row ids follow the order of publishing; ids of dead letters begin with the time of the death. Files that were written
# before there were ids have letters without one.
_NAMES = f"""
SELECT ifnull(json_extract(properties, '$.headers."{DEAD_ID_HEADER}"'), printf('00000000-0000-8000-8000-%012x', id)), id
FROM messages WHERE lane = '{DEAD}'
"""  # noqa: S608
_TIME_CHARACTERS = 13
_LETTER = "SELECT properties, body FROM messages JOIN bodies USING (id) WHERE id = ? AND lane = ?"
_PROPERTIES = "SELECT properties, size_bytes FROM messages WHERE id = ? AND lane = ?"
# The row keeps its id, and so its place by age: it comes before what was published since.
_REPLAY = "UPDATE messages SET lane = ?, properties = ?, attempts = 0 WHERE id = ? AND lane = ?"
_PURGE = "DELETE FROM messages WHERE id = ? AND lane = ?"
_TOTALS = "SELECT lane, messages, size_bytes FROM totals"
# A transaction holds the write lock of all processes.
_ROWS_AT_A_TIME = 500


class EmbeddedDeadLetters:
    """`DeadLetters`; see there. Readers do not hide letters from each other.

    Args:
        db: the open file, used by nobody else meanwhile.
        limits: of each lane.
        deadline_s: until when it can be used, on the monotonic clock.
    """

    def __init__(self, db: sqlite3.Connection, limits: Limits, deadline_s: float) -> None:
        self._db = db
        self._deadline_s = deadline_s
        self._limits = limits

    def scan(self, limit: int) -> Iterator[DeadLetter]:
        """See `DeadLetters`."""
        for id_, row_id in self._names()[:limit]:
            self._check_time()
            with translated():
                row = self._db.execute(_LETTER, (row_id, DEAD)).fetchone()
            if row is not None:
                yield _letter_of(id_, row[0], bytes(row[1]))

    def replay(self, ids: Collection[str] | None = None) -> int:
        """See `DeadLetters`."""
        count = 0
        for rows in self._chosen(ids):
            full = None
            with transaction(self._db):
                totals = {lane: (messages, size) for lane, messages, size in self._db.execute(_TOTALS)}
                for row_id in rows:
                    row = self._db.execute(_PROPERTIES, (row_id, DEAD)).fetchone()
                    if row is None:
                        continue
                    lane, properties = _alive(identified(self._db, row_id, row[0]))
                    messages, size_bytes = totals[lane]
                    if messages >= self._limits.max_messages or size_bytes >= self._limits.max_bytes:
                        full = lane
                        break
                    totals[lane] = (messages + 1, size_bytes + row[1])
                    count += self._db.execute(_REPLAY, (lane, properties, row_id, DEAD)).rowcount
            if full is not None:
                raise BrokerFull(f"lane {full} is full; {count} were replayed")
        return count

    def purge(self, ids: Collection[str] | None = None) -> int:
        """See `DeadLetters`."""
        count = 0
        for rows in self._chosen(ids):
            with transaction(self._db):
                count += sum(self._db.execute(_PURGE, (row_id, DEAD)).rowcount for row_id in rows)
        queue.give_space_back(self._db)
        return count

    def _names(self) -> list[tuple[str, int]]:
        """Id and row id of what is there now, oldest first; about 150 bytes each."""
        self._check_time()
        with translated():
            names = self._db.execute(_NAMES).fetchall()
        return sorted(names, key=lambda name: (name[0][:_TIME_CHARACTERS], name[1]))

    def _chosen(self, ids: Collection[str] | None) -> Iterator[Sequence[int]]:
        """Row ids of what is there now and has one of these ids, in groups for one transaction each."""
        names = iter(self._names())
        wanted = (row_id for id_, row_id in names if ids is None or id_ in ids)
        while rows := list(islice(wanted, _ROWS_AT_A_TIME)):
            self._check_time()
            yield rows

    def _check_time(self) -> None:
        """Raise where the time is over; else wait no longer than is left for whoever writes."""
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise BrokerUnavailable("the time for dead letters is over")
        with translated():
            self._db.execute(f"PRAGMA busy_timeout={int(1000 * min(BUSY_TIMEOUT_S, left_s))}")


def _letter_of(id_: str, text: str, body: bytes) -> DeadLetter:
    properties = msgspec.json.decode(text, type=Properties)
    death = properties.headers
    properties.headers = _headers_of_its_life(properties)
    return DeadLetter(
        id=id_,
        message=message_of(Lane(str(death[LANE_HEADER])), properties, body),
        reason=str(death[REASON_HEADER]),
        at=str(death[AT_HEADER]),
        origin=str(death[ORIGIN_HEADER]),
    )


def _alive(properties: Properties) -> tuple[Lane, str]:
    """The lane of a dead letter, and its properties for the time after."""
    lane = Lane(str(properties.headers[LANE_HEADER]))
    properties.headers = _headers_of_its_life(properties)
    properties.replayed = True
    return lane, msgspec.json.encode(properties).decode()


def _headers_of_its_life(properties: Properties) -> dict[str, str | int]:
    return {name: value for name, value in properties.headers.items() if name not in DEATH_HEADERS}
