"""What tests of the broker do again and again: publish and wait, collect deliveries, wait for a condition."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager

from logmill.broker import EVERY_LANE, Broker, Consumer, Delivery, Message, Publisher
from logmill.broker.topology import DELIVERY_LIMIT
from logmill.errors import BrokerFull, BrokerUnavailable
from logmill.record import Lane

PATIENCE_S = 20.0


class Client:
    """Publishers and consumers of one broker, closed at the end of the block."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._stack = ExitStack()

    def publisher(self) -> Publisher:
        """A new publisher."""
        publisher = self.broker.publisher()
        self._stack.callback(publisher.close, 1.0)
        return publisher

    def consumer(self, prefetch: int = 300) -> Consumer:
        """A new consumer."""
        consumer = self.broker.consumer(prefetch=prefetch)
        self._stack.callback(consumer.close)
        return consumer

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def message(number: int, lane: Lane = Lane.NORMAL) -> Message:
    """A small message with id `m<number>`."""
    return Message(body=b"{}", lane=lane, message_id=f"m{number}")


def publish(publisher: Publisher, one: Message) -> None:
    """Publish and wait for the confirm."""
    publisher.publish(one).result(PATIENCE_S)


def taken(publisher: Publisher, one: Message) -> bool:
    """Whether the broker took the message, and did not say that it is full."""
    try:
        publish(publisher, one)
    except BrokerFull:
        return False
    return True


def publish_all(publisher: Publisher, messages: list[Message]) -> None:
    """Publish, then wait for all confirms."""
    for future in [publisher.publish(one) for one in messages]:
        future.result(PATIENCE_S)


def collect(
    consumer: Consumer, count: int, *, acknowledge: bool = False, lanes: Collection[Lane] = EVERY_LANE
) -> list[Delivery]:
    """The next `count` deliveries; fails when they do not come in time."""
    received: list[Delivery] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while len(received) < count:
        assert time.monotonic() < deadline_s, f"{len(received)} of {count} deliveries in {PATIENCE_S:g} s"
        try:
            delivery = consumer.receive(0.5, lanes)
        except BrokerUnavailable:
            continue
        if delivery is not None:
            received.append(delivery)
            if acknowledge:
                consumer.acknowledge([delivery])
    return received


def receive_nothing(consumer: Consumer, for_s: float = 0.2) -> bool:
    """Whether nothing is delivered for so long."""
    try:
        return consumer.receive(for_s) is None
    except BrokerUnavailable:
        return True


def eventually(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Wait until `condition` holds; fails when it does not in time."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not so within {timeout_s:g} s"
        time.sleep(0.02)


@contextmanager
def peer(role: str, url: str, count: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Another process at the broker, see `broker_peer`; killed at the end, if not before."""
    command = [sys.executable, "-m", "tests.support.broker_peer", role, url, str(count), *more]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that the process printed; pytest-timeout is the limit."""
    assert process.stdout is not None
    read = [process.stdout.readline().strip() for _ in range(count)]
    assert all(read), "the process ended"
    return read


def ids(deliveries: list[Delivery]) -> list[str]:
    """Their message ids, in order."""
    return [delivery.message.message_id for delivery in deliveries]


def release_until_dead(client: Client, consumer: Consumer) -> int:
    """Give the one message back until the broker puts it aside; how often it was delivered until then."""
    deliveries = 0
    while client.broker.depths()["dead"].ready == 0:
        assert deliveries <= DELIVERY_LIMIT + 1
        delivery = consumer.receive(0.1)
        if delivery is not None:
            deliveries += 1
            consumer.release([delivery])
    return deliveries


def bury(client: Client, messages: list[Message], reason: str = "broken") -> None:
    """Publish messages and make dead letters of them, in this order."""
    publish_all(client.publisher(), messages)
    consumer = client.consumer(prefetch=len(messages))
    by_id = {delivery.message.message_id: delivery for delivery in collect(consumer, len(messages))}
    assert consumer.dead_letter([(by_id[one.message_id], reason) for one in messages]) == []
    consumer.close()
