"""How records of concurrent requests share messages, and what each of them learns of its fate."""

from __future__ import annotations

import threading

import pytest

from logmill.errors import BrokerFull, BrokerUnavailable, Refused
from logmill.ids import log_id, parse_log_id
from logmill.record import Lane
from logmill.wire import unpack
from producer import batching
from producer.pieces import MAX_BATCH_BYTES
from tests.support.held_publisher import HeldPublisher, batcher_of, messages_of, submit
from tests.support.waiting import wait_until


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch):
    """A pace so slow that what gathers leaves only when a test lets it, however long the machine stands still."""
    monkeypatch.setattr(batching, "PACE_S", 1e6)


def test_the_first_leaves_at_once_and_the_next_share_a_message_a_moment_later():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    submissions = [submit(batcher, "a"), submit(batcher, "b", "c"), submit(batcher, "d")]
    wait_until(lambda: sum(len(messages_of(message)) for message, _ in publisher.sent) == 4)
    assert messages_of(publisher.sent[0][0]) == ["a"]
    for _message, confirmed in publisher.sent:
        confirmed.set_result(None)
    for submission in submissions:
        submission.wait(1)
    assert batcher.unconfirmed_bytes == 0


def test_what_gathers_is_one_message_and_leaves_when_the_batcher_closes(unhurried):
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    submit(batcher, "a")
    second = submit(batcher, "b", "c")
    submit(batcher, "d")
    assert len(publisher.sent) == 1
    with pytest.raises(BrokerUnavailable):
        second.wait(0.01)
    batcher.close()
    assert messages_of(publisher.sent[1][0]) == ["b", "c", "d"]


def test_a_broker_that_is_behind_gets_one_growing_message_instead_of_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batching, "PACE_S", 0.0)
    monkeypatch.setattr(batching, "MAX_IN_FLIGHT", 1)
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    for text in "abcd":
        submit(batcher, text)
    assert [messages_of(message) for message, _ in publisher.sent] == [["a"]]
    publisher.sent[0][1].set_result(None)
    assert [messages_of(message) for message, _ in publisher.sent] == [["a"], ["b", "c", "d"]]


def test_records_travel_in_the_lane_of_their_level_and_keep_their_ids():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    levels = ["INFO", "ERROR", "DEBUG", "CRITICAL", "WARNING"]
    submission = submit(batcher, *levels, levels=levels)
    by_lane = {message.lane: unpack(message) for message, _ in publisher.sent}
    assert {lane: list(batch.columns.message) for lane, batch in by_lane.items()} == {
        Lane.NORMAL: ["INFO", "WARNING"],
        Lane.URGENT: ["ERROR", "CRITICAL"],
        Lane.BULK: ["DEBUG"],
    }
    for level, one in zip(levels, submission.log_ids(), strict=True):
        batch_id, ordinal = parse_log_id(one) or (None, -1)
        found = [b.columns.message[ordinal] for b in by_lane.values() if b.batch_id == batch_id]
        assert found == [level]


def test_a_failed_message_fails_all_who_share_it_and_only_them(unhurried):
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    first, second = submit(batcher, "a"), submit(batcher, "b")
    batcher.close()
    publisher.sent[0][1].set_exception(BrokerUnavailable("gone"))
    with pytest.raises(BrokerUnavailable, match="gone"):
        first.wait(1)
    publisher.sent[1][1].set_result(None)
    second.wait(1)


@pytest.mark.parametrize("failure", [BrokerFull("full", 7.0), Refused("too large", code="too_large", status=413)])
def test_each_of_those_who_share_a_failed_message_gets_an_error_of_its_own(unhurried, failure):
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    submit(batcher, "a")
    sharing = [submit(batcher, "b"), submit(batcher, "c")]
    batcher.close()
    publisher.sent[1][1].set_exception(failure)
    errors = []
    for submission in sharing:
        with pytest.raises(type(failure), match=str(failure)) as caught:
            submission.wait(1)
        assert vars(caught.value) == vars(failure)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert failure.__traceback__ is None


def test_a_full_buffer_refuses_at_once_and_takes_again_when_there_is_room():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher, 1000)
    submission = submit(batcher, "x" * 900)
    with pytest.raises(BrokerFull):
        submit(batcher, "y" * 900)
    publisher.sent[0][1].set_result(None)
    submission.wait(1)
    submit(batcher, "z" * 900)


def test_a_large_batch_does_not_wait_for_others(unhurried):
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    submit(batcher, "a")
    submit(batcher, *["x" * 1000] * 400)
    assert len(publisher.sent) == 2


def test_no_record_is_lost_or_doubled_between_many_threads():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
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
            submission = submit(batcher, f"{number}-{k}")
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
    messages = [text for message, _ in publisher.sent for text in messages_of(message)]
    assert sorted(messages) == sorted(f"{n}-{k}" for n in range(8) for k in range(100))
    assert len(set(ids)) == 800


def test_a_request_that_is_too_large_for_one_message_is_cut_and_keeps_its_ids():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    texts = [f"{n}-" + "x" * 500_000 for n in range(20)]
    submission = submit(batcher, *texts)
    batcher.close()
    assert len(publisher.sent) >= 4
    found = {}
    for message, confirmed in publisher.sent:
        assert len(message.body) < 16 * 1024 * 1024
        batch = unpack(message)
        found |= {log_id(batch.batch_id, n): text for n, text in enumerate(batch.columns.message)}
        confirmed.set_result(None)
    submission.wait(1)
    assert [found[one] for one in submission.log_ids()] == texts
    assert batcher.unconfirmed_bytes == 0


def test_records_much_larger_than_their_neighbours_are_counted_as_they_are(unhurried):
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    for _ in range(3):
        texts = ["tiny"] * 10_000 + ["x" * 900_000] * 4
        submit(batcher, *texts, levels=["INFO"] * 10_000 + ["ERROR"] * 4)
    batcher.close()
    sizes = [sum(map(len, messages_of(message))) for message, _ in publisher.sent if message.lane is Lane.URGENT]
    assert sum(sizes) == 12 * 900_000
    assert max(sizes) <= MAX_BATCH_BYTES


def test_a_fault_in_publishing_is_told_to_the_request_and_stops_nothing():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    publisher.publish = lambda message: 1 / 0  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        submit(batcher, "a").wait(1)
    del publisher.publish
    submission = submit(batcher, "b")
    wait_until(lambda: publisher.sent)
    publisher.sent[0][1].set_result(None)
    submission.wait(1)


def test_a_record_travels_in_the_lane_it_asks_for():
    publisher = HeldPublisher()
    submission = submit(
        batcher_of(publisher),
        *"abc",
        levels=["DEBUG", "CRITICAL", "INFO"],
        lanes=[Lane.URGENT, Lane.BULK, None],
    )
    assert {message.lane: messages_of(message) for message, _ in publisher.sent} == {
        Lane.URGENT: ["a"],
        Lane.BULK: ["b"],
        Lane.NORMAL: ["c"],
    }
    assert len(set(submission.log_ids())) == 3
