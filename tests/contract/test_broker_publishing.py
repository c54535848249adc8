"""What every broker promises to who publishes: what it takes, what it refuses, and when it has not answered."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest

from logmill.broker import Message, Publisher
from logmill.broker.topology import Limits
from logmill.errors import BrokerFull, BrokerUnavailable, Refused
from logmill.record import Lane
from tests.support.broker_client import (
    PATIENCE_S,
    Client,
    collect,
    eventually,
    ids,
    message,
    publish,
    taken,
)
from tests.support.broker_places import Place


def test_a_full_lane_refuses_with_broker_full_and_takes_again_once_there_is_room(place: Place) -> None:
    with Client(place.broker(Limits(max_messages=5, max_bytes=10_000_000))) as client:
        client.broker.purge()
        publisher = client.publisher()
        assert publish_until_full(publisher) >= 5
        # Another lane has its own limit.
        publish(publisher, message(1, Lane.URGENT))
        consumer = client.consumer()
        consumer.acknowledge(collect(consumer, 6))
        eventually(lambda: taken(publisher, message(2)))


def publish_until_full(publisher: Publisher) -> int:
    """How many messages were taken before the first refusal."""
    for number in range(100):
        if not taken(publisher, message(number)):
            return number
    pytest.fail("never full")


def test_a_large_message_comes_through_and_a_too_large_one_is_refused(place: Place, client: Client) -> None:
    body = bytes(range(256)) * (15 * 4096)
    publisher = client.publisher()
    publish(publisher, Message(body, Lane.NORMAL, "large"))
    (delivery,) = collect(client.consumer(), 1)
    assert delivery.message.body == body
    with pytest.raises(Refused):
        publisher.publish(Message(b"x" * (client.broker.max_message_bytes + 1), Lane.NORMAL, "too large"))
    publish(publisher, message(1))


def test_many_threads_publish_at_once_and_nothing_is_lost_or_doubled(place: Place, client: Client) -> None:
    publisher = client.publisher()
    futures: list[list[Future[None]]] = [[] for _ in range(16)]

    def work(thread: int) -> None:
        for number in range(50):
            futures[thread].append(publisher.publish(message(thread * 1000 + number, list(Lane)[number % 3])))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    for future in [future for some in futures for future in some]:
        future.result(20.0)
    assert publisher.unconfirmed == 0
    received = collect(client.consumer(prefetch=100), 800, acknowledge=True)
    expected = {f"m{thread * 1000 + number}" for thread in range(16) for number in range(50)}
    assert sorted(ids(received)) == sorted(expected)


def test_too_much_unconfirmed_is_refused_at_once(place: Place) -> None:
    with Client(place.broker(max_unconfirmed=3)) as client:
        publisher = client.publisher()
        publish(publisher, message(0))
        futures: list[Future[None]] = []
        with pytest.raises(BrokerFull):
            publish_without_waiting(publisher, futures)
        for future in futures:
            future.result(PATIENCE_S)
        assert publisher.unconfirmed == 0


def publish_without_waiting(publisher: Publisher, futures: list[Future[None]]) -> None:
    """Publish faster than any broker confirms."""
    for number in range(10_000):
        futures.append(publisher.publish(message(number)))  # noqa: PERF401 - the caller wants those before the error


def test_close_waits_for_confirms_and_then_refuses(place: Place, client: Client) -> None:
    publisher = client.publisher()
    futures = [publisher.publish(message(number)) for number in range(200)]
    publisher.close(10.0)
    assert all(future.done() and future.exception() is None for future in futures)
    with pytest.raises(BrokerUnavailable):
        publisher.publish(message(1))
    assert len(collect(client.consumer(), 200, acknowledge=True)) == 200


def test_stalled_s_tells_for_how_long_nothing_of_a_lane_was_answered(
    place: Place, client: Client, killable: Place
) -> None:
    publisher = client.publisher()
    assert publisher.stalled_s(Lane.NORMAL) == 0.0
    publish(publisher, message(1))
    assert publisher.stalled_s(Lane.NORMAL) == 0.0
    with killable.stalled():
        started_s = time.monotonic()
        future = publisher.publish(message(2))
        eventually(lambda: publisher.stalled_s(Lane.NORMAL) > 0.3)
        # What is handed over later does not make the wait shorter.
        later = publisher.publish(message(3))
        assert 0.3 < publisher.stalled_s(Lane.NORMAL) <= time.monotonic() - started_s
        # Nothing waits in the others.
        assert publisher.stalled_s(Lane.URGENT) == publisher.stalled_s(Lane.BULK) == 0.0
    future.result(PATIENCE_S)
    later.result(PATIENCE_S)
    assert publisher.stalled_s(Lane.NORMAL) == 0.0
