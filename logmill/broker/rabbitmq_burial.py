"""Putting messages among RabbitMQ's dead letters, each with its reason, many at a time."""

from __future__ import annotations

import concurrent.futures
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pika
import structlog

from logmill.broker.protocol import Delivery, Message
from logmill.broker.rabbitmq_messages import again, properties_of, tag_of
from logmill.broker.rabbitmq_publisher import RabbitPublisher
from logmill.broker.topology import Topology, dead_letter_headers
from logmill.errors import BrokerFull, Refused, Retry
from logmill.ids import batch_id_of

log = structlog.get_logger()

# How long all the messages of one call wait for their confirms.
PUBLISH_TIMEOUT_S = 10.0


@dataclass
class Fates:
    """What became of messages that were to be put aside: stored; not to be sent by any client; not confirmed."""

    confirmed: list[Delivery] = field(default_factory=list)
    unsendable: list[Delivery] = field(default_factory=list)
    failed: list[Delivery] = field(default_factory=list)


class Burial:
    """Publishes messages to the dead-letter queue; connects when the first one comes.

    Args:
        parameters: where to.
        topology: the queues.
    """

    def __init__(self, parameters: pika.URLParameters, topology: Topology) -> None:
        self._parameters = parameters
        self._topology = topology
        self._publisher: RabbitPublisher | None = None

    def bury(self, letters: Sequence[tuple[Delivery, str]], kept: Sequence[Message] | None = None) -> Fates:
        """Publish all, then wait for all; what is not confirmed within `PUBLISH_TIMEOUT_S` failed.

        With `kept`, that is published instead of the messages, and of what is unsendable no more than that it was.
        """
        fates = self._bury(letters, kept)
        if kept is None or not fates.unsendable:
            return fates
        reasons = {id(delivery): reason for delivery, reason in letters}
        unsendable, fates.unsendable = fates.unsendable, []
        bare = [_without_content(delivery.message) for delivery in unsendable]
        again_ = self._bury([(delivery, reasons[id(delivery)]) for delivery in unsendable], bare)
        fates.confirmed += again_.confirmed
        fates.failed += again_.failed + again_.unsendable
        return fates

    def _bury(self, letters: Sequence[tuple[Delivery, str]], kept: Sequence[Message] | None) -> Fates:
        fates = Fates()
        deadline_s = time.monotonic() + PUBLISH_TIMEOUT_S
        waiting: deque[tuple[Delivery, Future[None]]] = deque()
        for index, (delivery, reason) in enumerate(letters):
            instead = None if kept is None else kept[index]
            future = self._publish(delivery, reason, instead)
            while isinstance(future.exception() if future.done() else None, BrokerFull) and waiting:
                # Too much is on its way. What was sent first is confirmed first.
                _note(fates, *waiting.popleft(), deadline_s)
                future = self._publish(delivery, reason, instead)
            waiting.append((delivery, future))
        for delivery, future in waiting:
            _note(fates, delivery, future, deadline_s)
        return fates

    def _publish(self, delivery: Delivery, reason: str, instead: Message | None) -> Future[None]:
        """As `Publisher.publish`, but what is refused at once is a future that failed."""
        if self._publisher is None:
            self._publisher = RabbitPublisher(self._parameters, self._topology)
        death = dead_letter_headers(delivery.message.lane, reason)
        try:
            if instead is None:
                came_with = tag_of(delivery).properties
                body = delivery.message.body
                properties = again(came_with, body, {**(came_with.headers or {}), **death})
            else:
                body = instead.body
                properties = properties_of(replace(instead, headers={**instead.headers, **death}))
            return self._publisher.publish_to(self._topology.dead_queue, body, properties)
        except (Refused, Retry) as error:
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed

    def close(self, timeout_s: float) -> None:
        """Disconnect."""
        if self._publisher is not None:
            self._publisher.close(timeout_s)


def _without_content(message: Message) -> Message:
    """Its id and lane alone."""
    message_id = message.message_id or str(batch_id_of("", message.body))
    return Message(body=b"", lane=message.lane, message_id=message_id, timestamp_s=message.timestamp_s)


def _note(fates: Fates, delivery: Delivery, future: Future[None], deadline_s: float) -> None:
    """Wait for a future until `deadline_s`, and note how it ended."""
    try:
        future.result(max(0.0, deadline_s - time.monotonic()))
    except Refused as error:
        # Too large to be published anew, or with headers that cannot be sent.
        log.warning("dead_letter_without_reason", message_id=delivery.message.message_id, because=str(error))
        fates.unsendable.append(delivery)
    except (Retry, concurrent.futures.TimeoutError):
        fates.failed.append(delivery)
    else:
        fates.confirmed.append(delivery)
