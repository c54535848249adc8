"""Clients of a RabbitMQ node: ours, and another program's."""

from __future__ import annotations

from collections.abc import Callable

import pika  # noqa: TID251 - a foreign client

from tests.support.broker_client import Client
from tests.support.broker_places import RabbitPlace
from tests.support.rabbitmq_node import RabbitNode


def foreign(node: RabbitNode, use: Callable[[pika.adapters.blocking_connection.BlockingChannel], object]) -> None:
    """Do something on a channel of another client."""
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        use(connection.channel())


def client_of(node: RabbitNode) -> Client:
    return Client(RabbitPlace(node).broker())
