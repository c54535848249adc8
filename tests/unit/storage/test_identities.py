"""A batch is taken for new only where that is proven; nobody else has it meanwhile."""

from __future__ import annotations

import threading
import uuid

import pytest

from logmill.errors import StorageUnavailable
from storage.identities import NO_UUIDV7, Identities

NOW_MS = 1_800_000_000_000


def v7(ms: int) -> bytes:
    value = ms << 80 | 0x7 << 76 | 0b10 << 62 | uuid.uuid4().int & 0xFFFF
    return uuid.UUID(int=value).bytes


def test_in_an_empty_store_every_batch_is_new_until_it_is_tried() -> None:
    known = Identities(None)
    a, b = v7(NOW_MS - 10**9), uuid.uuid4().bytes
    assert known.maybe_stored([a, b]) == []
    known.remember([a])
    assert known.maybe_stored([a, b]) == [a]


def test_after_a_restart_only_batches_younger_than_all_that_are_stored_are_new() -> None:
    known = Identities(v7(NOW_MS))
    old, same, young, foreign = v7(NOW_MS - 1), v7(NOW_MS), v7(NOW_MS + 1), uuid.uuid4().bytes
    assert known.maybe_stored([old, same, young, foreign]) == [old, same, foreign]


def test_beside_ids_of_other_kinds_every_uuidv7_is_new() -> None:
    known = Identities(NO_UUIDV7)
    assert known.maybe_stored([v7(1), foreign := uuid.uuid4().bytes]) == [foreign]


def test_forgetting_a_batch_makes_suspects_of_all_that_are_not_younger() -> None:
    known = Identities(None, remembered=2)
    ids = [v7(NOW_MS + n) for n in range(4)]
    known.remember(ids)
    assert known.maybe_stored(ids) == ids
    assert known.maybe_stored([v7(NOW_MS + 1)]) != []
    assert known.maybe_stored([v7(NOW_MS + 50)]) == []
    assert known.maybe_stored([foreign := uuid.uuid4().bytes]) == [foreign]


def test_clearing_forgets() -> None:
    known = Identities(v7(NOW_MS))
    batch_id = v7(NOW_MS)
    known.remember([batch_id])
    known.forget_all()
    assert known.maybe_stored([batch_id]) == []


def test_a_claimed_batch_makes_others_wait_for_a_bounded_time() -> None:
    known = Identities(None)
    with known.claim([b"a" * 16, b"b" * 16], 1):
        with pytest.raises(StorageUnavailable), known.claim([b"b" * 16], 0.01):
            pass
        with pytest.raises(StorageUnavailable), known.alone(0.01):
            pass
        with known.claim([b"c" * 16], 0.01):
            pass
    with known.alone(1), pytest.raises(StorageUnavailable), known.claim([b"c" * 16], 0.01):
        pass


def test_whoever_waits_goes_on_when_the_batch_is_let_go() -> None:
    known = Identities(None)
    order: list[str] = []

    def second() -> None:
        with known.claim([b"a" * 16], 10):
            order.append("second")

    with known.claim([b"a" * 16], 1):
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
