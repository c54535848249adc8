"""The broker contract for dead letters: many at a time, looked at, replayed, removed."""

from __future__ import annotations

import time
import tracemalloc
import uuid

import pytest

from logmill.broker import DeadLetter, Message
from logmill.broker.topology import DELIVERY_LIMIT
from logmill.errors import BrokerUnavailable
from logmill.ids import batch_id_of
from logmill.record import Lane
from tests.support.broker_client import (
    PATIENCE_S,
    Client,
    bury,
    collect,
    ids,
    message,
    publish,
    publish_all,
    release_until_dead,
)
from tests.support.broker_places import Place


def look(client: Client, limit: int = 1_000_000) -> list[DeadLetter]:
    """The dead letters, looked at and given back."""
    with client.broker.dead_letters() as dead:
        return list(dead.scan(limit))


def names(letters: list[DeadLetter]) -> list[str]:
    return [letter.message.message_id for letter in letters]


def numbered(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


def test_a_thousand_dead_letters_take_less_than_a_second(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [message(number, list(Lane)[number % 3]) for number in range(1001)])
    consumer = client.consumer(prefetch=1000)
    held = collect(consumer, 1001)
    # The first one connects.
    assert consumer.dead_letter([(held.pop(), "first")]) == []
    started_s = time.monotonic()
    assert consumer.dead_letter([(delivery, f"reason {index}") for index, delivery in enumerate(held)]) == []
    assert time.monotonic() - started_s < 1.0
    consumer.close()
    letters = look(client)
    assert len({letter.id for letter in letters}) == 1001
    assert {letter.reason for letter in letters} == {"first", *(f"reason {index}" for index in range(1000))}
    depths = client.broker.depths()
    assert depths["dead"].ready == 1001
    assert not any(depths[lane].ready or depths[lane].unacknowledged for lane in Lane)


def test_a_dead_letter_is_shown_as_it_was_published_and_can_be_looked_at_often(place: Place, client: Client) -> None:
    sent = Message(
        body=b"\x00{broken",
        lane=Lane.BULK,
        message_id="0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        content_type="text/plain",
        content_encoding="zstd",
        headers={"mine": "kept", "n": 7},
        timestamp_s=1_790_000_000,
    )
    bury(client, [sent], "not a batch")
    (letter,) = look(client)
    assert letter.message == sent
    assert letter.reason == "not a batch"
    assert letter.at.startswith("20")
    assert ":" in letter.origin
    assert uuid.UUID(letter.id).version == 7
    # RabbitMQ 4 would drop it after 20 looks, if it were declared without a limit.
    for _ in range(25):
        assert look(client) == [letter]


def test_a_scan_is_oldest_first_and_looking_changes_nothing(place: Place, client: Client) -> None:
    bury(client, [message(number, list(Lane)[number % 3]) for number in range(1200)])
    assert names(look(client, 5)) == numbered(5)
    assert names(look(client, 700)) == numbered(700)
    with client.broker.dead_letters() as dead:
        some = dead.scan(1_000)
        assert [next(some).message.message_id for _ in range(3)] == numbered(3)
    # Three were looked at, and the scan was given up.
    assert names(look(client)) == numbered(1200)
    # A second call in one context sees what the first one held.
    with client.broker.dead_letters() as dead:
        next(dead.scan(10))
        assert names(list(dead.scan(2_000))) == numbered(1200)
    assert look(client, 0) == []


def test_letters_are_removed_by_id_and_the_rest_keeps_its_order(place: Place, client: Client) -> None:
    bury(client, [message(number) for number in range(100)])
    letters = look(client)
    gone = {letters[number].id for number in (0, 3, 50, 99)}
    with client.broker.dead_letters() as dead:
        assert dead.purge({*gone, str(uuid.uuid4())}) == 4
        assert dead.purge(gone) == 0
        assert dead.purge([]) == 0
    assert look(client) == [letter for letter in letters if letter.id not in gone]
    with client.broker.dead_letters() as dead:
        assert dead.purge({letters[1].id}) == 1
    assert client.broker.depths()["dead"].ready == 95
    with client.broker.dead_letters() as dead:
        assert dead.purge() == 95
        assert list(dead.scan(10)) == []
        assert dead.purge() == 0
    assert client.broker.depths()["dead"].ready == 0


def test_replayed_letters_are_in_their_lanes_as_they_were_and_say_that_they_were_delivered(
    place: Place, client: Client
) -> None:
    sent = [
        Message(
            f"{lane}".encode(), lane, f"0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5{index}", "text/plain", "zstd", {"n": 7}, 5
        )
        for index, lane in enumerate(Lane)
    ]
    bury(client, sent)
    letters = look(client)
    chosen = [letter for letter in letters if letter.message.lane is not Lane.NORMAL]
    with client.broker.dead_letters() as dead:
        assert dead.replay({letter.id for letter in chosen}) == 2
    consumer = client.consumer()
    again = collect(consumer, 2)
    assert {one.message.lane: one.message for one in again} == {one.lane: one for one in (sent[0], sent[2])}
    # So that storage looks whether it has them: what is dead may have been stored before it died.
    assert all(one.redelivered and one.attempts == 0 for one in again)
    assert [letter.message for letter in look(client)] == [sent[1]]
    # The second death is one of its own.
    assert consumer.dead_letter([(again[0], "again")]) == []
    second = look(client)[-1]
    assert second.message == again[0].message
    assert second.reason == "again"
    assert second.id not in {letter.id for letter in letters}
    with client.broker.dead_letters() as dead:
        assert dead.replay() == 2
        assert dead.replay() == 0
    assert len(collect(consumer, 2, acknowledge=True)) == 2


def test_replay_handles_what_is_there_at_its_start(place: Place, client: Client) -> None:
    bury(client, [message(number) for number in range(2000)])
    with client.broker.dead_letters() as dead:
        assert dead.replay() == 2000
    consumer = client.consumer(prefetch=2000)
    again = collect(consumer, 2000)
    assert sorted(ids(again)) == sorted(numbered(2000))
    assert consumer.dead_letter([(one, "still broken") for one in again]) == []
    assert client.broker.depths()["dead"].ready == 2000


def test_what_the_broker_put_aside_by_itself_says_so(place: Place, client: Client) -> None:
    sent = Message(b"poison", Lane.URGENT, "m1", "text/plain", headers={"n": 7})
    publish(client.publisher(), sent)
    consumer = client.consumer()
    release_until_dead(client, consumer)
    (letter,) = look(client)
    assert look(client) == [letter]
    assert letter.message == sent
    assert letter.reason == f"delivered {DELIVERY_LIMIT} times and never settled"
    assert letter.origin == "broker"
    assert len(letter.id) == 36
    with client.broker.dead_letters() as dead:
        assert dead.replay({letter.id}) == 1
    (again,) = collect(consumer, 1)
    assert again.message == sent
    # It has all its deliveries before it once more.
    assert again.attempts == 0


def test_without_a_broker_nothing_is_put_aside_and_nothing_is_shown(
    place: Place, client: Client, killable: Place
) -> None:
    publish_all(client.publisher(), [message(number) for number in range(3)])
    consumer = client.consumer()
    held = collect(consumer, 3)
    killable.take_away()
    with pytest.raises(BrokerUnavailable):
        consumer.receive(5.0)
    letters = [(delivery, "broken") for delivery in held]
    assert consumer.dead_letter(letters) == held
    for use in ("scan", "replay", "purge"):
        with pytest.raises(BrokerUnavailable), client.broker.dead_letters() as dead:
            assert [*dead.scan(1)] if use == "scan" else getattr(dead, use)()
    killable.bring_back()
    # Void: they come again, and only what comes again can be put aside.
    assert consumer.dead_letter(letters) == held
    again = collect(consumer, 3)
    assert consumer.dead_letter([*letters, *((one, "now") for one in again)]) == held
    assert sorted(names(look(client))) == numbered(3)


def test_a_scan_keeps_no_bodies(place: Place, client: Client) -> None:
    size_bytes, count = 20_000, 3000
    for start in range(0, count, 500):
        bury(client, [Message(bytes(size_bytes), Lane.BULK, f"m{start + number}") for number in range(500)])
    with client.broker.dead_letters() as dead:
        tracemalloc.start()
        try:
            seen = [int(letter.message.message_id[1:]) for letter in dead.scan(count)]
            _now, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert seen == list(range(count))
    assert peak_bytes < size_bytes * count / 6


def test_a_letter_without_an_id_gets_the_one_that_follows_from_its_body(place: Place, client: Client) -> None:
    publish_all(client.publisher(), [Message(b"broken", Lane.NORMAL, "")] * 2)
    consumer = client.consumer()
    held = collect(consumer, 2)
    assert consumer.dead_letter([(delivery, "broken") for delivery in held]) == []
    id_ = str(batch_id_of("", b"broken"))
    assert names(look(client)) == [id_, id_]
    assert len({letter.id for letter in look(client)}) == 2
    with client.broker.dead_letters() as dead:
        assert dead.replay() == 2
    # Storage keeps one of two messages with one id.
    assert ids(collect(consumer, 2)) == [id_, id_]


def test_dead_letters_end_when_their_time_is_over(place: Place, client: Client) -> None:
    bury(client, [message(number) for number in range(20)])
    started_s = time.monotonic()
    with client.broker.dead_letters(timeout_s=1.0) as dead:
        letters = dead.scan(20)
        next(letters)
        time.sleep(1.1)
        with pytest.raises(BrokerUnavailable):
            next(letters)
        for use in (dead.replay, dead.purge):
            with pytest.raises(BrokerUnavailable):
                use()
    assert time.monotonic() - started_s < PATIENCE_S / 4
    assert len(look(client)) == 20


def test_what_is_kept_instead_of_a_message_is_all_that_is_left_of_it(place: Place, client: Client) -> None:
    secret = Message(b"secret " * 100, Lane.URGENT, "", headers={"h": "secret"}, timestamp_s=17)
    publish_all(client.publisher(), [secret, message(1)])
    consumer = client.consumer()
    held = sorted(collect(consumer, 2), key=lambda delivery: len(delivery.message.body))
    kept = [Message(b"one", Lane.NORMAL, "m1"), Message(b"<>", Lane.URGENT, "of-it", "text/plain", "", {"h": "<>"}, 17)]
    assert consumer.dead_letter([(delivery, "why") for delivery in held], kept) == []
    letters = sorted(look(client), key=lambda letter: len(letter.message.body))
    assert [(one.message.body, one.message.message_id, one.message.headers, one.reason) for one in letters] == [
        (b"<>", kept[1].message_id, {"h": "<>"}, "why"),
        (b"one", "m1", {}, "why"),
    ]
    assert letters[0].message.lane is Lane.URGENT
    assert client.broker.depths()["dead"].ready == 2
    with client.broker.dead_letters() as dead:
        assert dead.replay() == 2
    again = sorted(collect(consumer, 2), key=lambda delivery: len(delivery.message.body))
    assert [delivery.message.body for delivery in again] == [b"<>", b"one"]
    consumer.acknowledge(again)
    assert client.broker.depths()["dead"].size_bytes in {0, None}
