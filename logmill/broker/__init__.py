"""The broker between producer and processors; `open_broker` picks the implementation by URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from logmill.broker.protocol import Broker, Consumer, Delivery, Message, Publisher, QueueDepth
from logmill.errors import ConfigError

__all__ = ["Broker", "Consumer", "Delivery", "Message", "Publisher", "QueueDepth", "open_broker", "without_password"]


def open_broker(url: str) -> Broker:
    """The broker at `url`: `amqp://` and `amqps://` are RabbitMQ, `sqlite:///path` is the embedded one.

    Raises:
        ConfigError: for any other scheme.
    """
    scheme = urlsplit(url).scheme
    if scheme in {"amqp", "amqps"}:
        from logmill.broker.rabbitmq import RabbitBroker

        return RabbitBroker(url)
    if scheme == "sqlite":
        from logmill.broker.embedded import EmbeddedBroker

        return EmbeddedBroker(url)
    raise ConfigError(f"LOGMILL_BROKER_URL: unknown scheme {scheme!r}; use amqp://, amqps:// or sqlite:///path")


def without_password(url: str) -> str:
    """A broker's URL as it may be shown."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
