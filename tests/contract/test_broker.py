"""The broker contract, the same for RabbitMQ and the embedded broker: delivering and settling."""

from __future__ import annotations

import contextlib
import time

from logmill.broker import Broker, Consumer, Delivery, Message
from logmill.broker.topology import AT_HEADER, LANE_HEADER, ORIGIN_HEADER, REASON_HEADER
from logmill.errors import BrokerUnavailable
from logmill.record import Lane
from tests.support.broker_client import (
    PATIENCE_S,
    Client,
    collect,
    eventually,
    ids,
    message,
    publish,
    publish_all,
    receive_nothing,
)
from tests.support.broker_places import Place, RabbitPlace
from tests.support.waiting import wait_until


def test_a_confirmed_message_is_delivered_once_with_all_its_properties(place: Place, client: Client) -> None:
    sent = Message(
        body=b"\x00\xff zstd or not, bytes are bytes",
        lane=Lane.URGENT,
        message_id="0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        content_type="application/x-ndjson",
        content_encoding="zstd",
        headers={"logmill-version": 1, "logmill-received-at-us": 1_790_000_000_123_456, "text": "grüß dich"},
        timestamp_s=1_790_000_000,
    )
    publish(client.publisher(), sent)
    consumer = client.consumer()
    (delivery,) = collect(consumer, 1)
    assert delivery.message == sent
    assert not delivery.redelivered
    assert delivery.attempts == 0
    consumer.acknowledge([delivery])
    assert receive_nothing(consumer)
    consumer.close()
    assert not any(depth.ready or depth.unacknowledged for depth in client.broker.depths().values())


def test_depths_tell_what_waits_in_each_lane_and_are_there_within_their_time(place: Place, client: Client) -> None:
    publisher = client.publisher()
    for lane, count in ((Lane.URGENT, 3), (Lane.NORMAL, 2), (Lane.BULK, 7)):
        publish_all(publisher, [Message(bytes(10), lane, f"{lane}{number}") for number in range(count)])
    depths = client.broker.depths(timeout_s=5.0)
    assert {name: depth.ready for name, depth in depths.items()} == {"urgent": 3, "normal": 2, "bulk": 7, "dead": 0}
    # RabbitMQ tells no bytes over AMQP.
    told = {name: depth.size_bytes for name, depth in depths.items() if depth.size_bytes is not None}
    assert told == ({} if isinstance(place, RabbitPlace) else {"urgent": 30, "normal": 20, "bulk": 70, "dead": 0})
    assert client.broker.kind == ("rabbitmq" if isinstance(place, RabbitPlace) else "embedded")
    collect(client.consumer(), 12, acknowledge=True)
    eventually(lambda: all(depth.ready == 0 for depth in client.broker.depths().values()))


def test_looking_at_the_depths_neither_waits_long_for_a_broker_that_stands_still_nor_is_in_its_way(
    killable: Place, client: Client
) -> None:
    publisher = client.publisher()
    publish(publisher, message(1))
    with killable.stalled():
        started_s = time.monotonic()
        # Somebody who writes does not keep others from reading a file.
        with contextlib.suppress(BrokerUnavailable) if isinstance(killable, RabbitPlace) else contextlib.nullcontext():
            assert client.broker.depths(timeout_s=1.0)["normal"].ready == 1
        assert time.monotonic() - started_s < 2.5
    for _ in range(5):
        client.broker.depths(timeout_s=5.0)
    assert publisher.state == "ready"
    publish(publisher, message(2))
    eventually(lambda: client.broker.depths()["normal"].ready == 2)


def test_an_empty_message_with_no_properties_is_delivered(place: Place, client: Client) -> None:
    publish(client.publisher(), Message(body=b"", lane=Lane.NORMAL, message_id=""))
    (delivery,) = collect(client.consumer(), 1)
    assert delivery.message == Message(body=b"", lane=Lane.NORMAL, message_id="")


def test_order_is_kept_within_a_lane(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number) for number in range(300)])
    received = collect(client.consumer(prefetch=50), 300, acknowledge=True)
    assert ids(received) == [f"m{number}" for number in range(300)]


def test_urgent_overtakes_a_backlog_and_bulk_does_not_starve(place: Place, client: Client) -> None:
    publisher = client.publisher()
    publish_all(publisher, [message(number, Lane.BULK) for number in range(400)])
    consumer = client.consumer(prefetch=200)
    assert {delivery.message.lane for delivery in collect(consumer, 5, acknowledge=True)} == {Lane.BULK}
    publish_all(publisher, [message(number, lane) for number in range(200) for lane in (Lane.URGENT, Lane.NORMAL)])
    if isinstance(place, RabbitPlace):  # the embedded consumer claims them itself when it receives
        wait_until(lambda: all(place.broker().depths()[lane].ready == 0 for lane in (Lane.URGENT, Lane.NORMAL)))
    # The weights are tested with `Lanes`; here, that they hold on the way from the broker.
    mixed = [delivery.message.lane for delivery in collect(consumer, 150)]
    assert mixed.index(Lane.URGENT) < 30
    assert mixed.count(Lane.URGENT) > 2 * mixed.count(Lane.NORMAL) > 0
    assert mixed[30:].count(Lane.BULK) >= 3


def test_two_consumers_share_without_overlap(place: Place, client: Client) -> None:
    consumers = [client.consumer(prefetch=10), client.consumer(prefetch=10)]
    publish_all(client.publisher(), [message(number) for number in range(200)])
    shares: list[list[str]] = [[], []]
    deadline_s = time.monotonic() + PATIENCE_S
    while sum(map(len, shares)) < 200:
        assert time.monotonic() < deadline_s
        for consumer, share in zip(consumers, shares, strict=True):
            share.extend(ids(collect_some(consumer)))
    assert sorted(shares[0] + shares[1]) == sorted(f"m{number}" for number in range(200))
    assert shares[0]
    assert shares[1]


def collect_some(consumer: Consumer) -> list[Delivery]:
    """At most one delivery, acknowledged."""
    try:
        delivery = consumer.receive(0.05)
    except BrokerUnavailable:
        return []
    if delivery is None:
        return []
    consumer.acknowledge([delivery])
    return [delivery]


def test_a_consumer_holds_at_most_its_prefetch_of_each_lane(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number) for number in range(30)])
    consumer = client.consumer(prefetch=7)
    held = collect(consumer, 7)
    nothing_more_of(consumer, Lane.NORMAL)
    # Settling out of order must not settle the others.
    consumer.acknowledge([held[3], held[1]])
    assert len(collect(consumer, 2)) == 2
    nothing_more_of(consumer, Lane.NORMAL)


def nothing_more_of(consumer: Consumer, lane: Lane) -> None:
    """A consumer that holds all it may of a lane says so at once, and gets nothing more while it waits for others."""
    started_s = time.monotonic()
    assert consumer.receive(PATIENCE_S) is None
    assert time.monotonic() - started_s < PATIENCE_S / 2
    assert consumer.receive(0.3, set(Lane) - {lane}) is None
    assert time.monotonic() - started_s > 0.3
    assert consumer.receive(PATIENCE_S, {lane}) is None
    assert time.monotonic() - started_s < PATIENCE_S / 2


def test_settling_some_leaves_the_others(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number) for number in range(10)])
    consumer = client.consumer()
    held = collect(consumer, 10)
    consumer.acknowledge([held[index] for index in (0, 1, 2, 5, 9)])
    consumer.close()
    again = collect(client.consumer(), 5)
    assert set(ids(again)) == {"m3", "m4", "m6", "m7", "m8"}
    assert all(delivery.redelivered for delivery in again)


def test_a_released_message_goes_to_another_consumer_and_says_that_it_was_delivered(
    place: Place, client: Client
) -> None:
    publish(client.publisher(), message(1))
    first, second = client.consumer(), client.consumer()
    (delivery,) = collect(first, 1)
    assert receive_nothing(second)
    first.release([delivery])
    first.close()
    (again,) = collect(second, 1)
    assert again.message == delivery.message
    assert again.redelivered
    assert again.attempts >= 1


def test_a_dead_letter_carries_reason_lane_time_and_origin_and_is_gone_from_its_lane(
    place: Place, client: Client
) -> None:
    publish(client.publisher(), Message(b"{broken", Lane.BULK, "m1", "text/plain", headers={"mine": "kept", "n": 7}))
    consumer = client.consumer()
    (delivery,) = collect(consumer, 1)
    assert consumer.dead_letter([(delivery, "not a batch: " + "x" * 5000)]) == []
    consumer.close()
    depths = client.broker.depths()
    assert depths["bulk"].ready == 0
    assert not depths["bulk"].unacknowledged
    eventually(lambda: client.broker.depths()["dead"].ready == 1)
    dead = place.dead_letters()
    assert [(letter.body, letter.message_id, letter.content_type) for letter in dead] == [
        (b"{broken", "m1", "text/plain")
    ]
    headers = dead[0].headers
    assert headers["mine"] == "kept"
    assert headers["n"] == 7
    assert str(headers[REASON_HEADER]).startswith("not a batch")
    assert headers[LANE_HEADER] == "bulk"
    assert str(headers[AT_HEADER]).startswith("20")
    assert headers[ORIGIN_HEADER]


def test_state_says_ready_once_connected(place: Place, client: Client) -> None:
    publisher, consumer = client.publisher(), client.consumer()
    assert publisher.state != "ready"
    publisher.connect()
    eventually(lambda: publisher.state == "ready")
    eventually(lambda: receive_nothing(consumer, 0.05) and consumer.state == "ready")


def test_purge_empties_every_queue(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number, lane) for number in range(5) for lane in Lane])
    assert _ready(client.broker) == 15
    client.broker.purge()
    assert _ready(client.broker) == 0


def _ready(broker: Broker) -> int:
    return sum(depth.ready for depth in broker.depths().values())
