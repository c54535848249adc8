"""Dead letters and replays where there is no more room: nothing is lost, and it is said."""

from __future__ import annotations

import pytest

from logmill.broker.topology import Limits
from logmill.errors import BrokerFull
from tests.support.broker_client import (
    Client,
    bury,
    collect,
    message,
    publish,
    receive_nothing,
    taken,
)
from tests.support.broker_places import Place


def test_replay_into_a_full_lane_says_so_and_keeps_the_rest(place: Place) -> None:
    with Client(place.broker(Limits(max_messages=50, max_bytes=10_000_000))) as client:
        client.broker.purge()
        bury(client, [message(number) for number in range(40)])
        publisher = client.publisher()
        count = 0
        while taken(publisher, message(100 + count)):
            count += 1
        with client.broker.dead_letters() as dead, pytest.raises(BrokerFull):
            dead.replay()
        # RabbitMQ takes a few more than its limit.
        replayed = client.broker.depths()["normal"].ready - count
        assert client.broker.depths()["dead"].ready == 40 - replayed > 0
        consumer = client.consumer()
        collect(consumer, count + replayed, acknowledge=True)
        with client.broker.dead_letters() as dead:
            assert dead.replay() == 40 - replayed
        assert len(collect(consumer, 40 - replayed)) == 40 - replayed


def test_dead_letters_have_a_limit_and_what_is_beyond_it_comes_again(place: Place) -> None:
    with Client(place.broker(Limits(max_messages=4, max_bytes=10_000_000))) as client:
        client.broker.purge()
        publisher, consumer = client.publisher(), client.consumer()
        for count in range(50):
            publish(publisher, message(count))
            (delivery,) = collect(consumer, 1)
            failed = consumer.dead_letter([(delivery, "broken")])
            if failed:
                break
        else:
            pytest.fail("never full")
        # RabbitMQ takes a few more than its limit.
        assert count >= 4
        assert failed == [delivery]
        assert client.broker.depths()["dead"].ready == count
        # It is still held.
        assert receive_nothing(consumer)
        consumer.release(failed)
        (again,) = collect(consumer, 1)
        assert again.message == delivery.message
        with client.broker.dead_letters() as dead:
            dead.purge()
        assert consumer.dead_letter([(again, "broken")]) == []
