"""The broker that the settings ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from logmill.broker import Message, broker_of
from logmill.broker.embedded import EMBEDDED_LIMITS, EmbeddedBroker
from logmill.broker.rabbitmq import RabbitBroker
from logmill.broker.topology import Limits
from logmill.errors import BrokerFull, ConfigError
from logmill.record import Lane
from logmill.settings import Settings


def test_without_limits_each_kind_has_its_own() -> None:
    rabbit = broker_of(Settings(broker_url="amqp://localhost"))
    assert isinstance(rabbit, RabbitBroker)
    assert rabbit._topology.limits == Limits()
    embedded = broker_of(Settings(broker_url="sqlite:///data/broker.sqlite3"))
    assert isinstance(embedded, EmbeddedBroker)
    assert embedded._limits == EMBEDDED_LIMITS


def test_limits_that_are_set_hold_for_both_kinds() -> None:
    rabbit = broker_of(Settings(broker_url="amqp://localhost", queue_max_messages=7))
    assert isinstance(rabbit, RabbitBroker)
    assert rabbit._topology.limits == Limits(max_messages=7)
    embedded = broker_of(Settings(broker_url="sqlite:///x", queue_max_messages=7, queue_max_bytes=8))
    assert isinstance(embedded, EmbeddedBroker)
    assert embedded._limits == Limits(max_messages=7, max_bytes=8)


def test_a_lane_takes_as_many_messages_as_the_settings_say(tmp_path: Path) -> None:
    publisher = broker_of(Settings(broker_url=f"sqlite:///{tmp_path}/broker.sqlite3", queue_max_messages=2)).publisher()
    for number in range(2):
        publisher.publish(Message(b"", Lane.BULK, f"m{number}")).result(10.0)
    with pytest.raises(BrokerFull):
        publisher.publish(Message(b"", Lane.BULK, "m2")).result(10.0)
    publisher.close(1.0)


def test_an_unknown_kind_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="redis"):
        broker_of(Settings(broker_url="redis://localhost"))
