"""Reading RabbitMQ's dead-letter queue, and putting back what was read in the order in which it lay there."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

from pika import exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.spec import Basic, BasicProperties

from logmill.broker.rabbitmq_connection import is_missing
from logmill.broker.rabbitmq_settling import settling_frames

# Order is kept by hand. basic.get would shuffle the queue: the broker makes a consumer of each message, and gives back
# what a connection held in the order of a hash table of its consumers. The same happens to the ids in one command
# beyond 32, and to commands beyond 32 that it did not carry out yet. So we consume, and give back few at a time: seven
# commands of ours are up to 30 of the broker's, which makes one of each consumer in them, and of ten letters each.
_BATCH = 100
# A batch is on its way at once, and AMQP counts messages only. So it is small until we know that bodies are.
_BATCH_OF_LARGE = 10
_LARGE_BYTES = 256 * 1024
_MOST_IDS = 32
_MOST_COMMANDS = 7
# What is given back goes behind whatever was given back before, and ahead of the rest of the queue. So each reading
# takes at least so many, wanted or not; among them order is kept.
TAKEN_AT_LEAST = 2000
_TAKEN_AT_LEAST_BYTES = 256 * 1024 * 1024
# When nothing came for so long, another reader has what was there.
_QUIET_S = 2.0


@dataclass(slots=True)
class Held:
    """A dead letter that this reader holds."""

    number: int
    properties: BasicProperties
    body: bytes


class DeadQueue:
    """The dead-letter queue over one connection, for one reading. What is not removed goes back.

    Args:
        connection: used by nobody else meanwhile.
        name: of the queue.
    """

    def __init__(self, connection: BlockingConnection, name: str) -> None:
        self._connection = connection
        self._channel: BlockingChannel = connection.channel()
        self._name = name
        # Delivery tags of what was read and not removed, ascending; a dict for its order.
        self._held: dict[int, None] = {}
        self._removed: set[int] = set()
        self._batches = 0
        self._taken = 0
        self._taken_bytes = 0
        self._largest_bytes = _LARGE_BYTES
        # How many are there that were not read yet.
        try:
            self._there = self._ready()
        except exceptions.ChannelClosedByBroker as error:
            if not is_missing(error):
                raise
            self._there = 0

    def _ready(self) -> int:
        return int(self._channel.queue_declare(self._name, passive=True).method.message_count)

    def read(self, limit: int | None = None) -> Generator[Held, None, None]:
        """What was in the queue when this was made, oldest first, at most `limit`."""
        left = self._there if limit is None else min(self._there, limit)
        while left > 0 and self._there > 0:
            count = min(_BATCH if self._largest_bytes < _LARGE_BYTES else _BATCH_OF_LARGE, left)
            self._largest_bytes = 0
            came = yield from self._batch(count)
            left -= count
            if came < count:
                self._there = 0

    def _batch(self, count: int) -> Generator[Held, None, int]:
        """The next so many, which is returned, or fewer where no more come."""
        arrived: deque[Held] = deque()

        def on_message(_channel: object, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
            arrived.append(Held(method.delivery_tag or 0, properties, body))

        def following() -> Held | None:
            deadline_s = time.monotonic() + _QUIET_S
            while not arrived and time.monotonic() < deadline_s:
                self._connection.process_data_events(time_limit=0.1)
            if not arrived:
                return None
            self._there -= 1
            self._taken += 1
            self._taken_bytes += len(arrived[0].body)
            self._largest_bytes = max(self._largest_bytes, len(arrived[0].body))
            self._held[arrived[0].number] = None
            return arrived.popleft()

        self._batches += 1
        self._channel.basic_qos(prefetch_count=count)
        tag = self._channel.basic_consume(self._name, on_message, consumer_tag=f"dead-{self._batches:08}")
        came = 0
        try:
            while came < count and (held := following()) is not None:
                came += 1
                yield held
                held.body = b""
        finally:
            # The whole batch, also where nobody wants the rest: pika would give it back ahead of what came before.
            while came < count and following() is not None:
                came += 1
            self._channel.basic_cancel(tag)
            self._acknowledge_removed()
        return came

    def remove(self, held: Held) -> None:
        """Take a letter out of the queue for good; at the end of its batch, or the broker would send one more."""
        self._removed.add(held.number)

    def _acknowledge_removed(self) -> None:
        for number, multiple in settling_frames(self._held, self._removed):
            self._channel.basic_ack(number, multiple)
        for number in self._removed:
            del self._held[number]
        self._removed.clear()

    def give_back(self) -> None:
        """End the reading: remove what is to be removed, put the rest where it was, and see that it is there."""
        # Where the connection is gone the broker takes everything back by itself.
        with contextlib.suppress(exceptions.AMQPError):
            # First of all, since the time may end: what was replayed must not stay.
            self._acknowledge_removed()
            with contextlib.closing(self.read(TAKEN_AT_LEAST - self._taken)) as unwanted:
                while self._taken_bytes < _TAKEN_AT_LEAST_BYTES and next(unwanted, None) is not None:
                    pass
            self._acknowledge_removed()
            numbers = list(self._held)
            ready = self._ready()
            at_a_time = _MOST_IDS * _MOST_COMMANDS
            for start in range(0, len(numbers), at_a_time):
                group = numbers[start : start + at_a_time]
                for first in range(0, len(group), _MOST_IDS):
                    up_to = group[first : first + _MOST_IDS][-1]
                    self._channel.basic_nack(up_to, multiple=True, requeue=True)
                self._wait_for(ready + start + len(group))

    def _wait_for(self, ready: int) -> None:
        """Wait until so many can be read, though not for ever: others may have taken some."""
        deadline_s = time.monotonic() + _QUIET_S
        while self._ready() < ready and time.monotonic() < deadline_s:
            self._connection.process_data_events(time_limit=0.002)
