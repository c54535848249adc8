"""The broker contract when something dies: a consumer, a publisher, the broker itself."""

from __future__ import annotations

import time

import pytest

from logmill.broker import Publisher
from logmill.broker.topology import DELIVERY_LIMIT
from logmill.errors import BrokerUnavailable, Retry
from tests.support.broker_client import (
    PATIENCE_S,
    Client,
    collect,
    eventually,
    ids,
    lines,
    message,
    peer,
    publish,
    publish_all,
    receive_nothing,
    release_until_dead,
)
from tests.support.broker_places import Place


def test_messages_of_a_killed_consumer_come_again_and_say_so(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number) for number in range(20)])
    with peer("consume", place.url, 20) as process:
        assert sorted(lines(process, 20)) == sorted(f"m{number}" for number in range(20))
        consumer = client.consumer()
        assert receive_nothing(consumer)
        process.kill()
        again = collect(consumer, 20, acknowledge=True)
    assert sorted(ids(again)) == sorted(f"m{number}" for number in range(20))
    assert all(delivery.redelivered and delivery.attempts >= 1 for delivery in again)


def test_what_was_confirmed_survives_the_kill_of_its_publisher(place: Place, client: Client) -> None:
    with peer("publish", place.url, 1_000_000) as process:
        confirmed = lines(process, 50)
        process.kill()
        assert process.stdout is not None
        confirmed += process.stdout.read().split()
    consumer = client.consumer()
    assert ids(collect(consumer, len(confirmed), acknowledge=True)) == confirmed
    # What was on its way when the process died may be there as well, but nothing twice.
    rest = consumer_rest(client)
    assert not set(rest) & set(confirmed)


def consumer_rest(client: Client) -> list[str]:
    """What is still delivered."""
    consumer = client.consumer()
    rest: list[str] = []
    while True:
        try:
            delivery = consumer.receive(0.3)
        except BrokerUnavailable:
            continue
        if delivery is None:
            return rest
        rest.append(delivery.message.message_id)


def test_a_crash_of_the_broker_loses_nothing_confirmed_and_brings_back_nothing_settled(
    place: Place, client: Client, killable: Place
) -> None:
    publisher, consumer = client.publisher(), client.consumer()
    publish_all(publisher, [message(number) for number in range(100)])
    settled = collect(consumer, 40, acknowledge=True)
    consumer.close()
    holder = client.consumer(prefetch=10)
    held = collect(holder, 10)
    killable.crash()
    holder.close()
    again = collect(client.consumer(), 60, acknowledge=True)
    assert sorted(ids(settled) + ids(again)) == sorted(f"m{number}" for number in range(100))
    assert {delivery.message.message_id for delivery in again if delivery.redelivered} >= set(ids(held))
    eventually(lambda: accepted(publisher))


def test_publishing_fails_fast_while_the_broker_is_away_and_works_once_it_is_back(
    place: Place, client: Client, killable: Place
) -> None:
    publisher, consumer = client.publisher(), client.consumer()
    publish(publisher, message(1))
    (before,) = collect(consumer, 1)
    killable.take_away()
    refused_within(publisher, 2.0)
    assert publisher.state != "ready"
    fresh = client.publisher()
    refused_within(fresh, 4.0)
    with pytest.raises(BrokerUnavailable):
        consumer.receive(5.0)
    killable.bring_back()
    eventually(lambda: accepted(publisher) and accepted(fresh))
    # The delivery of the old connection is void: settling it does nothing, and it comes again.
    consumer.acknowledge([before])
    (again,) = [delivery for delivery in collect(consumer, 3) if delivery.message.message_id == "m1"]
    assert again.redelivered


def refused_within(publisher: Publisher, limit_s: float) -> None:
    """Publishing raises, or its future fails, with BrokerUnavailable, and soon."""
    started_s = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        publisher.publish(message(2)).result(limit_s)
    assert time.monotonic() - started_s < limit_s


def accepted(publisher: Publisher) -> bool:
    """Whether the broker takes and confirms a message."""
    try:
        publisher.publish(message(3)).result(PATIENCE_S)
    except Retry:
        return False
    return True


def test_a_message_that_is_never_settled_ends_among_the_dead_letters(place: Place, client: Client) -> None:
    publish(client.publisher(), message(1))
    deliveries = release_until_dead(client, client.consumer())
    assert deliveries >= DELIVERY_LIMIT
    assert [letter.message_id for letter in place.dead_letters()] == ["m1"]
