"""Consuming from RabbitMQ: three queues over one connection, taken from by weight, settled by the thread that works."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
import structlog
from pika import DeliveryMode
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from logmill.broker.lanes import Lanes
from logmill.broker.protocol import Delivery, HeaderValue, Message
from logmill.broker.rabbitmq_connection import Link, unavailable
from logmill.broker.rabbitmq_publisher import RabbitPublisher
from logmill.broker.rabbitmq_setup import declare_all
from logmill.broker.topology import Topology, dead_letter_headers
from logmill.errors import BrokerUnavailable, Refused, Retry
from logmill.record import Lane

log = structlog.get_logger()

DEAD_LETTER_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
# Since 3.12 a consumer may say how long it takes to settle; the broker's default closes the channel after 30 minutes,
# which counts as a delivery, and a long outage of storage would end among the dead letters. 3.10 ignores it.
_SETTLE_TIMEOUT_MS = 24 * 3600 * 1000
# What the broker itself adds to the headers of a message.
_BROKER_HEADERS = frozenset({"x-delivery-count", "x-acquired-count", "x-death"})


@dataclass(frozen=True, slots=True)
class _Tag:
    """Connection epoch and delivery tag, and the properties as they came, for the dead letters."""

    epoch: int
    number: int
    properties: BasicProperties


class RabbitConsumer:
    """A `Consumer`; see there.

    Args:
        parameters: where to.
        topology: the queues; they are declared on each connection.
        prefetch: most unsettled messages of each lane.
    """

    def __init__(self, parameters: pika.URLParameters, topology: Topology, *, prefetch: int) -> None:
        self._parameters = parameters
        self._topology = topology
        self._prefetch = prefetch
        self._link = Link(parameters, "consumer", self._on_open, self._on_down)
        # Guards what follows; the channel and the unsettled tags belong to the connection's thread.
        self._changed = threading.Condition()
        self._lanes: Lanes[Delivery] = Lanes()
        self._state = "not connected yet"
        self._epoch = 0
        self._lost: str | None = None
        self._started = False
        self._closed = False
        self._channel: Channel | None = None
        # Delivery tags that are not settled, ascending; a dict for its order.
        self._unsettled: dict[int, None] = {}
        self._dead_letters: RabbitPublisher | None = None

    @property
    def state(self) -> str:
        """See `Consumer`."""
        return self._state

    def receive(self, timeout_s: float) -> Delivery | None:
        """See `Consumer`. A lost connection is reported once, at once; while there is none, after `timeout_s`."""
        if self._closed:
            raise BrokerUnavailable("the consumer is closed")
        if not self._started:
            self._started = True
            self._link.start()
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                if self._lost is not None:
                    reason, self._lost = self._lost, None
                    raise unavailable(reason)
                delivery = self._lanes.take()
                if delivery is not None:
                    return delivery
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    break
                self._changed.wait(left_s)
            if self._state != "ready":
                raise unavailable(self._state)
        return None

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """See `Consumer`. The acknowledgement is on its way when this returns; if it is lost, they come again."""
        self._settle(deliveries, self._acknowledge)

    def release(self, deliveries: list[Delivery]) -> None:
        """See `Consumer`. Counts as a delivery: after `DELIVERY_LIMIT` the broker dead-letters the message."""
        self._settle(deliveries, self._release)

    def _settle(self, deliveries: list[Delivery], how: Callable[[int, list[int]], None]) -> None:
        by_epoch: dict[int, list[int]] = {}
        for delivery in deliveries:
            tag = _tag_of(delivery)
            by_epoch.setdefault(tag.epoch, []).append(tag.number)
        for epoch, numbers in by_epoch.items():
            self._link.call(partial(how, epoch, numbers))

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """See `Consumer`. Goes over a connection of its own: a blocked publisher must not stop acknowledgements."""
        tag = _tag_of(delivery)
        if tag.epoch != self._epoch:
            raise BrokerUnavailable("the connection of this delivery is gone; it comes again")
        if self._dead_letters is None:
            self._dead_letters = RabbitPublisher(self._parameters, self._topology)
        properties = tag.properties
        reasons = dead_letter_headers(delivery.message.lane, reason)
        properties.headers = {**_sendable(properties.headers or {}), **reasons}
        properties.delivery_mode = DeliveryMode.Persistent.value
        # An expiry set by a foreign client must not make the dead letter vanish; a user id must be our own.
        properties.expiration = None
        properties.user_id = None
        try:
            future = self._dead_letters.publish_to(self._topology.dead_queue, delivery.message.body, properties)
            future.result(DEAD_LETTER_TIMEOUT_S)
        except Refused as error:
            # Too large to be published anew, or with headers that cannot be sent: the broker moves it as it is.
            log.warning("dead_letter_without_reason", reason=reason, because=str(error))
            self._settle([delivery], self._reject)
            return
        except (Retry, concurrent.futures.TimeoutError) as error:
            raise BrokerUnavailable(f"not dead-lettered, it comes again: {error}") from None
        self.acknowledge([delivery])

    def close(self) -> None:
        """See `Consumer`. Closing the channel returns what is unsettled."""
        self._closed = True
        if self._dead_letters is not None:
            self._dead_letters.close(CLOSE_TIMEOUT_S)
        self._link.stop(CLOSE_TIMEOUT_S)
        with self._changed:
            self._state = "closed"
            self._lanes.clear()

    # From here on: the connection's thread.

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._link.channel_closed)
        channel.add_on_cancel_callback(self._on_cancelled)
        self._channel = channel
        self._epoch += 1
        declare_all(channel, self._topology, partial(self._on_declared, channel))

    def _on_declared(self, channel: Channel) -> None:
        # Not global: the limit holds for each consumer that follows, and 4.3 knows no other.
        channel.basic_qos(prefetch_count=self._prefetch, callback=partial(self._on_qos, channel))

    def _on_qos(self, channel: Channel, _frame: object) -> None:
        for lane in Lane:
            channel.basic_consume(
                self._topology.queue(lane),
                partial(self._on_delivery, lane),
                arguments={"x-consumer-timeout": _SETTLE_TIMEOUT_MS},
            )
        self._link.ready()
        with self._changed:
            self._state = "ready"
            self._changed.notify_all()

    def _on_cancelled(self, _frame: object) -> None:
        """Handle a deleted queue: connect anew, which declares it again."""
        self._link.drop("the broker cancelled a consumer")

    def _on_delivery(
        self, lane: Lane, _channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        number = method.delivery_tag or 0
        delivery = _delivery_of(lane, _Tag(self._epoch, number, properties), bool(method.redelivered), body)
        self._unsettled[number] = None
        with self._changed:
            self._lanes.put(lane, delivery)
            self._changed.notify()

    def _on_down(self, reason: str) -> None:
        self._channel = None
        self._unsettled.clear()
        with self._changed:
            if self._state == "ready":
                self._lost = reason
            # Deliveries of this connection can no longer be settled from here on.
            self._epoch += 1
            self._state = reason
            self._lanes.clear()
            self._changed.notify_all()

    def _acknowledge(self, epoch: int, numbers: list[int]) -> None:
        channel = self._channel
        if epoch != self._epoch or channel is None or not channel.is_open:
            return
        asked = {number for number in numbers if number in self._unsettled}
        # One frame settles everything up to a tag, as long as nothing unsettled is among it.
        up_to = 0
        for number in self._unsettled:
            if number not in asked:
                break
            up_to = number
        for number in sorted(asked):
            del self._unsettled[number]
            if number > up_to:
                channel.basic_ack(number)
        if up_to:
            channel.basic_ack(up_to, multiple=True)

    def _release(self, epoch: int, numbers: list[int]) -> None:
        channel = self._channel
        if epoch != self._epoch or channel is None or not channel.is_open:
            return
        for number in sorted(numbers):
            if number in self._unsettled:
                del self._unsettled[number]
                channel.basic_nack(number, requeue=True)

    def _reject(self, epoch: int, numbers: list[int]) -> None:
        channel = self._channel
        if epoch != self._epoch or channel is None or not channel.is_open:
            return
        for number in numbers:
            if self._unsettled.pop(number, number) is None:
                channel.basic_reject(number, requeue=False)


def _tag_of(delivery: Delivery) -> _Tag:
    if not isinstance(delivery.tag, _Tag):
        raise TypeError("a delivery of another broker")
    return delivery.tag


def _delivery_of(lane: Lane, tag: _Tag, redelivered: bool, body: bytes) -> Delivery:
    """What Logmill sees of a message; foreign clients may have set anything, or nothing."""
    properties = tag.properties
    raw: dict[str, Any] = dict(properties.headers or {})
    count = raw.get("x-delivery-count", 0)
    count = count if isinstance(count, int) else 0
    message = Message(
        body=body,
        lane=lane,
        message_id=properties.message_id or "",
        content_type=properties.content_type or "",
        content_encoding=properties.content_encoding or "",
        headers=_plain_headers(raw),
        timestamp_s=properties.timestamp or 0,
    )
    return Delivery(
        message=message,
        tag=tag,
        redelivered=redelivered or count > 0,
        attempts=max(count, int(redelivered)),
    )


def _plain_headers(raw: dict[str, Any]) -> dict[str, HeaderValue]:
    """The headers that are text or numbers; tables, lists and nothing are left out."""
    headers: dict[str, HeaderValue] = {}
    for name, value in raw.items():
        if name in _BROKER_HEADERS or value is None or isinstance(value, (dict, list)):
            continue
        if isinstance(value, bytes):
            headers[name] = value.decode("utf-8", "replace")
        elif isinstance(value, int):
            headers[name] = int(value)
        else:
            headers[name] = str(value)
    return headers


def _sendable(value: Any) -> Any:
    """A header as it came, in types that pika also writes: it reads floating-point numbers, but sends none."""
    if isinstance(value, dict):
        return {name: _sendable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_sendable(inner) for inner in value]
    return str(value) if isinstance(value, float) else value
