"""How records of concurrent requests share messages, and what each of them learns of its fate."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from logmill.broker.protocol import Message
from logmill.errors import BrokerFull, BrokerUnavailable
from logmill.ids import parse_log_id
from logmill.record import Entry, Lane
from logmill.wire import unpack
from producer.batching import LaneBatcher


class HeldPublisher:
    """A publisher whose confirms come when the test says so."""

    state = "ready"
    unconfirmed = 0

    def __init__(self) -> None:
        self.sent: list[tuple[Message, Future[None]]] = []

    def connect(self) -> None:
        """Nothing to connect."""

    def publish(self, message: Message) -> Future[None]:
        future: Future[None] = Future()
        self.sent.append((message, future))
        return future

    def close(self, timeout_s: float) -> None:
        """Nothing to close."""


def entry(text: str, level: str = "INFO") -> Entry:
    return Entry(timestamp=1, level=level, message=text)


def test_the_first_leaves_at_once_and_the_next_share_a_message_until_it_is_confirmed():
    publisher = HeldPublisher()
    batcher = LaneBatcher(publisher, 10**6)
    first = batcher.submit([entry("a")])
    second = batcher.submit([entry("b"), entry("c")])
    third = batcher.submit([entry("d")])
    assert len(publisher.sent) == 1
    publisher.sent[0][1].set_result(None)
    first.wait(1)
    assert [e.message for e in unpack(publisher.sent[1][0]).entries] == ["b", "c", "d"]
    with pytest.raises(BrokerUnavailable):
        second.wait(0.01)
    publisher.sent[1][1].set_result(None)
    second.wait(1)
    third.wait(1)
    assert batcher.unconfirmed_bytes == 0


def test_records_travel_in_the_lane_of_their_level_and_keep_their_ids():
    publisher = HeldPublisher()
    batcher = LaneBatcher(publisher, 10**6)
    levels = ["INFO", "ERROR", "DEBUG", "CRITICAL", "WARNING"]
    submission = batcher.submit([entry(level, level) for level in levels])
    by_lane = {message.lane: unpack(message) for message, _ in publisher.sent}
    assert {lane: [e.message for e in batch.entries] for lane, batch in by_lane.items()} == {
        Lane.NORMAL: ["INFO", "WARNING"],
        Lane.URGENT: ["ERROR", "CRITICAL"],
        Lane.BULK: ["DEBUG"],
    }
    for level, log_id in zip(levels, submission.log_ids(), strict=True):
        batch_id, ordinal = parse_log_id(log_id) or (None, -1)
        found = [b.entries[ordinal].message for b in by_lane.values() if b.batch_id == batch_id]
        assert found == [level]


def test_a_failed_message_fails_all_who_share_it_and_only_them():
    publisher = HeldPublisher()
    batcher = LaneBatcher(publisher, 10**6)
    first, second = batcher.submit([entry("a")]), batcher.submit([entry("b")])
    publisher.sent[0][1].set_exception(BrokerUnavailable("gone"))
    with pytest.raises(BrokerUnavailable, match="gone"):
        first.wait(1)
    publisher.sent[1][1].set_result(None)
    second.wait(1)


def test_a_full_buffer_refuses_at_once_and_takes_again_when_there_is_room():
    publisher = HeldPublisher()
    batcher = LaneBatcher(publisher, 1000)
    submission = batcher.submit([entry("x" * 900)])
    with pytest.raises(BrokerFull):
        batcher.submit([entry("y" * 900)])
    publisher.sent[0][1].set_result(None)
    submission.wait(1)
    batcher.submit([entry("z" * 900)])


def test_a_large_batch_does_not_wait_for_the_confirm_of_another():
    publisher = HeldPublisher()
    batcher = LaneBatcher(publisher, 10**8)
    batcher.submit([entry("a")])
    batcher.submit([entry("x" * 1000)] * 400)
    assert len(publisher.sent) == 2


def test_no_record_is_lost_or_doubled_between_many_threads():
    publisher = HeldPublisher()
    batcher = LaneBatcher(publisher, 10**8)
    ids: list[str] = []
    stop = threading.Event()

    def confirm() -> None:
        done = 0
        while not (stop.is_set() and done == len(publisher.sent)):
            if done < len(publisher.sent):
                publisher.sent[done][1].set_result(None)
                done += 1

    def send(number: int) -> None:
        for k in range(100):
            submission = batcher.submit([entry(f"{number}-{k}")])
            submission.wait(10)
            ids.extend(submission.log_ids())

    confirming = threading.Thread(target=confirm)
    confirming.start()
    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    stop.set()
    confirming.join(10)
    messages = [e.message for message, _ in publisher.sent for e in unpack(message).entries]
    assert sorted(messages) == sorted(f"{n}-{k}" for n in range(8) for k in range(100))
    assert len(set(ids)) == 800
