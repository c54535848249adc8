"""What storage answered for is there once after a restart, a kill -9 and a full disk; memory answers as disk does."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.storage_blocks import batch, realistic, stream
from tests.support.storage_service import StorageService, outcome, total

NASTY = "a\\b\tc\nd'e\"f\x00g{x:String}é—\U0001f600%s \r ` \b\f\v\x1b \\N; DROP TABLE logs --"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[StorageService]:
    """One that a test may kill."""
    with StorageService(tmp_path / "data") as service:
        yield service


def told(storage: StorageService) -> list[object]:
    """What storage says of its logs, but for what changes with the clock and with merges."""
    stats = storage.get("/logs/stats").json()
    return [storage.get("/logs", limit=500).json(), {**stats, "logs_per_s": None, "disk": None}]


def test_after_a_restart_everything_is_there_and_nothing_is_stored_again(fresh: StorageService) -> None:
    body = stream(realistic(5000))
    fresh.ingest(body)
    before = told(fresh)
    assert fresh.stop() == 0
    fresh.restart()
    assert told(fresh) == before
    assert outcome(fresh.ingest(body)) == (201, 0, 5000), "also without the header: the ids are older than the process"
    assert outcome(fresh.ingest(body, check=True)) == (201, 0, 5000)


def test_nothing_that_was_answered_is_lost_by_kill_9(fresh: StorageService) -> None:
    bodies = [stream(realistic(2000, seed=n)) for n in range(4)]
    for count, body in enumerate(bodies, 1):
        assert outcome(fresh.ingest(body)) == (201, 2000, 0)
        fresh.kill()
        fresh.restart()
        assert total(fresh) == 2000 * count
    for body in bodies:
        assert outcome(fresh.ingest(body, check=True)) == (201, 0, 2000)


def test_killed_in_the_middle_a_block_is_there_whole_or_not_at_all(fresh: StorageService) -> None:
    for n in range(3):
        body = stream(realistic(20_000, seed=n))
        before = total(fresh)
        with ThreadPoolExecutor(1) as pool:
            posting = pool.submit(fresh.ingest, body)
            seen = fresh.data_dir / "store"
            files = len(list(seen.rglob("*")))
            while not posting.done() and len(list(seen.rglob("*"))) == files:
                pass
            fresh.kill()
            posting.exception()
        fresh.restart()
        assert total(fresh) - before in {0, 20_000}
        assert fresh.ingest(body, check=True).status_code == 201
        assert total(fresh) - before == 20_000


def test_a_disk_that_takes_no_more_is_503_and_nothing_is_lost(fresh: StorageService) -> None:
    """A limit on file sizes stands in for a full disk: every write beyond it fails."""
    fresh.ingest(stream(batch(100)))
    children = Path(f"/proc/{fresh.process.pid}/task/{fresh.process.pid}/children").read_text().split()
    worker = int(children[0])
    unlimited = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    body = stream(realistic(30_000))
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (300_000, unlimited[1]))
    response = fresh.ingest(body)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, unlimited)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert total(fresh) == 100
    assert outcome(fresh.ingest(body)) == (201, 30_000, 0)


def test_a_second_start_on_the_same_folder_is_a_clear_error(fresh: StorageService) -> None:
    other = fresh.spawn(free_port())
    assert other.wait(60) != 0
    assert "in use by another storage" in fresh.log_path.read_text()
    assert fresh.get("/health").status_code == 200


def test_engine_and_memory_answer_alike(fresh: StorageService) -> None:
    rows = batch(300, service=NASTY, tags=[NASTY], trace_id=NASTY)
    for number, item in enumerate(rows):
        item["timestamp"] = 1_700_000_000_000_000 + number // 7
        item["level"] = ("INFO", "ERROR")[number % 2]
    fresh.ingest(stream(rows))
    asked = [{}, {"service": NASTY}, {"tag": NASTY}, {"trace_id": NASTY}, {"level": "error"}, {"anomaly": "false"},
             {"since": "2023-11-14T22:13:20.000010Z", "until": "2023-11-14T22:13:20.000020Z"},
             {"min_severity": 1}, {"status_code": 0}, {"priority": "low"}]  # fmt: skip
    from_memory = [fresh.get("/logs", limit=50, **params).json()["logs"] for params in asked]
    fresh.kill()
    fresh.restart()
    assert [fresh.get("/logs", limit=50, **params).json()["logs"] for params in asked] == from_memory
    assert len(from_memory[1]) == 50
