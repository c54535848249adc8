"""The dead letters on RabbitMQ: looking at them, replaying and removing them."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections import deque
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pika
import structlog

from logmill.broker.protocol import DeadLetter
from logmill.broker.rabbitmq_connection import errand
from logmill.broker.rabbitmq_dead_queue import DeadQueue, Held
from logmill.broker.rabbitmq_messages import again, headers_of_its_life, message_of
from logmill.broker.rabbitmq_publisher import RabbitPublisher
from logmill.broker.topology import (
    AT_HEADER,
    BROKER_ORIGIN,
    DEAD_ID_HEADER,
    DELIVERY_LIMIT,
    LANE_HEADER,
    ORIGIN_HEADER,
    REASON_HEADER,
    REPLAYED_HEADER,
    Topology,
    never_settled,
)
from logmill.errors import BrokerUnavailable, Refused, Retry
from logmill.ids import batch_id_of
from logmill.record import Lane

log = structlog.get_logger()

# How long a message that is replayed may wait for its confirm.
_CONFIRM_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
_HEARTBEAT_S = 600
# What is replayed and not confirmed yet: enough to keep the broker busy.
_MAX_ON_THE_WAY = 500
_MAX_BYTES_ON_THE_WAY = 32 * 1024 * 1024
# A letter without a lane was published past Logmill; foreign clients use the normal lane.
_LANE_OF_STRANGERS = Lane.NORMAL
_ID_CHARACTERS = 36
# `reason` of x-death in words.
_BROKER_REASONS = {
    "delivery_limit": never_settled(DELIVERY_LIMIT),
    "rejected": "put aside by a worker, which could not send it with its reason",
    "expired": "its time to live was over",
    "maxlen": "its queue was full",
}


class RabbitDeadLetters:
    """`DeadLetters`; see there. Each call has a connection of its own; a scan keeps it as long as it goes on.

    Args:
        parameters: where to.
        topology: the queues.
    """

    def __init__(self, parameters: pika.URLParameters, topology: Topology) -> None:
        self._parameters = parameters
        # People read slowly, and a connection that waits for them does not answer heartbeats.
        self._parameters.heartbeat = _HEARTBEAT_S
        self._topology = topology
        self._scan: Generator[DeadLetter, None, None] | None = None

    def scan(self, limit: int) -> Iterator[DeadLetter]:
        """See `DeadLetters`. The next call ends the scan: what one reader holds another cannot see."""
        self.close()
        self._scan = self._scanned(limit)
        return self._scan

    def _scanned(self, limit: int) -> Generator[DeadLetter, None, None]:
        with self._opened() as dead, contextlib.closing(dead.read(limit)) as letters:
            for held in letters:
                yield _letter_of(held, self._topology)

    def replay(self, ids: Collection[str] | None = None) -> int:
        """See `DeadLetters`. What cannot be published anew (too large, say) stays, and is logged."""
        self.close()
        publisher = RabbitPublisher(self._parameters, self._topology)
        try:
            with self._opened() as dead:
                return _Replay(publisher, dead, self._topology).run(ids)
        finally:
            publisher.close(CLOSE_TIMEOUT_S)

    def purge(self, ids: Collection[str] | None = None) -> int:
        """See `DeadLetters`."""
        self.close()
        if ids is None:
            with errand(self._parameters) as connection:
                return connection.channel().queue_purge(self._topology.dead_queue).method.message_count or 0
        count = 0
        with self._opened() as dead:
            for held, _letter in _chosen(dead, self._topology, ids):
                dead.remove(held)
                count += 1
        return count

    @contextmanager
    def _opened(self) -> Iterator[DeadQueue]:
        with errand(self._parameters) as connection:
            dead = DeadQueue(connection, self._topology.dead_queue)
            try:
                yield dead
            finally:
                dead.give_back()

    def close(self) -> None:
        """End a scan that goes on."""
        if self._scan is not None:
            self._scan.close()
            self._scan = None


class _Replay:
    """Publishes dead letters to their lanes, many on their way at a time, and removes those that are confirmed."""

    def __init__(self, publisher: RabbitPublisher, dead: DeadQueue, topology: Topology) -> None:
        self._publisher = publisher
        self._dead = dead
        self._topology = topology
        self._on_the_way: deque[tuple[Held, int, Future[None]]] = deque()
        self._bytes = 0
        self._count = 0

    def run(self, ids: Collection[str] | None) -> int:
        """Replay these, or all; how many that were."""
        try:
            for held, letter in _chosen(self._dead, self._topology, ids):
                self._publish(held, letter.message.lane)
                while len(self._on_the_way) > _MAX_ON_THE_WAY or self._bytes > _MAX_BYTES_ON_THE_WAY:
                    self._settle_oldest()
            while self._on_the_way:
                self._settle_oldest()
        finally:
            # After a failure: what was confirmed all the same is removed.
            while self._on_the_way:
                with contextlib.suppress(Retry):
                    self._settle_oldest()
        return self._count

    def _publish(self, held: Held, lane: Lane) -> None:
        headers = {**headers_of_its_life(held.properties.headers or {}), REPLAYED_HEADER: 1}
        properties = again(held.properties, headers)
        try:
            future = self._publisher.publish_to(self._topology.queue(lane), held.body, properties)
        except Refused as error:
            _log_unsendable(error)
            return
        size_bytes = len(held.body)
        held.body = b""
        self._bytes += size_bytes
        self._on_the_way.append((held, size_bytes, future))

    def _settle_oldest(self) -> None:
        held, size_bytes, future = self._on_the_way.popleft()
        self._bytes -= size_bytes
        try:
            future.result(_CONFIRM_TIMEOUT_S)
        except Refused as error:
            _log_unsendable(error)
        except concurrent.futures.TimeoutError:
            raise BrokerUnavailable(f"not confirmed within {_CONFIRM_TIMEOUT_S:g} s") from None
        else:
            self._dead.remove(held)
            self._count += 1


def _log_unsendable(error: Refused) -> None:
    log.warning("dead_letter_cannot_be_replayed", reason=str(error))


def _chosen(dead: DeadQueue, topology: Topology, ids: Collection[str] | None) -> Iterator[tuple[Held, DeadLetter]]:
    """What is there now and has one of these ids; stops when all were found."""
    missing = None if ids is None else set(ids)
    if missing is not None and not missing:
        return
    with contextlib.closing(dead.read()) as letters:
        for held in letters:
            letter = _letter_of(held, topology)
            if ids is None or letter.id in ids:
                yield held, letter
            if missing is not None:
                missing.discard(letter.id)
                if not missing:
                    return


def _letter_of(held: Held, topology: Topology) -> DeadLetter:
    """What the headers tell of a death: ours where we made the letter, else the broker's."""
    raw: dict[str, Any] = dict(held.properties.headers or {})
    message_id = held.properties.message_id or ""
    name = raw.get(DEAD_ID_HEADER)
    id_ = name if isinstance(name, str) and len(name) == _ID_CHARACTERS else str(batch_id_of(message_id, held.body))
    if raw.get(LANE_HEADER) in set(Lane):
        return DeadLetter(
            id=id_,
            message=message_of(Lane(raw[LANE_HEADER]), held.properties, held.body),
            reason=str(raw.get(REASON_HEADER, "")),
            at=str(raw.get(AT_HEADER, "")),
            origin=str(raw.get(ORIGIN_HEADER, "")),
        )
    death = _death_of(raw)
    queues = {topology.queue(lane): lane for lane in Lane}
    reason = str(death.get("reason", ""))
    at = death.get("time")
    return DeadLetter(
        id=id_,
        message=message_of(queues.get(str(death.get("queue")), _LANE_OF_STRANGERS), held.properties, held.body),
        reason=_BROKER_REASONS.get(reason, reason or "unknown: it was published to the dead letters by another client"),
        at=at.isoformat() if isinstance(at, datetime) else "",
        origin=BROKER_ORIGIN,
    )


def _death_of(raw: dict[str, Any]) -> dict[str, Any]:
    """The broker's note of the latest death: queue, reason, time, as far as they are there."""
    deaths = raw.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return deaths[0]
    return {"queue": raw.get("x-first-death-queue"), "reason": raw.get("x-first-death-reason", "")}
