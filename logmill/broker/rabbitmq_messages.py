"""Messages to AMQP's properties and headers and back; foreign clients may have set anything, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pika import DeliveryMode
from pika.spec import BasicProperties

from logmill.broker.protocol import Delivery, HeaderValue, Message
from logmill.broker.topology import DEATH_HEADERS, REPLAYED_HEADER
from logmill.ids import batch_id_of
from logmill.record import Lane

# What the broker itself adds to the headers of a message: how often it was delivered, where it died.
_BROKER_HEADERS = frozenset({"x-delivery-count", "x-acquired-count", "x-death"})
_BROKER_PREFIXES = ("x-first-death-", "x-last-death-")
# Not facts about the message but orders to the broker: publish it to these queues as well. They were carried out.
_ROUTING_HEADERS = frozenset({"CC", "BCC"})


@dataclass(frozen=True, slots=True)
class Tag:
    """Connection epoch and delivery tag, and the properties as they came, for the dead letters."""

    epoch: int
    number: int
    properties: BasicProperties


def tag_of(delivery: Delivery) -> Tag:
    """The tag of a delivery that came from RabbitMQ."""
    if not isinstance(delivery.tag, Tag):
        raise TypeError("a delivery of another broker")
    return delivery.tag


def properties_of(message: Message) -> BasicProperties:
    """What goes out with the body of our own messages."""
    return BasicProperties(
        content_type=message.content_type or None,
        content_encoding=message.content_encoding or None,
        headers=dict(message.headers) or None,
        delivery_mode=DeliveryMode.Persistent,
        message_id=message.message_id or None,
        timestamp=message.timestamp_s or None,
    )


def message_of(lane: Lane, properties: BasicProperties, body: bytes) -> Message:
    """What Logmill sees of a message."""
    return Message(
        body=body,
        lane=lane,
        message_id=properties.message_id or "",
        content_type=properties.content_type or "",
        content_encoding=properties.content_encoding or "",
        headers=_plain_headers(properties.headers or {}),
        timestamp_s=properties.timestamp or 0,
    )


def delivery_of(lane: Lane, tag: Tag, redelivered: bool, body: bytes) -> Delivery:
    """A message as a consumer gets it."""
    raw: dict[str, Any] = dict(tag.properties.headers or {})
    # From 4.3 on the first counts failures only, and the second every time that a consumer had it. Neither counts this
    # time, nor is there on the first: rabbitmq.com/docs/quorum-queues, on poison messages.
    before = [raw.get(name, 0) for name in ("x-delivery-count", "x-acquired-count")]
    count = max(number if isinstance(number, int) else 0 for number in before)
    return Delivery(
        message=message_of(lane, tag.properties, body),
        tag=tag,
        redelivered=redelivered or count > 0 or REPLAYED_HEADER in raw,
        attempts=max(count, int(redelivered)),
    )


def again(properties: BasicProperties, body: bytes, headers: Mapping[str, Any]) -> BasicProperties:
    """The properties with which a message that was received is published once more, with these headers.

    One without an id gets the one that follows from its body, under which its rejection was reported.
    """
    copied = BasicProperties(**{name: value for name, value in vars(properties).items() if value is not None})
    copied.headers = {name: _sendable(value) for name, value in headers.items() if name not in _ROUTING_HEADERS} or None
    copied.delivery_mode = DeliveryMode.Persistent.value
    copied.message_id = properties.message_id or str(batch_id_of("", body))
    # An expiry set by a foreign client must not make it vanish; a user id must be our own.
    copied.expiration = None
    copied.user_id = None
    return copied


def headers_of_its_life(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The headers that it was published with: none that the broker added, none that tell of its death."""
    return {name: value for name, value in raw.items() if not _is_added(name)}


def _is_added(name: str) -> bool:
    return name in _BROKER_HEADERS or name in DEATH_HEADERS or name.startswith(_BROKER_PREFIXES)


def _plain_headers(raw: Mapping[str, Any]) -> dict[str, HeaderValue]:
    """The headers that are text or numbers; tables, lists and nothing are left out."""
    headers: dict[str, HeaderValue] = {}
    for name, value in headers_of_its_life(raw).items():
        if value is None or isinstance(value, (dict, list)):
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
