"""RabbitMQ as Logmill's broker, from 3.10 to 4.x; the rabbitmq files are the only ones that know AMQP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pika import exceptions
from pika.adapters.blocking_connection import BlockingChannel
from pika.frame import Method

from logmill.backoff import delay_s
from logmill.broker.protocol import DEAD_LETTERS_S, DEPTHS_S, QueueDepth
from logmill.broker.rabbitmq_connection import FIRST_RETRY_S, errand, is_missing, parameters_of
from logmill.broker.rabbitmq_consumer import RabbitConsumer
from logmill.broker.rabbitmq_dead import RabbitDeadLetters
from logmill.broker.rabbitmq_publisher import RabbitPublisher
from logmill.broker.topology import MAX_MESSAGE_BYTES, MAX_UNCONFIRMED, MAX_UNCONFIRMED_BYTES, Topology
from logmill.errors import BrokerUnavailable, ConfigError

# Emptying a long queue takes a while.
_PURGE_S = 60.0
_PRECONDITION_FAILED = 406


class RabbitBroker:
    """A `Broker`; see there.

    Args:
        url: `amqp://user:password@host:5672/vhost`, or `amqps://`; TLS options as pika takes them in `?ssl_options=`.
        topology: the queues.
        max_unconfirmed: messages that a publisher has on their way at most.
        max_unconfirmed_bytes: their bodies.
    """

    kind = "rabbitmq"
    max_message_bytes = MAX_MESSAGE_BYTES

    def __init__(
        self,
        url: str,
        topology: Topology | None = None,
        *,
        max_unconfirmed: int = MAX_UNCONFIRMED,
        max_unconfirmed_bytes: int = MAX_UNCONFIRMED_BYTES,
    ) -> None:
        self._url = url
        self._topology = topology or Topology()
        self._max_unconfirmed = max_unconfirmed
        self._max_unconfirmed_bytes = max_unconfirmed_bytes
        parameters_of(url)

    def __repr__(self) -> str:
        """Without the URL, which holds a password."""
        return f"RabbitBroker({self._topology.prefix!r})"

    def declare(self, timeout_s: float) -> None:
        """See `Broker`.

        Raises:
            ConfigError: when a queue exists with other arguments; it must be emptied and deleted by hand.
        """
        deadline_s = time.monotonic() + timeout_s
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._declare_once(deadline_s - time.monotonic())
            except BrokerUnavailable:
                wait_s = delay_s(attempt, FIRST_RETRY_S, 2.0)
                if time.monotonic() + wait_s > deadline_s:
                    raise
                time.sleep(wait_s)

    def _declare_once(self, timeout_s: float) -> None:
        with errand(parameters_of(self._url), timeout_s) as connection:
            channel = connection.channel()
            for name in self._topology.queues().values():
                try:
                    channel.queue_declare(name, durable=True, arguments=self._topology.arguments(name))
                except exceptions.ChannelClosedByBroker as error:
                    if error.reply_code == _PRECONDITION_FAILED:
                        raise ConfigError(f"queue {name} exists with other arguments: {error.reply_text}") from None
                    raise

    def publisher(self) -> RabbitPublisher:
        """See `Broker`."""
        return RabbitPublisher(
            parameters_of(self._url),
            self._topology,
            max_unconfirmed=self._max_unconfirmed,
            max_unconfirmed_bytes=self._max_unconfirmed_bytes,
        )

    def consumer(self, *, prefetch: int) -> RabbitConsumer:
        """See `Broker`."""
        return RabbitConsumer(parameters_of(self._url), self._topology, prefetch=prefetch)

    @contextmanager
    def dead_letters(self, timeout_s: float = DEAD_LETTERS_S) -> Iterator[RabbitDeadLetters]:
        """See `Broker`."""
        letters = RabbitDeadLetters(parameters_of(self._url), self._topology, timeout_s)
        try:
            yield letters
        finally:
            letters.close()

    def depths(self, timeout_s: float = DEPTHS_S) -> dict[str, QueueDepth]:
        """See `Broker`. AMQP tells only what is ready. A missing queue is empty."""
        ready = self._each_queue(lambda channel, name: channel.queue_declare(name, passive=True), timeout_s)
        return {lane: QueueDepth(count) for lane, count in ready.items()}

    def purge(self) -> None:
        """See `Broker`. What a consumer holds unsettled is not dropped: AMQP cannot reach it."""
        self._each_queue(lambda channel, name: channel.queue_purge(name), _PURGE_S)

    def _each_queue(self, ask: Callable[[BlockingChannel, str], Method[Any]], timeout_s: float) -> dict[str, int]:
        """The message count that `ask` is answered with for each queue, by lane; 0 for a missing queue."""
        counts = {}
        with errand(parameters_of(self._url), timeout_s) as connection:
            channel = connection.channel()
            for lane, name in self._topology.queues().items():
                try:
                    counts[lane] = int(ask(channel, name).method.message_count)
                except exceptions.ChannelClosedByBroker as error:
                    if not is_missing(error):
                        raise
                    counts[lane] = 0
                    channel = connection.channel()
        return counts
