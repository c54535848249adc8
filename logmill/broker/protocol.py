"""What a broker must do for Logmill; `rabbitmq` and `embedded` each do it, and one contract suite holds both to it.

Promised: a published message whose future has resolved survives kill -9 of every process, and is delivered
until it is acknowledged or dead-lettered. Delivery is at least once: a message may come again after a consumer
died, and then says so (`redelivered`). Order within a lane is kept only while nothing is redelivered
and no connection to the broker breaks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from logmill.record import Lane

HeaderValue = str | int
# How long a look at the queues may take where nobody says how long.
DEPTHS_S = 5.0
# How long dead letters can be used where nobody says how long.
DEAD_LETTERS_S = 600.0


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
        redelivered: whether it was, or may have been, delivered before; also where it is a dead letter's replay.
        attempts: how often it was delivered before this time, as far as the broker knows; a replay begins anew.
    """

    message: Message
    tag: object
    redelivered: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was put aside, and why.

    Attributes:
        id: its name for show, replay and purge: 36 characters, the same each time it is listed.
        message: as it was published, in its own lane; without the headers that tell of its death, and with an id.
        reason: in words.
        at: when it was put aside, ISO 8601; "" where the broker did it and does not say.
        origin: `host:pid` of the worker that did it, or "broker".
    """

    id: str
    message: Message
    reason: str
    at: str
    origin: str


class Publisher(Protocol):
    """Publishes from any thread of one process; connects after fork, on first use or on `connect`."""

    def connect(self) -> None:
        """Begin to connect, and return at once; `state` says how far it is."""

    def publish(self, message: Message) -> Future[None]:
        """Hand over one message.

        The future resolves once the broker has it on disk. It fails with `BrokerUnavailable` when the connection
        breaks before the confirm, and with `BrokerFull` when the broker refuses the message, or says, before it
        confirmed, that it takes nothing for now; it may then be stored all the same. Whoever waits must set a timeout.

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

    def stalled_s(self, lane: Lane) -> float:
        """For how many seconds the broker answered nothing of this lane while something of it waits; else 0.0.

        A refusal is an answer too. A message counts as waiting until it is answered or the connection is gone, also
        after its future failed because the broker blocks. Lanes do not count for each other.
        """

    def close(self, timeout_s: float) -> None:
        """Wait for outstanding confirms, at most `timeout_s`, then disconnect; what is left fails."""


EVERY_LANE = frozenset(Lane)


class Consumer(Protocol):
    """Takes deliveries of all lanes, weighted so that urgent comes first and bulk never starves. One thread uses it."""

    def receive(self, timeout_s: float, lanes: Collection[Lane] = EVERY_LANE) -> Delivery | None:
        """The next delivery of these lanes, or None after `timeout_s`.

        None at once where waiting is of no use: after `stop_taking`, or where a lane has as many unsettled messages
        as `prefetch` allows, since nothing more of it comes before some of them are settled.

        Raises:
            BrokerUnavailable: when the broker is away; call again, it reconnects by itself with backoff.
                Deliveries not yet acknowledged are void: the broker delivers them again.
        """

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        """Settle deliveries for good. Those of a connection that broke meanwhile are passed over."""

    def dead_letter(
        self, letters: Sequence[tuple[Delivery, str]], kept: Sequence[Message] | None = None
    ) -> list[Delivery]:
        """Put each message on the dead-letter queue with its reason, lane, time and origin, then settle it.

        `kept` is what is put there instead of each message, such as the same without secrets; its lane does not count.
        Then nothing of the messages that came is among the dead letters: of one that cannot be sent again with its
        headers, which RabbitMQ would move as it is, only the reason and the id are.

        Returns those for which that failed, because the broker is away or the dead-letter queue is full: they are
        still unsettled, or come again because their connection broke. A message without an id gets one that follows
        from its body, so that however often it is replayed it is stored once; two with one body then count as one.
        """

    def release(self, deliveries: list[Delivery]) -> None:
        """Give deliveries back because work on them failed, for any consumer to take at once.

        It counts as a delivery: one that is given back `DELIVERY_LIMIT` times is dead-lettered by the broker.
        """

    def stop_taking(self, limit_s: float) -> None:
        """Ask the broker for nothing more. What came already can still be received, which drains this consumer.

        Nothing that came is lost or redelivered by it. RabbitMQ delivers again what is on its way to us when it is
        asked, so it is asked when nothing is: once a lane has `prefetch` unsettled messages, or none came for a moment.
        Until then more comes, up to `prefetch` a lane, and what is settled is not told to the broker. Where messages
        drip in all the while it is asked after `limit_s`, and what is on its way just then is redelivered.

        Args:
            limit_s: how long to wait for such a moment at most.
        """

    @property
    def state(self) -> str:
        """Ready, as "ready", or in a few words what it waits for."""

    def close(self) -> None:
        """Stop taking, give back what is unsettled, disconnect; acknowledgements are sent before."""


class DeadLetters(Protocol):
    """The dead letters of one broker, for people; one thread uses it. Messages stay until they are replayed or purged.

    All methods raise `BrokerUnavailable` where the broker is away.
    """

    def scan(self, limit: int) -> Iterator[DeadLetter]:
        """The dead letters, oldest first, at most `limit`; those that another reader looks at may be missing.

        What is looked at and given back keeps its place among the oldest 2,000 (or 256 MiB of them), unless two look
        at a time or a reader is killed: RabbitMQ then gives back what it held in any order.
        """

    def replay(self, ids: Collection[str] | None = None) -> int:
        """Publish these (None: all that are there now) to their lanes anew, as they were, and then remove them here.

        A message keeps its id and is delivered as `redelivered`, with no attempts to its name: so one that is replayed
        twice, by a crash between the two steps, or was stored before it died, is stored once. Returns how many were
        replayed; one that no client can send (RabbitMQ, foreign clients) stays, and is logged.

        Raises:
            BrokerFull: a lane is full; what was not replayed is still here.
        """

    def purge(self, ids: Collection[str] | None = None) -> int:
        """Remove these (None: all that are there now) for good; how many that were."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much lies in one queue.

    Attributes:
        ready: messages to be delivered.
        unacknowledged: messages with a consumer; None where the broker does not tell.
        size_bytes: bodies of both; None where the broker does not tell.
    """

    ready: int
    unacknowledged: int | None = None
    size_bytes: int | None = None


class Broker(Protocol):
    """One broker address; making it does not connect yet.

    Attributes:
        kind: "rabbitmq" or "embedded", for people.
        max_message_bytes: largest body of a message.
    """

    kind: str
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

    def dead_letters(self, timeout_s: float = DEAD_LETTERS_S) -> AbstractContextManager[DeadLetters]:
        """The dead letters, while the context lasts; what was looked at and not removed is there again afterwards.

        Once `timeout_s` are over, whatever goes on in it ends with `BrokerUnavailable`, and whatever begins.
        """

    def depths(self, timeout_s: float = DEPTHS_S) -> dict[str, QueueDepth]:
        """Depth by lane name, and of "dead"; over a connection of its own, at a cost that does not grow with the depth.

        Raises:
            BrokerUnavailable: when the broker is away or does not say it within `timeout_s`; for the embedded one, also
                when it has no file yet.
        """

    def purge(self) -> None:
        """Drop every message of every queue; for tests and `logmill clean`."""
