"""What only the embedded broker has: a file that several processes share, that fills the disk, that shrinks again."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from logmill.broker import Consumer, Message, Publisher, QueueDepth, open_broker
from logmill.broker.embedded import EmbeddedBroker
from logmill.broker.embedded_file import path_of
from logmill.broker.topology import Limits
from logmill.errors import BrokerFull, BrokerUnavailable
from logmill.record import Lane
from tests.support.broker_client import (
    Client,
    collect,
    eventually,
    ids,
    lines,
    message,
    peer,
    publish,
    publish_all,
    receive_nothing,
)
from tests.support.broker_places import EmbeddedPlace


@pytest.fixture
def place(tmp_path: Path) -> EmbeddedPlace:
    return EmbeddedPlace(tmp_path / "broker")


def file_of(place: EmbeddedPlace) -> Path:
    return path_of(place.url)


def test_urls_name_relative_and_absolute_files() -> None:
    assert path_of("sqlite:///data/broker.sqlite3") == Path("data/broker.sqlite3")
    assert path_of("sqlite:////var/lib/broker.sqlite3") == Path("/var/lib/broker.sqlite3")


def test_several_openers_of_a_new_file_do_not_disturb_each_other(place: EmbeddedPlace) -> None:
    problems: list[Exception] = []
    start = threading.Barrier(8)

    def declare() -> None:
        start.wait(10.0)
        try:
            open_broker(place.url).declare(10.0)
        except BrokerUnavailable as error:
            problems.append(error)

    threads = [threading.Thread(target=declare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert problems == []


def test_a_confirm_means_fsync(place: EmbeddedPlace) -> None:
    from logmill.broker.embedded_file import connect

    with closing(connect(file_of(place))) as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_a_full_disk_is_broker_full_and_acknowledgements_make_room(
    place: EmbeddedPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logmill.broker import embedded_file, embedded_publisher

    real = embedded_file.connect

    def small(path: Path) -> sqlite3.Connection:
        db = real(path)
        # SQLite's own page limit fails as a full disk does: SQLITE_FULL.
        db.execute("PRAGMA max_page_count=200")
        return db

    monkeypatch.setattr(embedded_publisher, "connect", small)
    with Client(place.broker()) as client:
        publisher = client.publisher()
        taken = 0
        while took(publisher):
            taken += 1
            assert taken < 100
        assert taken > 10
        consumer = client.consumer()
        consumer.acknowledge(collect(consumer, taken))
        assert took(publisher)


def took(publisher: Publisher) -> bool:
    """Whether the broker took a large message, and did not say that it is full."""
    try:
        publish(publisher, Message(bytes(100_000), Lane.NORMAL, "big"))
    except BrokerFull:
        return False
    return True


def test_the_file_shrinks_once_everything_is_settled(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        publish_all(client.publisher(), [Message(bytes(200_000), Lane.BULK, f"m{n}") for n in range(200)])
        consumer = client.consumer()
        collect(consumer, 200, acknowledge=True)
        eventually(lambda: receive_nothing(consumer) and file_of(place).stat().st_size < 20_000_000)


def test_the_write_ahead_log_stays_bounded_under_load(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        publisher, consumer = client.publisher(), client.consumer()
        largest = 0
        log_file = file_of(place).with_name(file_of(place).name + "-wal")
        for _ in range(20):
            publish_all(publisher, [Message(bytes(100_000), Lane.BULK, f"m{n}") for n in range(50)])
            collect(consumer, 50, acknowledge=True)
            largest = max(largest, log_file.stat().st_size)
        assert largest < 100_000_000


def test_depths_tell_what_consumers_hold(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        publish_all(client.publisher(), [Message(bytes(100), Lane.NORMAL, f"m{number}") for number in range(10)])
        collect(client.consumer(prefetch=4), 1)
        assert client.broker.depths()["normal"] == QueueDepth(ready=6, unacknowledged=4, size_bytes=1000)


def test_a_file_of_another_version_is_refused(place: EmbeddedPlace) -> None:
    place.broker()
    with closing(sqlite3.connect(file_of(place))) as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(BrokerUnavailable, match="version 99"):
        EmbeddedBroker(place.url).declare(1.0)


def test_lock_files_of_closed_consumers_are_gone(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        receive_nothing(client.consumer())
        folder = file_of(place).with_name(file_of(place).name + ".consumers")
        assert len(list(folder.iterdir())) == 1
    assert list(folder.iterdir()) == []


LEASE_S = 2.0


def test_a_consumer_that_stands_still_loses_its_messages_and_goes_on_under_a_new_name(place: EmbeddedPlace) -> None:
    everything = [f"m{number}" for number in range(20)]
    with Client(EmbeddedBroker(place.url, lease_s=LEASE_S)) as client:
        publish_all(client.publisher(), [message(number) for number in range(20)])
        with peer("sleep", place.url, 20, str(LEASE_S)) as process:
            assert sorted(lines(process, 20)) == sorted(everything)
            consumer = client.consumer()
            # While its heart beats it keeps them, however long it takes.
            assert receive_nothing(consumer, 2 * LEASE_S)
            os.kill(process.pid, signal.SIGSTOP)
            again = collect(consumer, 20)
            assert sorted(ids(again)) == sorted(everything)
            assert all(one.redelivered and one.attempts == 1 for one in again)
            os.kill(process.pid, signal.SIGCONT)
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            # Whatever it does with its old deliveries has no effect: they are another's.
            assert lines(process, 1) == ["failed 10"]
            depths = client.broker.depths()
            assert (depths["normal"].ready, depths["normal"].unacknowledged, depths["dead"].ready) == (0, 20, 0)
            consumer.acknowledge(again[:15])
            consumer.close()
            # It noticed, and takes part again.
            assert sorted(lines(process, 5)) == sorted(ids(again[15:]))
            eventually(lambda: client.broker.depths()["normal"] == QueueDepth(0, 0, 0))


def test_a_consumer_that_is_taken_for_dead_notices_before_it_claims(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        publish_all(client.publisher(), [message(number) for number in range(3)])
        consumer = client.consumer(prefetch=2)
        held = collect(consumer, 2)
        folder = file_of(place).with_name(file_of(place).name + ".consumers")
        for lock in folder.iterdir():
            lock.unlink()
        eventually(lambda: lost(consumer))
        consumer.acknowledge(held)
        again = collect(consumer, 2)
        assert {*ids(again)} <= {"m0", "m1", "m2"}
        consumer.acknowledge(again)
        assert len(collect(consumer, 1, acknowledge=True)) == 1


def lost(consumer: Consumer) -> bool:
    try:
        consumer.receive(0.1, {Lane.URGENT})
    except BrokerUnavailable:
        return True
    return False


def test_dead_letters_from_before_they_had_ids_are_shown_and_can_be_removed(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        publish(client.publisher(), message(1))
        consumer = client.consumer()
        (delivery,) = collect(consumer, 1)
        consumer.dead_letter([(delivery, "reason")])
        with closing(sqlite3.connect(file_of(place))) as db, db:
            path = """$.headers."x-logmill-dead-id\""""
            db.execute("UPDATE messages SET properties = json_remove(properties, ?)", (path,))
        with client.broker.dead_letters() as dead:
            (letter,) = dead.scan(10)
            assert len(letter.id) == 36
            assert dead.purge({letter.id}) == 1


def test_who_only_looks_makes_no_file(place: EmbeddedPlace) -> None:
    broker = open_broker(place.url)
    for look in (broker.depths, broker.purge, broker.dead_letters().__enter__):
        with pytest.raises(BrokerUnavailable, match="there is no broker file at"):
            look()
    assert not file_of(place).parent.exists()
    broker.declare(10.0)
    assert broker.depths()["dead"] == QueueDepth(0, 0, 0)


def test_a_dead_letter_does_not_keep_the_file_from_shrinking(place: EmbeddedPlace) -> None:
    with Client(place.broker()) as client:
        publish_all(client.publisher(), [Message(bytes(200_000), Lane.BULK, f"m{n}") for n in range(201)])
        consumer = client.consumer()
        *done, broken = collect(consumer, 201)
        consumer.acknowledge(done)
        assert consumer.dead_letter([(broken, "broken")]) == []
        eventually(lambda: receive_nothing(consumer) and file_of(place).stat().st_size < 20_000_000)


@pytest.mark.parametrize("of_letters", [False, True])
def test_a_purge_gives_space_back_in_bounded_steps(place: EmbeddedPlace, of_letters: bool) -> None:
    with Client(place.broker()) as client:
        publish_all(client.publisher(), [Message(bytes(400_000), Lane.BULK, f"m{n}") for n in range(200)])
        if of_letters:
            consumer = client.consumer()
            assert consumer.dead_letter([(delivery, "broken") for delivery in collect(consumer, 200)]) == []
            consumer.close()
            with client.broker.dead_letters() as dead:
                assert dead.purge() == 200
        else:
            client.broker.purge()
        # 32 MiB of 80 MB; a consumer does the rest.
        with closing(sqlite3.connect(file_of(place))) as db:
            pages = db.execute("PRAGMA page_count").fetchone()[0]
        assert 2000 < pages < 4000
        last = client.consumer()
        eventually(lambda: receive_nothing(last) and file_of(place).stat().st_size < 20_000_000)


def test_what_was_delivered_too_often_is_delivered_on_while_the_dead_letters_are_at_their_limit(
    place: EmbeddedPlace,
) -> None:
    with Client(place.broker(Limits(max_messages=1, max_bytes=10_000_000))) as client:
        publisher, consumer = client.publisher(), client.consumer()
        publish(publisher, message(1))
        consumer.dead_letter([(collect(consumer, 1)[0], "broken")])
        publish(publisher, message(2))
        with closing(sqlite3.connect(file_of(place))) as db, db:
            db.execute("UPDATE messages SET attempts = 1000 WHERE lane = 'normal'")
        (again,) = collect(consumer, 1)
        assert again.attempts == 1000
        with client.broker.dead_letters() as dead:
            dead.purge()
        consumer.release([again])
        eventually(lambda: receive_nothing(consumer, 0.05) and client.broker.depths()["dead"].ready == 1)
