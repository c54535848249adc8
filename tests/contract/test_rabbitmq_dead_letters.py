"""Dead letters as only RabbitMQ has them: of foreign clients, moved by the broker, looked at by two."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import Future
from functools import partial
from typing import Any

import pika  # noqa: TID251 - a foreign client
import pytest

from logmill.broker.topology import DEAD_ID_HEADER, LANE_HEADER
from logmill.errors import BrokerUnavailable
from logmill.ids import batch_id_of
from logmill.record import Lane
from tests.support.broker_client import Client, collect, eventually
from tests.support.broker_places import RabbitPlace
from tests.support.rabbitmq_clients import client_of, foreign
from tests.support.rabbitmq_node import RabbitNode


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


def put_numbers_aside(node: RabbitNode, client: Client, count: int) -> None:
    """Have the letters "0", "1", … among the dead ones, as a foreign client puts them there."""

    def publish(channel: pika.adapters.blocking_connection.BlockingChannel) -> None:
        for number in range(count):
            channel.basic_publish("", "logs.dead", str(number).encode())

    foreign(node, publish)
    eventually(lambda: client.broker.depths()["dead"].ready == count)


def test_letters_that_another_reader_looks_at_are_missing(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        put_numbers_aside(rabbit_node, client, 60)
        with client.broker.dead_letters() as dead, client.broker.dead_letters() as others:
            next(dead.scan(40))
            # It has one batch, a small one, since it does not know yet how large letters are.
            assert [int(letter.message.body) for letter in others.scan(100)] == list(range(10, 60))
        with client.broker.dead_letters() as dead:
            assert len(list(dead.scan(100))) == 60


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
    with client_of(rabbit_node) as client:
        put_numbers_aside(rabbit_node, client, 20)
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
        channel.confirm_delivery()  # else some may be dropped as the channel ends
        for number in range(350):
            channel.basic_publish("", "logs.dead", b"%06d" % number + bytes(300_000))

    with client_of(rabbit_node) as client:
        foreign(rabbit_node, put_aside)
        eventually(lambda: client.broker.depths()["dead"].ready == 350)
        for limit in (3, 350, 350):
            with client.broker.dead_letters() as dead:
                assert [int(letter.message.body[:6]) for letter in dead.scan(limit)] == list(range(limit))


def test_a_letter_without_an_id_that_the_broker_moved_is_replayed_with_one(rabbit_node: RabbitNode) -> None:
    with client_of(rabbit_node) as client:
        foreign(rabbit_node, lambda channel: channel.basic_publish("", "logs.dead", b"{}"))
        eventually(lambda: client.broker.depths()["dead"].ready == 1)
        with client.broker.dead_letters() as dead:
            (letter,) = dead.scan(10)
            assert dead.replay() == 1
        (again,) = collect(client.consumer(), 1)
        assert again.message.message_id == letter.message.message_id == str(batch_id_of("", b"{}"))
