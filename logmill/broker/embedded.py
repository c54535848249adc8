"""The embedded broker: one SQLite file, shared by the processes of one machine, for Logmill without a server.

Promised as by RabbitMQ: see `logmill.broker.protocol`. Not promised: files on network file systems, and that others go
on while a process stands still (SIGSTOP) in the very moment in which it writes: it has the file's write lock. One that
stands still at any other moment loses its messages to others when its lease is over, and notices when it goes on.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from logmill.broker import embedded_queue as queue
from logmill.broker.embedded_claims import LEASE_S
from logmill.broker.embedded_consumer import EmbeddedConsumer
from logmill.broker.embedded_dead import EmbeddedDeadLetters
from logmill.broker.embedded_file import BUSY_TIMEOUT_S, connect, path_of, transaction, translated
from logmill.broker.embedded_publisher import EmbeddedPublisher
from logmill.broker.protocol import DEAD_LETTERS_S, DEPTHS_S, QueueDepth
from logmill.broker.topology import MAX_MESSAGE_BYTES, MAX_UNCONFIRMED, MAX_UNCONFIRMED_BYTES, Limits

# What waits here waits on the machine that also stores the logs.
EMBEDDED_LIMITS = Limits(max_messages=500_000, max_bytes=8 * 1024**3)


class EmbeddedBroker:
    """A `Broker`; see there.

    Args:
        url: `sqlite:///relative/path` or `sqlite:////absolute/path`; folders are made as needed.
        limits: of each lane.
        max_unconfirmed: messages that a publisher has on their way at most.
        max_unconfirmed_bytes: their bodies.
        lease_s: how long a consumer may stand still before others get what it holds; for all processes the same.
    """

    kind = "embedded"
    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(
        self,
        url: str,
        limits: Limits = EMBEDDED_LIMITS,
        *,
        max_unconfirmed: int = MAX_UNCONFIRMED,
        max_unconfirmed_bytes: int = MAX_UNCONFIRMED_BYTES,
        lease_s: float = LEASE_S,
    ) -> None:
        self._path: Path = path_of(url)
        self._limits = limits
        self._max_unconfirmed = max_unconfirmed
        self._max_unconfirmed_bytes = max_unconfirmed_bytes
        self._lease_s = lease_s

    def declare(self, timeout_s: float) -> None:
        """See `Broker`."""
        connect(self._path, timeout_s=timeout_s).close()

    def publisher(self) -> EmbeddedPublisher:
        """See `Broker`."""
        return EmbeddedPublisher(
            self._path,
            self._limits,
            max_unconfirmed=self._max_unconfirmed,
            max_unconfirmed_bytes=self._max_unconfirmed_bytes,
        )

    def consumer(self, *, prefetch: int) -> EmbeddedConsumer:
        """See `Broker`."""
        return EmbeddedConsumer(self._path, self._limits, prefetch=prefetch, lease_s=self._lease_s)

    @contextmanager
    def dead_letters(self, timeout_s: float = DEAD_LETTERS_S) -> Iterator[EmbeddedDeadLetters]:
        """See `Broker`."""
        deadline_s = time.monotonic() + timeout_s
        with self._opened(min(timeout_s, BUSY_TIMEOUT_S)) as db:
            yield EmbeddedDeadLetters(db, self._limits, deadline_s)

    def depths(self, timeout_s: float = DEPTHS_S) -> dict[str, QueueDepth]:
        """See `Broker`."""
        with self._opened(min(timeout_s, BUSY_TIMEOUT_S)) as db, translated():
            totals = db.execute("SELECT lane, messages, size_bytes FROM totals").fetchall()
            # As many rows as all consumers hold: no more than their prefetch.
            claimed = dict(
                db.execute("SELECT lane, count(*) FROM messages WHERE claimed_by IS NOT NULL GROUP BY lane").fetchall()
            )
        # Two reads: a claim in between may make the difference negative for a moment.
        return {
            lane: QueueDepth(max(0, count - claimed.get(lane, 0)), claimed.get(lane, 0), size_bytes)
            for lane, count, size_bytes in totals
        }

    def purge(self) -> None:
        """See `Broker`. Also what consumers hold; their acknowledgements then have nothing to do.

        The file shrinks a little by it; consumers do the rest.
        """
        with self._opened() as db:
            with transaction(db):
                db.execute("DELETE FROM bodies")
                db.execute("DELETE FROM messages")
            queue.give_space_back(db)

    @contextmanager
    def _opened(self, timeout_s: float = BUSY_TIMEOUT_S) -> Iterator[sqlite3.Connection]:
        """The file, which must be there: who only looks does not make one."""
        db = connect(self._path, timeout_s=timeout_s, create=False)
        try:
            yield db
        finally:
            db.close()
