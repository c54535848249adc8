"""What a publisher has on its way by lane, and how often RabbitMQ says that a message was delivered."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pika.spec import BasicProperties  # noqa: TID251 - what a broker sends

from logmill.broker.in_flight import InFlight
from logmill.broker.rabbitmq_messages import Tag, delivery_of
from logmill.errors import BrokerFull
from logmill.record import Lane


def test_a_queue_that_is_answered_does_not_hide_one_that_is_not() -> None:
    in_flight = InFlight(10, 1000)
    in_flight.add("bulk", 10)
    in_flight.add("urgent", 10)
    time.sleep(0.05)
    in_flight.add("urgent", 10)
    in_flight.remove("urgent", 10)
    assert in_flight.stalled_s("bulk") >= 0.05
    assert in_flight.stalled_s("urgent") < 0.05
    assert in_flight.stalled_s("normal") == 0.0
    in_flight.remove("bulk", 10)
    assert in_flight.stalled_s("bulk") == 0.0
    # The wait begins anew with the next message.
    in_flight.add("bulk", 10)
    assert in_flight.stalled_s("bulk") < 0.05


def test_the_limit_is_one_for_all_queues() -> None:
    in_flight = InFlight(2, 1000)
    in_flight.add("bulk", 10)
    in_flight.add("urgent", 10)
    with pytest.raises(BrokerFull):
        in_flight.add("normal", 10)
    assert in_flight.count == 2
    assert in_flight.stalled_s("normal") == 0.0


@pytest.mark.parametrize(
    ("headers", "redelivered", "attempts"),
    [
        ({}, False, 0),
        ({}, True, 1),
        # RabbitMQ up to 4.2, and a failure since.
        ({"x-delivery-count": 3}, True, 3),
        # 4.3: given back without a failure, once after a failure.
        ({"x-acquired-count": 4}, True, 4),
        ({"x-delivery-count": 1, "x-acquired-count": 4}, True, 4),
        # Headers of strangers.
        ({"x-delivery-count": "many", "x-acquired-count": [7]}, False, 0),
    ],
)
def test_attempts_are_the_deliveries_before_this_one(headers: dict[str, Any], redelivered: bool, attempts: int) -> None:
    delivery = delivery_of(Lane.NORMAL, Tag(1, 1, BasicProperties(headers=headers)), redelivered, b"")
    assert delivery.attempts == attempts
    assert delivery.redelivered == (attempts > 0)
