"""Names, arguments and weights of the queues; both brokers take their limits from here."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime

from logmill.ids import new_batch_id
from logmill.record import Lane

# Of 21 messages taken while every lane has a backlog, so many come from each.
WEIGHTS: dict[Lane, int] = {Lane.URGENT: 16, Lane.NORMAL: 4, Lane.BULK: 1}

DEAD = "dead"
# A message that was delivered this often without being settled goes to the dead letters: it may well be what kills
# its consumers. RabbitMQ 4 has 20 by default. More, because a message that only waited in a consumer's prefetch counts
# too, and a worker that is restarted again and again while storage is away must not bury what it never looked at.
DELIVERY_LIMIT = 100
# RabbitMQ 4 limits a message to 16 MiB of body and properties together; the headroom is for the properties.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024 - 64 * 1024
# What one publisher has on its way at most before it raises BrokerFull.
MAX_UNCONFIRMED = 10_000
MAX_UNCONFIRMED_BYTES = 128 * 1024 * 1024

# People look at dead letters as often as they like, and each look is a delivery. RabbitMQ 4 drops what has no
# dead-letter queue of its own after 20; it knows -1 for "never", 3.10 does not.
DEAD_DELIVERY_LIMIT = 1_000_000_000

# Headers of a dead letter.
REASON_HEADER = "x-logmill-reason"
LANE_HEADER = "x-logmill-lane"
AT_HEADER = "x-logmill-at"
ORIGIN_HEADER = "x-logmill-origin"
DEAD_ID_HEADER = "x-logmill-dead-id"
# Header of a message that was a dead letter and was replayed: it was delivered before, and says so.
REPLAYED_HEADER = "x-logmill-replayed"
# What `Message.headers` does not show.
DEATH_HEADERS = frozenset({REASON_HEADER, LANE_HEADER, AT_HEADER, ORIGIN_HEADER, DEAD_ID_HEADER, REPLAYED_HEADER})
# Origin of the dead letters that no worker made.
BROKER_ORIGIN = "broker"
# Headers must fit one AMQP frame (128 KiB) together with all the others.
MAX_REASON_CHARACTERS = 2000


def dead_letter_headers(lane: str, reason: str, origin: str | None = None) -> dict[str, str]:
    """Why, from where, when and by whom (None: this process) a message was put among the dead letters, and its id."""
    return {
        REASON_HEADER: reason[:MAX_REASON_CHARACTERS],
        LANE_HEADER: lane,
        AT_HEADER: datetime.now(UTC).isoformat(timespec="milliseconds"),
        ORIGIN_HEADER: origin or f"{socket.gethostname()}:{os.getpid()}",
        DEAD_ID_HEADER: str(new_batch_id()),
    }


def never_settled(deliveries: int) -> str:
    """The reason for a dead letter that was delivered too often."""
    return f"delivered {deliveries} times and never settled"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one queue holds before it refuses more.

    Without a limit a stopped processor fills the broker's disk, and then every queue stands still; with one the
    producer answers 503 while urgent logs still have their own queue to go to. RabbitMQ asks for a limit as well
    before dead-lettering is safe (at-least-once).

    Attributes:
        max_messages: about 100 bytes of the broker's memory each.
        max_bytes: bodies; whichever limit is met first holds. A few messages more may slip in: RabbitMQ tells
            the publishers a moment late.
    """

    max_messages: int = 2_000_000
    max_bytes: int = 32 * 1024**3


@dataclass(frozen=True, slots=True)
class Topology:
    """The queues. Everything is published through the default exchange, straight to a queue by its name.

    Attributes:
        prefix: name of the normal lane's queue and first part of the others; foreign clients publish to `logs`.
        limits: a queue that exists keeps the limits it was made with, and RabbitMQ refuses to declare it with others.
    """

    prefix: str = "logs"
    limits: Limits = field(default_factory=Limits)

    def queue(self, lane: Lane) -> str:
        """The queue of a lane: `logs.urgent`, `logs`, `logs.bulk`."""
        return self.prefix if lane is Lane.NORMAL else f"{self.prefix}.{lane}"

    @property
    def dead_queue(self) -> str:
        """The queue of the dead letters."""
        return f"{self.prefix}.{DEAD}"

    def queues(self) -> dict[str, str]:
        """Every queue by the name of its lane, the dead letters first, so that they exist before they are needed."""
        return {DEAD: self.dead_queue, **{str(lane): self.queue(lane) for lane in Lane}}

    def arguments(self, name: str) -> dict[str, str | int]:
        """The arguments of queue `name`; all of them are known from RabbitMQ 3.10 to 4.x."""
        arguments: dict[str, str | int] = {
            "x-queue-type": "quorum",
            # What does not fit is refused (basic.nack) instead of the oldest being dropped.
            "x-overflow": "reject-publish",
            "x-max-length": self.limits.max_messages,
            "x-max-length-bytes": self.limits.max_bytes,
        }
        if name == self.dead_queue:
            arguments["x-delivery-limit"] = DEAD_DELIVERY_LIMIT
        else:
            arguments |= {
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": self.dead_queue,
                # The default loses dead letters while their queue is away; needs reject-publish.
                "x-dead-letter-strategy": "at-least-once",
                "x-delivery-limit": DELIVERY_LIMIT,
            }
        return arguments
