"""The broker between producer and processors; `broker_of` and `open_broker` pick the implementation by URL."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from logmill.broker.protocol import (
    EVERY_LANE,
    Broker,
    Consumer,
    DeadLetter,
    DeadLetters,
    Delivery,
    Message,
    Publisher,
    QueueDepth,
)
from logmill.broker.topology import Limits, Topology
from logmill.errors import ConfigError
from logmill.settings import Settings

__all__ = [
    "EVERY_LANE",
    "Broker",
    "Consumer",
    "DeadLetter",
    "DeadLetters",
    "Delivery",
    "Message",
    "Publisher",
    "QueueDepth",
    "broker_of",
    "open_broker",
]


def broker_of(settings: Settings) -> Broker:
    """The broker that the settings name, with queues of the size that they ask for.

    Raises:
        ConfigError: as `open_broker`.
    """
    return _open(settings.broker_url, settings.queue_max_messages, settings.queue_max_bytes)


def open_broker(url: str) -> Broker:
    """The broker at `url`: `amqp://` and `amqps://` are RabbitMQ, `sqlite:///path` is the embedded one.

    Raises:
        ConfigError: for any other scheme.
    """
    return _open(url, 0, 0)


def _open(url: str, max_messages: int, max_bytes: int) -> Broker:
    """The broker at `url`; a limit of 0 is the default of its kind."""
    scheme = urlsplit(url).scheme
    if scheme in {"amqp", "amqps"}:
        from logmill.broker.rabbitmq import RabbitBroker

        return RabbitBroker(url, Topology(limits=_limits(Limits(), max_messages, max_bytes)))
    if scheme == "sqlite":
        from logmill.broker.embedded import EMBEDDED_LIMITS, EmbeddedBroker

        return EmbeddedBroker(url, _limits(EMBEDDED_LIMITS, max_messages, max_bytes))
    raise ConfigError(f"LOGMILL_BROKER_URL: unknown scheme {scheme!r}; use amqp://, amqps:// or sqlite:///path")


def _limits(default: Limits, max_messages: int, max_bytes: int) -> Limits:
    return replace(default, max_messages=max_messages or default.max_messages, max_bytes=max_bytes or default.max_bytes)
