"""What only RabbitMQ has: foreign clients, alarms, connections that hang, queues that vanish."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from decimal import Decimal
from functools import partial
from typing import Any

import pika  # noqa: TID251 - a foreign client
import pytest
from pika.channel import Channel  # noqa: TID251 - a foreign client

from logmill.broker import Broker, Message, Publisher, open_broker
from logmill.broker.rabbitmq import RabbitBroker
from logmill.broker.topology import DEAD_ID_HEADER, LANE_HEADER, Limits, Topology
from logmill.errors import BrokerFull, BrokerUnavailable, ConfigError, Refused, Retry
from logmill.ids import batch_id_of
from logmill.record import Lane
from tests.support.broker_client import PATIENCE_S, Client, collect, eventually, message, publish, publish_all
from tests.support.broker_places import RabbitPlace
from tests.support.rabbitmq_node import RabbitNode, free_port


def foreign(node: RabbitNode, use: Callable[[pika.adapters.blocking_connection.BlockingChannel], object]) -> None:
    """Do something on a channel of another client."""
    with pika.BlockingConnection(pika.URLParameters(node.url)) as connection:
        use(connection.channel())


def client_of(node: RabbitNode) -> Client:
    return Client(RabbitPlace(node).broker())


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


def test_a_dead_letter_of_a_foreign_client_keeps_all_its_headers(rabbit_node: RabbitNode) -> None:
    odd = pika.BasicProperties(headers={"a": [1], "b": {"c": 1}, "d": None}, reply_to="me", priority=3)
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs", b"{}", odd))
        consumer = client.consumer()
        (delivery,) = collect(consumer, 1)
        # pika writes no floating-point numbers, but other clients do, and pika reads them.
        delivery.tag.properties.headers["f"] = 1.5  # type: ignore[attr-defined]
        assert consumer.dead_letter([(delivery, "reason")]) == []
    (letter,) = RabbitPlace(rabbit_node).dead_letters()
    assert {name: letter.headers[name] for name in "abdf"} == {"a": [1], "b": {"c": 1}, "d": None, "f": "1.5"}


def test_a_letter_of_a_foreign_client_is_replayed_as_it_was(rabbit_node: RabbitNode) -> None:
    headers: dict[str, Any] = {
        "a": [1],
        "b": {"c": 1},
        "d": None,
        "x-death": [{"queue": "theirs"}],
        "CC": ["logs.bulk"],
    }
    odd = pika.BasicProperties(headers=headers, reply_to="me", priority=3, expiration="60000", type="t", app_id="app")
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs", b"{}", odd))
        consumer = client.consumer()
        both = collect(consumer, 2)
        # A CC header has the broker put it into a second queue, once: it is no part of the message.
        assert {one.message.lane for one in both} == {Lane.NORMAL, Lane.BULK}
        assert consumer.dead_letter([(one, "reason") for one in both]) == []
        with client.broker.dead_letters() as dead:
            assert dead.replay() == 2
        for again in collect(consumer, 2):
            properties = again.tag.properties  # type: ignore[attr-defined]
            assert properties.headers == {"a": [1], "b": {"c": 1}, "d": None, "x-logmill-replayed": 1}
            assert (properties.reply_to, properties.priority, properties.type, properties.app_id) == (
                "me",
                3,
                "t",
                "app",
            )
            assert again.message.headers == {}
        assert client.broker.depths()["dead"].ready == 0


def test_what_a_foreign_client_put_among_the_dead_letters_is_shown_and_replayed(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs.dead", b"{}"))
        with client.broker.dead_letters() as dead:
            (letter,) = dead.scan(10)
            assert list(dead.scan(10)) == [letter]
            assert (letter.message.lane, letter.origin, letter.at) == (Lane.NORMAL, "broker", "")
            assert len(letter.id) == 36
            assert dead.replay({letter.id}) == 1
        assert collect(client.consumer(), 1)[0].message.body == b"{}"


def test_letters_that_another_reader_looks_at_are_missing(rabbit_node: RabbitNode) -> None:
    def put_aside(channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
        for number in range(60):
            channel.basic_publish("", "logs.dead", str(number).encode())

    with client_of(rabbit_node) as client:
        foreign(rabbit_node, put_aside)
        eventually(lambda: client.broker.depths()["dead"].ready == 60)
        with client.broker.dead_letters() as dead, client.broker.dead_letters() as others:
            next(dead.scan(40))
            # It has one batch, a small one, since it does not know yet how large letters are.
            assert [int(letter.message.body) for letter in others.scan(100)] == list(range(10, 60))
        with client.broker.dead_letters() as dead:
            assert len(list(dead.scan(100))) == 60


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


def test_dead_letters_end_in_time_where_the_broker_falls_silent(rabbit_node: RabbitNode) -> None:
    place = RabbitPlace(rabbit_node)
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs.dead", b"{}"))
        eventually(lambda: client.broker.depths()["dead"].ready == 1)
        started_s = time.monotonic()
        with client.broker.dead_letters(timeout_s=2.0) as dead:
            letters = dead.scan(10)
            assert next(letters).message.body == b"{}"
            with place.stalled(), pytest.raises(BrokerUnavailable):
                next(letters)
        assert time.monotonic() - started_s < 4.0
        eventually(lambda: client.broker.depths()["dead"].ready == 1)


def test_a_replay_waits_once_for_all_its_confirms(rabbit_node: RabbitNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def put_aside(channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
        for number in range(20):
            channel.basic_publish("", "logs.dead", str(number).encode())

    with client_of(rabbit_node) as client:
        foreign(rabbit_node, put_aside)
        eventually(lambda: client.broker.depths()["dead"].ready == 20)
        never: Future[None] = Future()
        monkeypatch.setattr("logmill.broker.rabbitmq_publisher.RabbitPublisher.publish_to", lambda *_: never)
        started_s = time.monotonic()
        with client.broker.dead_letters(timeout_s=3.0) as dead, pytest.raises(BrokerUnavailable, match="confirm"):
            dead.replay()
        assert time.monotonic() - started_s < 4.5
        eventually(lambda: client.broker.depths()["dead"].ready == 20)


def put_aside(
    channel: pika.adapters.blocking_connection.BlockingChannel, properties: pika.BasicProperties | None = None
) -> None:
    channel.basic_publish("", "logs.dead", b"{}", properties)


def test_letters_with_strange_headers_are_shown(rabbit_node: RabbitNode) -> None:
    strange: list[dict[str, Any]] = [
        {LANE_HEADER: ["bulk"], DEAD_ID_HEADER: "x" * 36},
        {LANE_HEADER: {"bulk": 1}, DEAD_ID_HEADER: ["x"]},
        {LANE_HEADER: 7, DEAD_ID_HEADER: "../../../../../../../../etc/password"},
    ]
    with client_of(rabbit_node) as client:
        for odd in [pika.BasicProperties(headers=headers) for headers in strange]:
            foreign(rabbit_node, partial(put_aside, properties=odd))
        eventually(lambda: client.broker.depths()["dead"].ready == len(strange))
        with client.broker.dead_letters() as dead:
            letters = list(dead.scan(10))
        assert [letter.message.lane for letter in letters] == [Lane.NORMAL] * len(strange)
        assert all(str(uuid.UUID(letter.id)) == letter.id for letter in letters)


def test_where_the_dead_letter_queue_is_missing_there_are_no_letters(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.queue_delete("logs.dead"))
        with client.broker.dead_letters() as dead:
            assert list(dead.scan(10)) == []
            assert dead.purge() == dead.purge(["x"]) == dead.replay(["x"]) == 0


def test_large_letters_keep_their_order(rabbit_node: RabbitNode) -> None:
    def put_aside(channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
        for number in range(350):
            channel.basic_publish("", "logs.dead", b"%06d" % number + bytes(300_000))

    with client_of(rabbit_node) as client:
        foreign(rabbit_node, put_aside)
        eventually(lambda: client.broker.depths()["dead"].ready == 350)
        for limit in (3, 350, 350):
            with client.broker.dead_letters() as dead:
                assert [int(letter.message.body[:6]) for letter in dead.scan(limit)] == list(range(limit))


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


def test_a_letter_without_an_id_that_the_broker_moved_is_replayed_with_one(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs.dead", b"{}"))
        eventually(lambda: client.broker.depths()["dead"].ready == 1)
        with client.broker.dead_letters() as dead:
            (letter,) = dead.scan(10)
            assert dead.replay() == 1
        (again,) = collect(client.consumer(), 1)
        assert again.message.message_id == letter.message.message_id == str(batch_id_of("", b"{}"))
