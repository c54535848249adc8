"""What a broker must do for Logmill; `rabbitmq` and `embedded` each do it, and one contract suite holds both to it.

Promised: a published message whose future has resolved survives kill -9 of every process, and is delivered
until it is acknowledged or dead-lettered. Delivery is at least once: a message may come again after a consumer
died, and then says so (`redelivered`). Order within a lane is kept only while nothing is redelivered.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from logmill.record import Lane

HeaderValue = str | int


@dataclass(frozen=True, slots=True)
class Message:
    """One batch of one lane, as bytes.

    Attributes:
        body: the payload, at most `Broker.max_message_bytes`.
        lane: the queue it travels in.
        message_id: the batch id (UUIDv7 as 36 characters); "" on messages of foreign clients that set none.
        content_type: `logmill.wire.CONTENT_TYPE` for Logmill's own batches.
        content_encoding: "zstd" or "".
        headers: small facts about the batch, see `logmill.wire`.
        timestamp_s: AMQP's timestamp, Unix seconds, 0 where there is none.
    """

    body: bytes
    lane: Lane
    message_id: str
    content_type: str = ""
    content_encoding: str = ""
    headers: dict[str, HeaderValue] = field(default_factory=dict)
    timestamp_s: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message handed to a consumer, to be acknowledged or dead-lettered by that same consumer.

    Attributes:
        message: what was published.
        tag: the broker's handle; opaque.
        redelivered: whether it was, or may have been, delivered before.
        attempts: how often it was delivered before this time, as far as the broker knows.
    """

    message: Message
    tag: object
    redelivered: bool = False
    attempts: int = 0


class Publisher(Protocol):
    """Publishes from any thread of one process; connects after fork, on first use or on `connect`."""

    def connect(self) -> None:
        """Begin to connect, and return at once; `state` says how far it is."""

    def publish(self, message: Message) -> Future[None]:
        """Hand over one message.

        The future resolves once the broker has it on disk. It fails with `BrokerUnavailable` when the connection
        breaks before the confirm, and with `BrokerFull` when the broker refuses the message. Whoever waits on it
        must set a timeout.

        Raises:
            BrokerUnavailable: at once, when there is no connection.
            BrokerFull: at once, when the broker blocks publishers or too much is unconfirmed already.
        """

    @property
    def state(self) -> str:
        """Ready, as "ready", or in a few words why nothing can be published now."""

    @property
    def unconfirmed(self) -> int:
        """Messages handed over and not confirmed yet."""

    def close(self, timeout_s: float) -> None:
        """Wait for outstanding confirms, at most `timeout_s`, then disconnect; what is left fails."""


class Consumer(Protocol):
    """Takes deliveries of all lanes, weighted so that urgent comes first and bulk never starves. One thread uses it."""

    def receive(self, timeout_s: float) -> Delivery | None:
        """The next delivery, or None after `timeout_s`.

        Raises:
            BrokerUnavailable: when the broker is away; call again, it reconnects by itself with backoff.
                Deliveries not yet acknowledged are void: the broker delivers them again.
        """

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Settle deliveries for good. Those of a connection that broke meanwhile are passed over."""

    def dead_letter(self, delivery: Delivery, reason: str) -> None:
        """Put the message on the dead-letter queue with `reason`, lane, time and origin, then settle it.

        Raises:
            BrokerUnavailable: it is then still unsettled and will come again.
        """

    def release(self, deliveries: list[Delivery]) -> None:
        """Give deliveries back, for any consumer to take at once."""

    @property
    def state(self) -> str:
        """Ready, as "ready", or in a few words what it waits for."""

    def close(self) -> None:
        """Stop taking, give back what is unsettled, disconnect."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much lies in one queue: `ready` to be delivered, `unacknowledged` with a consumer. Both in messages."""

    ready: int
    unacknowledged: int


class Broker(Protocol):
    """One broker address; making it does not connect yet."""

    max_message_bytes: int

    def declare(self, timeout_s: float) -> None:
        """Make queues exist: one a lane, and the dead-letter queue. Waits for the broker at most `timeout_s`.

        Raises:
            BrokerUnavailable: when it is not there in time.
        """

    def publisher(self) -> Publisher:
        """A new publisher."""

    def consumer(self, *, prefetch: int) -> Consumer:
        """A new consumer that holds at most `prefetch` unsettled messages a lane."""

    def depths(self) -> dict[str, QueueDepth]:
        """Depth by lane name, and of "dead".

        Raises:
            BrokerUnavailable: when the broker is away.
        """

    def purge(self) -> None:
        """Drop every message of every queue; for tests and `logmill clean`."""
