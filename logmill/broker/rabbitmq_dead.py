"""The dead letters on RabbitMQ: looking at them, replaying and removing them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import time
import uuid
from collections import deque
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import pika
import structlog
from pika import exceptions
from pika.adapters.blocking_connection import BlockingConnection

from logmill.broker.protocol import DeadLetter
from logmill.broker.rabbitmq_connection import errand, is_missing
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

# For how long nothing that is replayed may be confirmed.
_CONFIRM_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
# Of all the time, so much is kept to remove what was confirmed.
_KEPT_SHARE, _MOST_KEPT_S = 0.2, 10.0
# What is replayed and not confirmed yet: enough to keep the broker busy.
_MAX_ON_THE_WAY = 500
_MAX_BYTES_ON_THE_WAY = 32 * 1024 * 1024
# A letter without a lane was published past Logmill; foreign clients use the normal lane.
_LANE_OF_STRANGERS = Lane.NORMAL
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
        timeout_s: how long it can be used, from now on.
    """

    def __init__(self, parameters: pika.URLParameters, topology: Topology, timeout_s: float) -> None:
        self._parameters = parameters
        # People read slowly, and a connection that waits for them does not answer heartbeats.
        self._parameters.heartbeat = max(1, math.ceil(timeout_s))
        self._parameters.blocked_connection_timeout = timeout_s
        self._deadline_s = time.monotonic() + timeout_s
        self._kept_s = min(_MOST_KEPT_S, _KEPT_SHARE * timeout_s)
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
                self._check_time()
                yield _letter_of(held, self._topology)

    def replay(self, ids: Collection[str] | None = None) -> int:
        """See `DeadLetters`. What cannot be published anew (too large, say) stays, and is logged."""
        self.close()
        publisher = RabbitPublisher(self._parameters, self._topology)
        try:
            with self._opened() as dead:
                return _Replay(publisher, dead, self._topology, self._deadline_s - self._kept_s).run(ids)
        finally:
            publisher.close(max(0.0, min(CLOSE_TIMEOUT_S, self._left_s())))

    def purge(self, ids: Collection[str] | None = None) -> int:
        """See `DeadLetters`."""
        self.close()
        if ids is None:
            with self._connected() as connection:
                try:
                    return connection.channel().queue_purge(self._topology.dead_queue).method.message_count or 0
                except exceptions.ChannelClosedByBroker as error:
                    if not is_missing(error):
                        raise
                    return 0
        count = 0
        with self._opened() as dead:
            for held, _letter in _chosen(dead, self._topology, ids):
                dead.remove(held)
                count += 1
        return count

    @contextmanager
    def _opened(self) -> Iterator[DeadQueue]:
        with self._connected() as connection:
            dead = DeadQueue(connection, self._topology.dead_queue)
            try:
                yield dead
            finally:
                dead.give_back()

    def _connected(self) -> AbstractContextManager[BlockingConnection]:
        self._check_time()
        return errand(self._parameters, self._left_s())

    def _check_time(self) -> None:
        if self._left_s() <= 0:
            raise BrokerUnavailable("the time for dead letters is over")

    def _left_s(self) -> float:
        return self._deadline_s - time.monotonic()

    def close(self) -> None:
        """End a scan that goes on."""
        if self._scan is not None:
            self._scan.close()
            self._scan = None


class _Replay:
    """Publishes dead letters to their lanes, many on their way at a time, and removes those that are confirmed.

    Args:
        publisher: used for nothing else.
        dead: what is replayed.
        topology: the queues.
        deadline_s: until when confirms are waited for, on the monotonic clock.
    """

    def __init__(self, publisher: RabbitPublisher, dead: DeadQueue, topology: Topology, deadline_s: float) -> None:
        self._publisher = publisher
        self._dead = dead
        self._topology = topology
        self._deadline_s = deadline_s
        self._on_the_way: deque[tuple[Held, int, Future[None]]] = deque()
        self._bytes = 0
        self._count = 0

    def run(self, ids: Collection[str] | None) -> int:
        """Replay these, or all; how many that were."""
        try:
            # Closed at once also after a failure: the reading ends with its batch.
            with contextlib.closing(_chosen(self._dead, self._topology, ids)) as chosen:
                for held, letter in chosen:
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
        properties = again(held.properties, held.body, headers)
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
            future.result(max(0.0, min(_CONFIRM_TIMEOUT_S, self._deadline_s - time.monotonic())))
        except Refused as error:
            _log_unsendable(error)
        except concurrent.futures.TimeoutError:
            # The others were sent later, and are not waited for as well.
            self._deadline_s = time.monotonic()
            raise BrokerUnavailable("the broker does not confirm what is replayed") from None
        else:
            self._dead.remove(held)
            self._count += 1


def _log_unsendable(error: Refused) -> None:
    log.warning("dead_letter_cannot_be_replayed", reason=str(error))


def _chosen(
    dead: DeadQueue, topology: Topology, ids: Collection[str] | None
) -> Generator[tuple[Held, DeadLetter], None, None]:
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
    # What the broker moved has no id where its publisher set none; it is replayed with the same one as the others.
    message_id = held.properties.message_id = held.properties.message_id or str(batch_id_of("", held.body))
    name = raw.get(DEAD_ID_HEADER)
    id_ = name if isinstance(name, str) and _is_id(name) else str(batch_id_of(message_id, held.body))
    lane = raw.get(LANE_HEADER)
    # Other clients write here too, and a header of theirs may be a list or a table.
    if isinstance(lane, str) and lane in set(Lane):
        return DeadLetter(
            id=id_,
            message=message_of(Lane(lane), held.properties, held.body),
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


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name.lower()
    except ValueError:
        return False


def _death_of(raw: dict[str, Any]) -> dict[str, Any]:
    """The broker's note of the latest death: queue, reason, time, as far as they are there."""
    deaths = raw.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return deaths[0]
    return {"queue": raw.get("x-first-death-queue"), "reason": raw.get("x-first-death-reason", "")}
