"""Consuming from the embedded broker: messages are claimed in the file, bodies are read when they are taken."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from logmill.backoff import delay_s
from logmill.broker import embedded_queue as queue
from logmill.broker.embedded_claims import LEASE_S, Claimant, free_claims
from logmill.broker.embedded_file import Identity, Properties, connect, message_of, translated
from logmill.broker.embedded_queue import Claimed
from logmill.broker.lanes import Lanes
from logmill.broker.protocol import EVERY_LANE, Delivery, Message
from logmill.broker.topology import Limits
from logmill.errors import BrokerFull, BrokerUnavailable, Retry
from logmill.record import Lane

log = structlog.get_logger()

# How often a consumer with nothing to do looks whether the file changed: often while messages come, less often once
# none came for a while. One look costs about 6 us, and with the wake-up an idle consumer takes 1 % of a core.
_POLL_S = 0.005
_IDLE_POLL_S = 0.02
_IDLE_AFTER_S = 1.0
# How often claims of dead consumers are looked for, and free space is given back.
_HOUSEKEEPING_S = 1.0


@dataclass(frozen=True, slots=True)
class _Tag:
    """A claim: row id, and the name it was claimed under."""

    id: int
    claimant: str


class EmbeddedConsumer:
    """A `Consumer`; see there. One thread at a time.

    Args:
        path: the broker's file.
        limits: of the dead letters.
        prefetch: most unsettled messages of each lane.
        lease_s: how long a consumer may stand still before others take what it claimed.
    """

    def __init__(self, path: Path, limits: Limits, *, prefetch: int, lease_s: float = LEASE_S) -> None:
        self._path = path
        self._limits = limits
        self._prefetch = prefetch
        self._lease_s = lease_s
        self._state = "not opened yet"
        self._stopping = False
        self._closed = False
        self._db: sqlite3.Connection | None = None
        self._claimant: Claimant | None = None
        self._identity: Identity | None = None
        self._failures = 0
        self._retry_at_s = 0.0
        self._lanes: Lanes[Claimed] = Lanes()
        # Row ids that are claimed and not settled, by lane.
        self._held: dict[Lane, set[int]] = {lane: set() for lane in Lane}
        # Settled by the worker but not in the file yet, for want of disk space.
        self._unwritten: list[int] = []
        self._seen_version = -1
        self._maybe_more = dict.fromkeys(Lane, True)
        self._housekeeping_at_s = 0.0
        self._busy_until_s = 0.0

    @property
    def state(self) -> str:
        """See `Consumer`."""
        return self._state

    def receive(self, timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        """See `Consumer`."""
        if self._closed:
            raise BrokerUnavailable("the consumer is closed")
        if self._stopping and self._db is None:
            return None
        deadline_s = time.monotonic() + timeout_s
        db = self._open(deadline_s)
        try:
            while True:
                self._keep_house(db)
                if not self._stopping:
                    self._claim(db, lanes)
                delivery = self._take(db, lanes)
                now_s = time.monotonic()
                if delivery is not None:
                    self._busy_until_s = now_s + _IDLE_AFTER_S
                    return delivery
                if now_s >= deadline_s or self._nothing_comes(lanes):
                    return None
                # SQLite cannot wake another process, so it is polled.
                poll_s = _POLL_S if now_s < self._busy_until_s else _IDLE_POLL_S
                time.sleep(min(poll_s, deadline_s - now_s))
        except Retry as error:
            self._drop(str(error))
            raise BrokerUnavailable(str(error)) from None

    def _nothing_comes(self, lanes: Collection[Lane]) -> bool:
        """Whether it is of no use to wait: see `Consumer.receive`."""
        return self._stopping or any(len(self._held[lane]) >= self._prefetch for lane in lanes)

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """See `Consumer`. Where the disk is full it is done later, by `receive` or `close`."""
        self._unwritten.extend(self._let_go(deliveries))
        self._write_settled()

    def release(self, deliveries: list[Delivery]) -> None:
        """See `Consumer`."""
        ids = self._let_go(deliveries)
        db = self._db
        if db is None or not ids:
            return
        try:
            queue.release(db, self._name(), ids)
        except Retry as error:
            # They are free again once this consumer's name is.
            self._drop(str(error))
        # Changes of our own do not show in data_version.
        self._maybe_more = dict.fromkeys(Lane, True)

    def dead_letter(
        self, letters: Sequence[tuple[Delivery, str]], kept: Sequence[Message] | None = None
    ) -> list[Delivery]:
        """See `Consumer`. All in one transaction."""
        held = [index for index, letter in enumerate(letters) if self._holds(letter[0])]
        ours = [letters[index] for index in held]
        instead = None if kept is None else [kept[index] for index in held]
        failed = [delivery for delivery, _reason in letters if not self._holds(delivery)]
        if self._db is None or not ours:
            return failed
        rows = [(_tag_of(delivery).id, delivery.message.lane, reason) for delivery, reason in ours]
        try:
            lost, refused = queue.bury(self._db, self._name(), rows, self._limits, instead)
        except Retry as error:
            log.warning("not_dead_lettered", messages=len(rows), reason=str(error))
            return [delivery for delivery, _reason in letters]
        if refused:
            log.warning("not_dead_lettered", messages=len(refused), reason="the dead letters are at their limit")
        self._let_go(delivery for delivery, _reason in ours if _tag_of(delivery).id not in refused)
        return failed + [delivery for delivery, _reason in ours if _tag_of(delivery).id in lost | refused]

    def stop_taking(self, limit_s: float) -> None:  # noqa: ARG002 - nothing is ever on its way, so nothing is waited for
        """See `Consumer`."""
        self._stopping = True

    def close(self) -> None:
        """See `Consumer`."""
        self._closed = True
        self._write_settled()
        if self._db is not None:
            try:
                queue.give_back(self._db, self._name(), [one.id for one in self._lanes.drain()])
                queue.release_all(self._db, self._name())
            except Retry as error:
                log.warning("claims_not_released", reason=str(error))
        self._drop("closed")

    def _name(self) -> str:
        return self._claimant.name if self._claimant is not None else ""

    def _open(self, deadline_s: float) -> sqlite3.Connection:
        """The open file; after a failure not before its backoff is over."""
        if self._db is not None:
            return self._db
        now_s = time.monotonic()
        if now_s < self._retry_at_s:
            time.sleep(max(0.0, min(self._retry_at_s, deadline_s) - now_s))
            if deadline_s < self._retry_at_s:
                raise BrokerUnavailable(self._state)
        try:
            db = connect(self._path)
            with translated():
                self._claimant = Claimant(self._path.with_name(self._path.name + ".consumers"), self._lease_s)
        except BrokerUnavailable as error:
            self._drop(str(error))
            raise
        self._db, self._identity = db, Identity(self._path)
        self._state, self._failures = "ready", 0
        self._seen_version, self._housekeeping_at_s = -1, 0.0
        return db

    def _drop(self, reason: str) -> None:
        """Close the file. What was claimed is free for others, and for us under a new name."""
        self._state = reason
        self._failures += 1
        self._retry_at_s = time.monotonic() + delay_s(self._failures, 0.1, 5.0)
        self._lanes.clear()
        for held in self._held.values():
            held.clear()
        self._unwritten.clear()
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._claimant is not None:
            self._claimant.close()
            self._claimant = None

    def _let_go(self, deliveries: Iterable[Delivery]) -> list[int]:
        """The row ids of the deliveries that are still ours, no longer held."""
        ids = []
        for delivery in deliveries:
            if self._holds(delivery):
                ids.append(_tag_of(delivery).id)
                self._held[delivery.message.lane].discard(ids[-1])
        return ids

    def _holds(self, delivery: Delivery) -> bool:
        tag = _tag_of(delivery)
        return tag.claimant == self._name() and tag.id in self._held[delivery.message.lane]

    def _write_settled(self) -> None:
        db = self._db
        if db is None or not self._unwritten:
            return
        try:
            queue.settle(db, self._name(), self._unwritten)
        except BrokerFull as error:
            log.warning("acknowledgements_wait", messages=len(self._unwritten), reason=str(error))
        except BrokerUnavailable as error:
            self._drop(str(error))
        else:
            self._unwritten.clear()

    def _keep_house(self, db: sqlite3.Connection) -> None:
        """Once a second: write what could not be written, free the claims of the dead, give space back."""
        now_s = time.monotonic()
        if now_s < self._housekeeping_at_s or self._identity is None or self._claimant is None:
            return
        self._housekeeping_at_s = now_s + _HOUSEKEEPING_S
        self._identity.check()
        if not self._claimant.is_known:
            raise BrokerUnavailable("this consumer stood still for so long that its messages were given to others")
        self._write_settled()
        self._maybe_more = dict.fromkeys(Lane, True)
        free_claims(db, self._claimant)
        queue.give_space_back(db)

    def _claim(self, db: sqlite3.Connection, lanes: Collection[Lane]) -> None:
        """Claim what there is room for, in these lanes, in one transaction."""
        version = queue.version(db)
        if version != self._seen_version:
            self._seen_version = version
            self._maybe_more = dict.fromkeys(Lane, True)
        wanted = {}
        for lane in lanes:
            if self._maybe_more[lane] and (room := self._room(lane)):
                self._maybe_more[lane] = queue.any_ready(db, lane)
                if self._maybe_more[lane]:
                    wanted[lane] = room
        if not wanted:
            return
        try:
            claimed = queue.claim(db, self._name(), wanted, self._limits)
        except BrokerFull as error:
            # Deliveries already claimed go on; their acknowledgements make room.
            log.warning("nothing_claimed", reason=str(error))
            self._maybe_more = dict.fromkeys(Lane, False)
            return
        for one in claimed:
            self._held[one.lane].add(one.id)
            self._lanes.put(one.lane, one)

    def _room(self, lane: Lane) -> int:
        """How many more to claim: none while half of the prefetch still lies here, so that claims go in batches."""
        waiting = self._lanes.count(lane)
        if waiting > self._prefetch // 2:
            return 0
        return self._prefetch - len(self._held[lane])

    def _take(self, db: sqlite3.Connection, lanes: Collection[Lane]) -> Delivery | None:
        """The next claimed message of these lanes, with its body."""
        while (claimed := self._lanes.take(lanes)) is not None:
            body = queue.body(db, claimed.id)
            if body is None:
                # Purged meanwhile.
                self._held[claimed.lane].discard(claimed.id)
                continue
            properties = msgspec.json.decode(claimed.properties, type=Properties)
            return Delivery(
                message=message_of(claimed.lane, properties, body),
                tag=_Tag(claimed.id, self._name()),
                redelivered=claimed.attempts > 0 or properties.replayed,
                attempts=claimed.attempts,
            )
        return None


def _tag_of(delivery: Delivery) -> _Tag:
    if not isinstance(delivery.tag, _Tag):
        raise TypeError("a delivery of another broker")
    return delivery.tag
