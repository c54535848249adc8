"""What only RabbitMQ has: foreign clients, alarms, connections that hang, queues that vanish."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal

import pika  # noqa: TID251 - a foreign client
import pytest
from pika.channel import Channel  # noqa: TID251 - a foreign client

from logmill.broker import Broker, Message, Publisher, open_broker
from logmill.broker.rabbitmq import RabbitBroker
from logmill.broker.topology import Limits, Topology
from logmill.errors import BrokerFull, BrokerUnavailable, ConfigError, Refused, Retry
from logmill.record import Lane
from tests.support.broker_client import PATIENCE_S, Client, collect, eventually, message, publish, publish_all
from tests.support.ports import free_port
from tests.support.rabbitmq_clients import client_of, foreign
from tests.support.rabbitmq_node import RabbitNode


def test_plain_json_of_a_foreign_client_comes_through_on_the_queue_logs(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs", b'{"message": "hello"}'))
        odd = pika.BasicProperties(
            headers={"a": [1], "b": {"c": 1}, "d": None, "e": True, "f": Decimal("1.5"), "g": b"\xff"}
        )
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs", b"{}", odd))
        plain, strange = collect(client.consumer(), 2)
        assert plain.message.body == b'{"message": "hello"}'
        assert plain.message.lane is Lane.NORMAL
        assert (plain.message.message_id, plain.message.content_type, plain.message.headers) == ("", "", {})
        assert strange.message.headers == {"e": 1, "f": "1.5", "g": "\ufffd"}


def test_an_alarm_fails_what_is_unconfirmed_at_once_and_its_confirms_come_later(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        publisher = client.publisher()
        publish(publisher, message(1))
        rabbit_node.ctl("set_vm_memory_high_watermark", "0.0000001")
        try:
            futures: list[Future[None]] = []
            with contextlib.suppress(BrokerFull):
                for number in range(200):
                    futures.append(publisher.publish(Message(bytes(200_000), Lane.BULK, f"b{number}")))  # noqa: PERF401
            started_s = time.monotonic()
            failures = [future for future in futures if isinstance(future.exception(PATIENCE_S), BrokerFull)]
            assert time.monotonic() - started_s < 5.0
            # Those that were sent are on their way all the same, and still take room.
            waiting = publisher.unconfirmed
            assert 0 < waiting <= len(failures)
            assert publisher.stalled_s(Lane.BULK) > 0.0
            assert publisher.stalled_s(Lane.NORMAL) == 0.0
        finally:
            rabbit_node.ctl("set_vm_memory_high_watermark", "0.4")
        eventually(lambda: publisher.state == "ready" and publisher.unconfirmed == 0)
        assert publisher.stalled_s(Lane.BULK) == 0.0
        publish(publisher, message(2))
        assert waiting <= client.broker.depths()["bulk"].ready <= len(futures)


def test_headers_that_amqp_cannot_carry_are_refused_and_the_publisher_goes_on(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        publisher = client.publisher()
        bad = Message(b"", Lane.NORMAL, "bad", headers={"n": 2**70})
        with pytest.raises(Refused):
            publish(publisher, bad)
        publish(publisher, message(1))
        assert publisher.unconfirmed == 0


def test_an_alarm_refuses_publishers_and_lets_consumers_go_on(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        publisher, consumer = client.publisher(), client.consumer()
        publish_all(publisher, [message(number) for number in range(5)])
        rabbit_node.ctl("set_vm_memory_high_watermark", "0.0000001")
        try:
            refused_s = time_to_refusal(publisher)
            assert refused_s < 5.0
            assert publisher.state.startswith("blocked")
            consumer.acknowledge(collect(consumer, 5))
        finally:
            rabbit_node.ctl("set_vm_memory_high_watermark", "0.4")
        eventually(lambda: publisher.state == "ready")
        publish(publisher, message(9))


def time_to_refusal(publisher: Publisher) -> float:
    """Seconds until publishing raises BrokerFull at once; the broker says so after the first message only."""
    started_s = time.monotonic()
    while time.monotonic() - started_s < PATIENCE_S:
        try:
            publisher.publish(message(8))
        except BrokerFull:
            return time.monotonic() - started_s
        time.sleep(0.02)
    pytest.fail("never refused")


def test_what_is_unconfirmed_fails_at_once_when_the_connection_breaks(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        publisher = client.publisher()
        publish(publisher, message(1))
        os.kill(rabbit_node.pid, signal.SIGSTOP)
        future = publisher.publish(message(2))
        with pytest.raises(TimeoutError):
            future.result(0.3)
        assert publisher.unconfirmed == 1
        rabbit_node.kill9()
        with pytest.raises(BrokerUnavailable):
            future.result(2.0)
        assert publisher.unconfirmed == 0


def test_a_message_whose_queue_is_gone_is_not_confirmed_and_the_queue_is_made_again(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        publisher, consumer = client.publisher(), client.consumer()
        publish(publisher, message(1))
        foreign(rabbit_node, lambda channel: channel.queue_delete("logs.bulk"))
        with pytest.raises(BrokerUnavailable, match=r"logs\.bulk"):
            publish(publisher, message(2, Lane.BULK))
        eventually(lambda: taken(publisher))
        assert {delivery.message.lane for delivery in collect(consumer, 2)} == {Lane.NORMAL, Lane.BULK}


def taken(publisher: Publisher) -> bool:
    try:
        publish(publisher, message(3, Lane.BULK))
    except Retry:
        return False
    return True


def test_queues_with_other_arguments_are_a_configuration_error(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node):
        other = RabbitBroker(rabbit_node.url, Topology(limits=Limits(max_messages=1)))
        with pytest.raises(ConfigError, match=r"logs\.dead"):
            other.declare(5.0)


def test_no_password_in_any_message(rabbit_node: RabbitNode, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = rabbit_node.url.replace("guest:guest", "guest:s3cret")
    broker = open_broker(wrong)
    with pytest.raises(BrokerUnavailable) as declared:
        broker.declare(0.0)
    with Client(broker) as client, pytest.raises(BrokerUnavailable) as published:
        publish(client.publisher(), message(1))
    with pytest.raises(ConfigError) as configured:
        open_broker("amqp://guest:s3cret@host:not-a-port/")
    words = f"{declared.value} {published.value} {configured.value} {broker!r} {''.join(capfd.readouterr())}"
    assert "refused user" in words
    assert "s3cret" not in words


def test_declare_gives_up_in_time_where_nobody_listens() -> None:
    started_s = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        open_broker(f"amqp://guest:guest@127.0.0.1:{free_port()}/").declare(1.0)
    assert time.monotonic() - started_s < 3.0


@pytest.fixture
def silent() -> Iterator[Broker]:
    """A broker that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield open_broker(f"amqp://guest:guest@127.0.0.1:{server.getsockname()[1]}/")


def test_declare_gives_up_in_time_where_nobody_answers(silent: Broker) -> None:
    started_s = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        silent.declare(1.0)
    assert 0.8 < time.monotonic() - started_s < 2.5


def test_depths_and_dead_letters_give_up_where_nobody_answers(silent: Broker) -> None:
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        silent.depths()
    for use in ("scan", "replay", "purge"):
        started_s = time.monotonic()
        with pytest.raises(BrokerUnavailable), silent.dead_letters(timeout_s=1.0) as dead:
            assert [*dead.scan(1)] if use == "scan" else getattr(dead, use)()
        assert time.monotonic() - started_s < 2.5


def test_released_work_is_rejected_because_a_nack_does_not_count_everywhere(
    rabbit_node: RabbitNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejected: list[int] = []
    real = Channel.basic_reject

    def noted(channel: Channel, delivery_tag: int = 0, requeue: bool = True) -> None:
        rejected.append(delivery_tag)
        real(channel, delivery_tag, requeue)

    monkeypatch.setattr(Channel, "basic_reject", noted)
    with client_of(rabbit_node) as client:
        publish_all(client.publisher(), [message(number) for number in range(3)])
        consumer = client.consumer()
        consumer.release(collect(consumer, 3))
        assert [one.attempts for one in collect(consumer, 3)] == [1, 1, 1]
    assert len(rejected) == 3


def test_a_publisher_whose_channel_is_closed_already_says_closing(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        publisher = client.publisher()
        publish(publisher, message(1))
        # The moment between the closing of the channel and the report that the connection is down.
        publisher._channel = None  # type: ignore[attr-defined]
        with pytest.raises(BrokerUnavailable, match="closing"):
            publish(publisher, message(2))
