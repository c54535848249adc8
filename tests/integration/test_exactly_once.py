"""Copies of a batch are stored once: whenever they come, with whatever clock their ids were made, over restarts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from logmill.ids import new_batch_id
from tests.support.storage_blocks import batch, realistic, stream
from tests.support.storage_service import StorageService, outcome, total

DAY_US = 86_400_000_000
RECEIVED_US = 1_700_000_000_000_000


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[StorageService]:
    with StorageService(tmp_path / "data") as service:
        yield service


def id_of_tomorrow() -> uuid.UUID:
    """A UUIDv7 whose maker's clock runs a day ahead."""
    return uuid.UUID(int=new_batch_id().int + (86_400_000 << 80))


@pytest.mark.parametrize("batch_id", [id_of_tomorrow(), uuid.uuid4(), uuid.uuid5(uuid.NAMESPACE_URL, "key")])
def test_a_copy_after_a_restart_is_known_whatever_its_id(storage: StorageService, batch_id: uuid.UUID) -> None:
    body = stream(batch(100, batch_id))
    assert outcome(storage.ingest(body)) == (201, 100, 0)
    storage.kill()
    storage.restart()
    assert outcome(storage.ingest(body)) == (201, 0, 100), "without the header that says it may be known"


def test_a_copy_that_was_received_after_midnight_is_known(storage: StorageService) -> None:
    batch_id = uuid.uuid5(uuid.NAMESPACE_URL, "a key that a client retries with")
    assert outcome(storage.ingest(stream(batch(100, batch_id, received_at=RECEIVED_US)))) == (201, 100, 0)
    later = stream(batch(100, batch_id, received_at=RECEIVED_US + DAY_US))
    assert outcome(storage.ingest(later)) == (201, 0, 100)
    storage.kill()
    storage.restart()
    assert outcome(storage.ingest(later)) == (201, 0, 100)


def test_copies_in_different_blocks_at_the_same_time_are_stored_once(storage: StorageService) -> None:
    shared = batch(20_000)
    bodies = [stream([*shared, *batch(100 + n)]) for n in range(4)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = [outcome(response) for response in pool.map(storage.ingest, bodies)]
    assert [status for status, _stored, _known in answers] == [201] * 4
    assert sum(stored for _status, stored, _known in answers) == total(storage) == 20_000 + 100 + 101 + 102 + 103


def test_a_retry_while_the_first_is_still_running_waits_for_it(storage: StorageService) -> None:
    body = stream(realistic(50_000))
    with ThreadPoolExecutor(5) as pool:
        answers = [outcome(one) for one in pool.map(lambda n: storage.ingest(body, check=n > 0), range(5))]
    assert sorted(answers) == [(201, 0, 50_000)] * 4 + [(201, 50_000, 0)]
    assert total(storage) == 50_000


def test_a_disk_without_its_reserve_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with StorageService(tmp_path / "data") as service:
        service.ingest(stream(batch(10)))
        service.kill()
        service.settings(min_free_bytes=1 << 60)
        service.process = service.spawn()
        service.wait_answers()
        refused = service.ingest(stream(batch(10)))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert "LOGMILL_MIN_FREE_BYTES" in refused.json()["message"]
        assert "the disk is full" in service.get("/ready").json()["message"]
        assert service.get("/logs").json()["count"] == 10, "what is there can still be read"
