"""A way to RabbitMQ that breaks again and again, in the middle of what it carries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest

from logmill.broker import Consumer, Delivery, Message, open_broker
from logmill.errors import BrokerUnavailable
from logmill.record import Lane
from tests.support.broker_client import PATIENCE_S, collect, eventually, publish_all
from tests.support.ports import free_port
from tests.support.rabbitmq_clients import client_of
from tests.support.rabbitmq_node import RabbitNode
from tests.support.tcp_proxy import Behaviour, TcpProxy

BODY_BYTES = 1000
# Less than one lane's messages: a connection that takes all of them at once never sees the end of it.
CUT_WITHIN_BYTES = 30_000
A_LANE = 60
PREFETCH = 250
# What a processor takes to make a block and to have it stored.
WORK_S = 0.1


@pytest.fixture
def proxy(rabbit_node: RabbitNode) -> Iterator[TcpProxy]:
    port = urlsplit(rabbit_node.url).port
    assert port is not None
    with closing(TcpProxy(free_port(), port)) as proxy:
        yield proxy


def through(proxy: TcpProxy, url: str) -> str:
    """The broker's address by way of the proxy."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}"))


def work(consumer: Consumer) -> list[Delivery]:
    """Gather for a while and acknowledge what came, as a processor does; what breaks meanwhile comes again."""
    gathered: list[Delivery] = []
    until_s = time.monotonic() + WORK_S
    try:
        while (left_s := until_s - time.monotonic()) > 0:
            delivery = consumer.receive(left_s)
            if delivery is not None:
                gathered.append(delivery)
    except BrokerUnavailable:
        return []
    consumer.acknowledge(gathered)
    return gathered


def test_messages_get_through_between_two_cuts_and_none_is_delivered_until_it_counts_as_never_settled(
    rabbit_node: RabbitNode, proxy: TcpProxy
) -> None:
    with client_of(rabbit_node) as client:
        lanes = (Lane.URGENT, Lane.NORMAL)
        sent = [Message(bytes(BODY_BYTES), lane, f"{lane}{number}") for lane in lanes for number in range(A_LANE)]
        publish_all(client.publisher(), sent)
        proxy.behave(Behaviour(cut_within_bytes=CUT_WITHIN_BYTES))
        broker = open_broker(through(proxy, rabbit_node.url))
        attempts: dict[str, int] = {}
        with closing(broker.consumer(prefetch=PREFETCH)) as consumer:
            deadline_s = time.monotonic() + 60
            while len(attempts) < len(sent):
                assert time.monotonic() < deadline_s, f"{len(attempts)} of {len(sent)} got through"
                for delivery in work(consumer):
                    attempts[delivery.message.message_id] = delivery.attempts
        assert set(attempts) == {message.message_id for message in sent}
        assert max(attempts.values()) < 20


def test_after_the_cuts_all_is_taken_that_the_prefetch_allows_and_nothing_is_counted_as_delivered_by_the_end(
    rabbit_node: RabbitNode, proxy: TcpProxy
) -> None:
    with client_of(rabbit_node) as client:
        broker = open_broker(through(proxy, rabbit_node.url))
        with closing(broker.consumer(prefetch=A_LANE)) as consumer:
            assert consumer.receive(0.5) is None
            # Of a connection that had just been made.
            proxy.cut_now()
            with pytest.raises(BrokerUnavailable):
                collect_or_lose(consumer)
            sent = [Message(bytes(BODY_BYTES), Lane.NORMAL, f"m{number}") for number in range(2 * A_LANE)]
            publish_all(client.publisher(), sent)
            held = collect(consumer, A_LANE)
            assert consumer.receive(0.5) is None
            consumer.stop_taking(PATIENCE_S)
            consumer.acknowledge(held)
            assert consumer.receive(PATIENCE_S) is None
        eventually(lambda: broker.depths()["normal"].ready == A_LANE)
        rest = collect(client.consumer(), A_LANE)
        assert {delivery.message.message_id for delivery in (*held, *rest)} == {one.message_id for one in sent}
        assert not any(delivery.redelivered for delivery in rest)


def collect_or_lose(consumer: Consumer) -> None:
    """Wait for what does not come until the connection is lost."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        consumer.receive(0.1)
