"""Messages of requests with an idempotency key: the same each time, and shared with nobody."""

from __future__ import annotations

import threading

import pytest

from logmill.columns import Columns
from logmill.record import Entry, Lane
from producer import batching
from producer.pieces import RequestKey, cut
from tests.support.held_publisher import HeldPublisher, batcher_of, messages_of, submit

KEY = RequestKey("k-1", b"digest")


def test_a_request_with_a_key_shares_its_messages_with_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batching, "PACE_S", 60.0)
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    submit(batcher, "a")
    submit(batcher, "b")
    submit(batcher, "c", "d", levels=["INFO", "ERROR"], key=KEY)
    submit(batcher, "e")
    batcher.close()
    sent = [messages_of(message) for message, _ in publisher.sent]
    assert sorted(sent) == [["a"], ["b", "e"], ["c"], ["d"]]


def test_the_same_key_and_records_give_the_same_messages_and_ids_in_another_process():
    texts = [f"{n}-" + "x" * 500_000 for n in range(16)]
    levels = ["INFO", "ERROR"] * 8
    seen = []
    for _ in range(2):
        publisher = HeldPublisher(confirms=True)
        submission = submit(batcher_of(publisher), *texts, levels=levels, key=KEY)
        submission.wait(1)
        ids = [(message.message_id, messages_of(message)) for message, _ in publisher.sent]
        assert len(ids) >= 4
        seen.append((ids, submission.log_ids()))
    assert seen[0] == seen[1]
    sent = [Entry(timestamp=9, level=level, message=text) for level, text in zip(levels, texts, strict=True)]
    again = batcher_of(HeldPublisher()).again(cut(Columns.of(sent), sum(map(len, texts)), ()), KEY)
    assert again.log_ids() == seen[0][1]
    assert again.digest() == submission.digest()


@pytest.mark.parametrize(
    "other", [RequestKey("k-2", b"digest"), RequestKey("k-1", b"other"), RequestKey("k-1", b"digest", [0])]
)
def test_another_key_or_body_or_other_items_refused_give_other_ids(other):
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    one, another = submit(batcher, "a", key=KEY), submit(batcher, "a", key=other)
    assert set(one.log_ids()).isdisjoint(another.log_ids())
    assert one.digest() != another.digest()


def test_a_piece_of_other_records_has_another_id():
    publisher = HeldPublisher()
    batcher = batcher_of(publisher)
    submit(batcher, "a", "b", key=KEY)
    submit(batcher, "a", "b", lanes=[None, Lane.BULK], key=KEY)
    assert len({message.message_id for message, _ in publisher.sent}) == 3


def test_many_threads_with_keys_lose_and_double_nothing():
    publisher = HeldPublisher(confirms=True)
    batcher = batcher_of(publisher)

    def send(number: int) -> None:
        for k in range(50):
            key = RequestKey(f"{number}-{k}", b"d") if k % 2 else None
            submit(batcher, f"{number}-{k}", key=key).wait(10)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    messages = [text for message, _ in publisher.sent for text in messages_of(message)]
    assert sorted(messages) == sorted(f"{n}-{k}" for n in range(8) for k in range(50))
    assert batcher.unconfirmed_bytes == 0
