"""Batches wait in order, errors first and nobody for ever; what is old or much goes to files; losses are counted."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from logmill.handler.batches import Batch, Lane
from logmill.handler.losses import Loss, Losses
from logmill.handler.outbox import Outbox
from logmill.handler.places import Place
from logmill.handler.spill import Spill

KIB = 1024


def batch(number: int, lane: Lane = Lane.NORMAL, size_bytes: int = 100, made_s: float | None = None) -> Batch:
    return Batch(f"key-{number}", lane, 10, b"x" * size_bytes, time.monotonic() if made_s is None else made_s)


@pytest.fixture
def losses() -> Losses:
    return Losses(lambda _line: None)


def outbox_with(folder: Path | None, losses: Losses, **options: object) -> Outbox:
    spill = None if folder is None else Spill([Place(folder)], 1024 * KIB, losses)
    mine = {"memory_bytes": 100 * KIB, "spill_after_s": 5.0, "durable": False, "losses": losses}
    return Outbox(spill, **{**mine, **options})  # type: ignore[arg-type]


def drained(outbox: Outbox) -> list[str]:
    found = []
    while (one := outbox.take(0.0)) is not None:
        found.append(one.key)
        outbox.settle(one)
    return found


def keys(*numbers: int) -> list[str]:
    return [f"key-{number}" for number in numbers]


def test_a_batch_stays_until_it_is_settled(losses: Losses):
    outbox = outbox_with(None, losses)
    outbox.put(batch(1))
    outbox.put(batch(2))
    first = outbox.take(0.0)
    assert first is not None
    assert first is outbox.take(0.0)
    outbox.settle(first)
    assert drained(outbox) == keys(2)
    assert outbox.memory_bytes == 0


def test_errors_go_first_and_nobody_waits_for_ever(losses: Losses):
    outbox = outbox_with(None, losses)
    for number in range(20):
        outbox.put(batch(number))
    for number in range(100, 120):
        outbox.put(batch(number, Lane.URGENT))
    order = drained(outbox)
    urgent = [place for place, key in enumerate(order) if len(key) == len("key-100")]
    assert urgent[-1] < 30
    assert 2 <= sum(len(key) < len("key-100") for key in order[:20]) <= 6


def test_what_is_in_memory_for_long_goes_to_files(tmp_path: Path, losses: Losses):
    outbox = outbox_with(tmp_path, losses)
    outbox.put(batch(1, made_s=time.monotonic() - 6))
    outbox.put(batch(2))
    assert not any(tmp_path.iterdir())
    outbox.keep()
    assert outbox.memory_bytes == 0
    assert outbox.spilled[1] == 20
    outbox.put(batch(3))
    outbox.keep()
    assert outbox.spilled[1] == 30, "behind what waits there already"
    assert drained(outbox) == keys(1, 2, 3)
    outbox.put(batch(4))
    outbox.keep()
    assert outbox.memory_bytes > 0, "in memory again once the files are read"


def test_much_goes_to_files_in_order(tmp_path: Path, losses: Losses):
    outbox = outbox_with(tmp_path, losses)
    for number in range(5):
        outbox.put(batch(number, size_bytes=10 * KIB))
    outbox.keep()
    assert outbox.memory_bytes == 50 * KIB
    outbox.put(batch(5, size_bytes=10 * KIB))
    outbox.keep()
    assert outbox.memory_bytes == 0
    assert drained(outbox) == keys(*range(6))


def test_a_batch_that_is_on_its_way_while_it_goes_to_a_file_is_sent_once(tmp_path: Path, losses: Losses):
    outbox = outbox_with(tmp_path, losses)
    for number in range(3):
        outbox.put(batch(number))
    on_its_way = outbox.take(0.0)
    assert on_its_way is not None
    outbox.keep(all_of_them=True)
    outbox.settle(on_its_way)
    assert drained(outbox) == keys(1, 2)


def test_a_durable_batch_is_in_a_file_before_it_is_sent(tmp_path: Path, losses: Losses):
    outbox = outbox_with(tmp_path, losses, durable=True)
    outbox.put(batch(1))
    assert outbox.take(0.0) is None
    outbox.keep()
    assert (outbox.memory_bytes, outbox.spilled[1]) == (0, 10)
    assert drained(outbox) == keys(1)


def test_a_durable_batch_is_sent_from_memory_where_no_file_can_be_written(tmp_path: Path, losses: Losses):
    (tmp_path / "file").write_text("")
    outbox = outbox_with(tmp_path / "file" / "folder", losses, durable=True)
    outbox.put(batch(1))
    outbox.keep()
    assert drained(outbox) == keys(1)


def test_without_room_the_newest_are_dropped_and_counted_errors_last(losses: Losses):
    outbox = outbox_with(None, losses)
    for number in range(20):
        outbox.put(batch(number, size_bytes=10 * KIB))
    assert losses.of(Loss.DROPPED) == 130
    for number in range(100, 105):
        outbox.put(batch(number, Lane.URGENT, size_bytes=10 * KIB))
    assert losses.of(Loss.DROPPED) == 130 + 20, "a quarter is for errors"
    assert sorted(drained(outbox)) == sorted(keys(*range(7), 100, 101, 102))


def test_with_full_files_memory_takes_the_rest_and_the_order_stays(tmp_path: Path, losses: Losses):
    outbox = outbox_with(tmp_path, losses)
    for number in range(200):
        outbox.put(batch(number, size_bytes=10 * KIB))
        outbox.keep()
    in_files, in_memory = outbox.spilled[1] // 10, outbox.memory_bytes // (10 * KIB)
    assert 60 <= in_files <= 80
    assert in_memory == 7
    assert losses.of(Loss.DROPPED) == 10 * (200 - in_files - in_memory)
    assert drained(outbox) == keys(*range(in_files + in_memory))


def test_waiting_ends_when_what_was_put_before_is_settled(tmp_path: Path, losses: Losses):
    outbox = outbox_with(tmp_path, losses)
    for number in range(5):
        outbox.put(batch(number))
    outbox.keep(all_of_them=True)
    mark = outbox.mark()
    outbox.put(batch(5))
    assert not outbox.wait_gone(mark, 0.05, lambda: False)
    done = threading.Event()

    def send() -> None:
        for _ in range(5):
            one = outbox.take(1.0)
            assert one is not None
            outbox.settle(one)
        done.set()

    thread = threading.Thread(target=send)
    thread.start()
    assert outbox.wait_gone(mark, 10.0, lambda: False)
    thread.join(10)
    assert done.is_set()
    assert drained(outbox) == keys(5)


def test_waiting_ends_when_it_is_given_up(losses: Losses):
    outbox = outbox_with(None, losses)
    outbox.put(batch(1))
    started_s = time.monotonic()
    assert not outbox.wait_gone(outbox.mark(), 30.0, lambda: True)
    assert time.monotonic() - started_s < 5


def test_who_waits_for_a_batch_is_woken_by_one_and_by_the_end(losses: Losses):
    outbox = outbox_with(None, losses)
    threading.Timer(0.05, outbox.put, [batch(1)]).start()
    found = outbox.take(30.0)
    assert found is not None
    outbox.settle(found)
    threading.Timer(0.05, outbox.end).start()
    started_s = time.monotonic()
    assert outbox.take(30.0) is None
    assert time.monotonic() - started_s < 20


def test_what_others_left_is_sent_between_ones_own(tmp_path: Path, losses: Losses):
    other = Spill([Place(tmp_path)], 1024 * KIB, losses)
    for number in range(100, 110):
        other.append(batch(number))
    other.close()
    outbox = outbox_with(tmp_path, losses)
    for number in range(30):
        outbox.put(batch(number))
    order = drained(outbox)
    assert sorted(order) == sorted(keys(*range(30), *range(100, 110)))
    assert [key for key in order if len(key) < len("key-100")] == keys(*range(30))
    first_left = next(place for place, key in enumerate(order) if len(key) == len("key-100"))
    assert first_left < 10
    assert not any(tmp_path.iterdir())


def test_at_the_end_it_says_what_was_in_memory_alone(tmp_path: Path, losses: Losses):
    outbox = outbox_with(None, losses)
    outbox.put(batch(1))
    assert not outbox.keep(all_of_them=True)
    assert outbox.close() == 10
    kept = outbox_with(tmp_path, losses)
    kept.put(batch(1))
    assert kept.keep(all_of_them=True)
    assert kept.close() == 0
    assert len(list(tmp_path.iterdir())) == 1
