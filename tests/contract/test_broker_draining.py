"""The broker contract for consumers that choose lanes, stop taking, and close."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future

import pytest

from logmill.broker import Consumer, Delivery, Publisher
from logmill.errors import BrokerUnavailable
from logmill.record import Lane
from tests.support.broker_client import (
    PATIENCE_S,
    Client,
    collect,
    ids,
    message,
    publish,
    publish_all,
)
from tests.support.broker_places import Place

# Longer than any of these consumers needs to stop.
LIMIT_S = 9.0


def drain(consumer: Consumer) -> list[Delivery]:
    """What is still received after `stop_taking`; it ends by itself, and long before the timeout."""
    started_s = time.monotonic()
    received = []
    while (delivery := consumer.receive(PATIENCE_S)) is not None:
        received.append(delivery)
    assert time.monotonic() - started_s < PATIENCE_S / 2
    return received


def rest_of(client: Client) -> list[Delivery]:
    """What a fresh consumer gets until nothing is in the queues."""
    consumer = client.consumer(prefetch=10_000)
    received: list[Delivery] = []
    while True:
        try:
            delivery = consumer.receive(0.5)
        except BrokerUnavailable:
            continue
        if delivery is not None:
            received.append(delivery)
            consumer.acknowledge([delivery])
        elif consumer.state == "ready":
            return received


def test_only_the_lanes_asked_for_are_taken(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number, lane) for number in range(60) for lane in Lane])
    consumer = client.consumer(prefetch=60)
    assert {one.message.lane for one in collect(consumer, 20, lanes={Lane.BULK})} == {Lane.BULK}
    some = collect(consumer, 100, lanes={Lane.NORMAL, Lane.BULK})
    assert Counter(one.message.lane for one in some) == {Lane.NORMAL: 60, Lane.BULK: 40}
    # What was passed over is not lost.
    assert ids(collect(consumer, 60)) == [f"m{number}" for number in range(60)]


def test_a_lane_not_asked_for_does_not_wake_and_does_not_end_the_wait(place: Place, client: Client) -> None:
    publisher, consumer = client.publisher(), client.consumer(prefetch=3)
    publish_all(publisher, [message(number, Lane.BULK) for number in range(5)])
    collect(consumer, 3)
    started_s = time.monotonic()
    assert consumer.receive(0.3, {Lane.URGENT}) is None
    assert time.monotonic() - started_s >= 0.3
    publish(publisher, message(9, Lane.URGENT))
    assert ids(collect(consumer, 1, lanes={Lane.URGENT})) == ["m9"]


def test_after_stop_taking_what_came_is_received_and_nothing_more_is_taken(place: Place, client: Client) -> None:
    publisher, consumer = client.publisher(), client.consumer(prefetch=10)
    publish_all(publisher, [message(number, lane) for number in range(30) for lane in Lane])
    received = collect(consumer, 2)
    consumer.stop_taking(LIMIT_S)
    received += drain(consumer)
    # Settling makes room, and still nothing comes.
    consumer.acknowledge(received)
    assert drain(consumer) == []
    assert len(received) <= 30
    other = client.consumer()
    rest = collect(other, 90 - len(received), acknowledge=True)
    assert not any(one.redelivered for one in rest)


def test_stop_taking_ends_with_its_limit_where_messages_drip_in(place: Place, client: Client) -> None:
    consumer = client.consumer()
    # Never so long without one that it counts as quiet.
    load = Load(client.publisher(), pause_s=0.03)
    try:
        received = collect(consumer, 5)
        started_s = time.monotonic()
        consumer.stop_taking(1.0)
        received += drain(consumer)
        took_s = time.monotonic() - started_s
    finally:
        published = load.stop()
    assert took_s < 3.0
    consumer.acknowledge(received)
    consumer.close()
    assert sorted(ids(received + rest_of(client))) == sorted(published)


def test_stop_taking_before_the_first_receive_takes_nothing(place: Place, client: Client) -> None:
    publish(client.publisher(), message(1))
    consumer = client.consumer()
    consumer.stop_taking(LIMIT_S)
    assert drain(consumer) == []
    consumer.acknowledge([])
    consumer.close()
    assert not collect(client.consumer(), 1)[0].redelivered


def test_after_stop_taking_a_broker_that_comes_back_sends_nothing(
    place: Place, client: Client, killable: Place
) -> None:
    publish_all(client.publisher(), [message(number) for number in range(10)])
    consumer = client.consumer(prefetch=5)
    (held,) = collect(consumer, 1)
    consumer.stop_taking(LIMIT_S)
    killable.take_away()
    with pytest.raises(BrokerUnavailable):
        receive_until_error(consumer)
    assert drain(consumer) == []
    killable.bring_back()
    # Void, so it is passed over.
    consumer.acknowledge([held])
    other = client.consumer()
    assert len(collect(other, 10)) == 10
    assert drain(consumer) == []


def receive_until_error(consumer: Consumer) -> None:
    """What was here before may still be received."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if consumer.receive(0.1) is None:
            time.sleep(0.02)


def test_what_was_acknowledged_before_close_does_not_come_again(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number, lane) for number in range(300) for lane in Lane])
    consumer = client.consumer(prefetch=300)
    held = collect(consumer, 900)
    # One by one and backwards, the most work for the broker.
    for delivery in reversed(held):
        consumer.acknowledge([delivery])
    consumer.close()
    assert rest_of(client) == []


class Load:
    """A thread that publishes to all lanes in turn, with a pause after each message, until it is told to stop."""

    def __init__(self, publisher: Publisher, pause_s: float = 0.0005) -> None:
        self._publisher = publisher
        self._pause_s = pause_s
        self._ending = threading.Event()
        self._futures: list[Future[None]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(self._pause_s):
            number = len(self._futures)
            self._futures.append(self._publisher.publish(message(number, list(Lane)[number % 3])))

    def stop(self) -> list[str]:
        """The ids of all that was published and confirmed."""
        self._ending.set()
        self._thread.join(PATIENCE_S)
        for future in self._futures:
            future.result(PATIENCE_S)
        return [f"m{number}" for number in range(len(self._futures))]


def test_a_drained_consumer_leaves_nothing_redelivered_behind_under_load(place: Place, client: Client) -> None:
    load = Load(client.publisher())
    received: list[Delivery] = []
    try:
        for prefetch in (5, 20, 50):
            consumer = client.consumer(prefetch=prefetch)
            received += collect(consumer, 100, acknowledge=True)
            consumer.stop_taking(LIMIT_S)
            drained = drain(consumer)
            consumer.acknowledge(drained)
            consumer.close()
            received += drained
    finally:
        published = load.stop()
    received += rest_of(client)
    assert not any(one.redelivered for one in received)
    assert sorted(ids(received)) == sorted(published)


# Nothing is on its way to a consumer of the embedded one.
@pytest.mark.parametrize("place", ["rabbitmq"], indirect=True)
def test_a_consumer_that_stops_right_after_it_connected_under_load_waits_until_nothing_is_on_its_way(
    place: Place,
) -> None:
    backlog = [message(number, lane) for number in range(1_000_000, 1_000_350) for lane in Lane]
    for _ in range(3):
        with Client(place.broker()) as client:
            publish_all(client.publisher(), backlog)
            load = Load(client.publisher())
            try:
                consumer = client.consumer(prefetch=400)
                received = collect(consumer, 1)
                consumer.stop_taking(LIMIT_S)
                received += drain(consumer)
                consumer.acknowledge(received)
                consumer.close()
            finally:
                published = load.stop()
            rest = rest_of(client)
        # Where a lane is full, nothing is.
        assert Counter(one.message.lane for one in received) == dict.fromkeys(Lane, 400)
        assert not any(one.redelivered for one in rest)
        assert sorted(ids(received + rest)) == sorted([one.message_id for one in backlog] + published)
