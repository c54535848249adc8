"""kill -9 while days are archived and dropped, with logs coming in and questions asked: nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import requests

from logmill.ids import log_id, new_batch_id
from logmill.timestamps import now_us
from tests.support.kept_store import all_archived
from tests.support.storage_blocks import realistic, row, stream
from tests.support.storage_service import StorageService, outcome, poll, total

DAY_US = 86_400_000_000
SETTINGS = {"retention_days": 2, "retention_interval_s": 0.02, "min_free_bytes": 0, "max_batch_records": 1500}


def received(block: pl.DataFrame, days_ago: int) -> pl.DataFrame:
    at_us = now_us() - days_ago * DAY_US
    return block.with_columns(received_at=pl.lit(at_us).cast(pl.Datetime("us", "UTC")))


def ids_of(block: pl.DataFrame) -> set[str]:
    pairs = zip(block["batch_id"].to_list(), block["ordinal"].to_list(), strict=True)
    return {log_id(uuid.UUID(bytes=batch_id), ordinal) for batch_id, ordinal in pairs}


def stored_ids(storage: StorageService) -> Counter[str]:
    with storage.http.get(storage.url + "/logs/export?fields=id", stream=True, timeout=120) as answer:
        return Counter(line.decode()[7:-2] for line in answer.iter_lines())


def entry(storage: StorageService, name: str) -> Any:
    return storage.get("/pipeline").json()["storage"]["retention"][name]


def waited_for(storage: StorageService, days: int) -> None:
    poll(lambda: entry(storage, "dropped_days") == days, f"{days} days dropped (see {storage.log_path})")
    poll(lambda: entry(storage, "doing") == "", "nothing left to do")


def test_killed_at_any_moment_of_archiving_and_dropping_each_log_is_somewhere_once(tmp_path: Path) -> None:
    archive, ledger = tmp_path / "archive", tmp_path / "data" / "retention.json"

    def is_sealed() -> bool:
        return ledger.exists() and b'"pending": {' in ledger.read_bytes()

    def is_drafted() -> bool:
        return any(archive.glob(".*.part"))

    def is_half_done() -> bool:
        return is_drafted() and any(path.stat().st_mtime > restarted_s for path in archive.glob("*.json.gz"))

    with StorageService(tmp_path / "data") as storage:
        old: set[str] = set()
        for days_ago in range(4, 13):
            block = received(realistic(3000, seed=days_ago), days_ago)
            assert outcome(storage.ingest(stream(block))) == (201, 3000, 0)
            old |= ids_of(block)
        new = received(realistic(1000, seed=99), 0)
        storage.ingest(stream(new))
        storage.kill()
        storage.settings(archive_dir=str(archive), **SETTINGS)
        left = Counter[str]()
        for moment in (is_drafted, is_sealed, is_drafted, is_sealed, is_half_done, is_sealed, is_half_done):
            restarted_s = time.time()
            storage.process = storage.spawn()
            deadline_s = time.monotonic() + 60
            while not moment():
                assert time.monotonic() < deadline_s, storage.log_path.read_text()[-2000:]
            storage.kill()
            left["drafts"] += is_drafted()
            left["sealed"] += is_sealed()
        assert left["drafts"] >= 2
        assert left["sealed"] >= 2
        storage.restart()
        waited_for(storage, 9)
        found = all_archived(archive)
        assert set(found.values()) == {1}
        assert set(found) == old
        assert stored_ids(storage) == Counter(ids_of(new))
        assert entry(storage, "dropped_logs") == entry(storage, "archive")["logs"] == 27_000
        assert not list(archive.glob(".*"))
        assert not list((tmp_path / "data" / "store").rglob("detached/*")), "no part was put aside"


def test_logs_come_in_and_questions_are_answered_while_days_are_archived(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with StorageService(tmp_path / "data") as storage:
        old = received(realistic(15_000, seed=1), 5)
        storage.ingest(stream(old))
        storage.kill()
        storage.settings(archive_dir=str(archive), **{**SETTINGS, "max_batch_records": 50_000})
        storage.restart()
        sent: list[str] = []
        slowest_s = 0.0
        faults: list[str] = []
        ends = threading.Event()

        def ask() -> None:
            session = requests.Session()
            while not ends.is_set():
                for path in ("/logs?limit=50", "/logs/stats", "/logs/histogram", "/logs?q=payment&limit=5"):
                    answer = session.get(storage.url + path, timeout=60)
                    if answer.status_code != 200:
                        faults.append(f"{path}: {answer.status_code} {answer.text[:200]}")

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            deadline_s = time.monotonic() + 90
            was_archiving = False
            while entry(storage, "dropped_days") == 0:
                assert time.monotonic() < deadline_s, storage.log_path.read_text()[-2000:]
                batch_id = new_batch_id()
                rows = [row(batch_id, number, received_at=now_us(), timestamp=now_us()) for number in range(100)]
                started_s = time.monotonic()
                assert outcome(storage.ingest(stream(rows))) == (201, 100, 0)
                slowest_s = max(slowest_s, time.monotonic() - started_s)
                was_archiving = was_archiving or entry(storage, "doing") == "archiving"
                sent += [log_id(batch_id, number) for number in range(100)]
        finally:
            ends.set()
            asking.join(60)
        assert not faults
        assert was_archiving
        assert slowest_s < 5.0
        assert all_archived(archive) == Counter(ids_of(old))
        assert stored_ids(storage) == Counter(sent)
        assert total(storage) == len(sent)


def test_a_batch_that_comes_again_after_its_day_was_dropped_is_not_stored_again(tmp_path: Path) -> None:
    with StorageService(tmp_path / "data", **SETTINGS) as storage:
        body = stream(received(realistic(500), 9))
        assert outcome(storage.ingest(body)) == (201, 500, 0)
        waited_for(storage, 1)
        for _ in range(2):
            for is_checked in (True, False):
                again = storage.ingest(body, check=is_checked)
                assert again.status_code == 201
                assert again.json() == {"status": "success", "stored": 0, "duplicates": 0, "expired": 500}
            storage.kill()
            storage.restart()
        assert total(storage) == 0
        day = (datetime.now(UTC) - timedelta(days=9)).date()
        (rejected,) = storage.get("/rejections").json()["rejections"]
        assert (rejected["code"], rejected["ordinal"]) == ("expired", None)
        assert rejected["reason"].startswith(f"received on {day}, a day whose logs were deleted")
        state = storage.get(f"/logs/{rejected['batch_id']}-0/status").json()
        assert (state["state"], state["code"]) == ("rejected", "expired")
        assert storage.ingest(body).json()["expired"] == 500
        metrics = storage.get("/metrics").text
        assert "logmill_storage_expired_total 500.0" in metrics
        assert "logmill_retention_dropped_logs 500.0" in metrics
        assert entry(storage, "expired_logs") == 500


def test_what_was_archived_can_be_sent_back_and_is_stored_once(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with StorageService(tmp_path / "data", archive_dir=str(archive), **SETTINGS) as storage:
        block = received(realistic(4000), 9)
        storage.ingest(stream(block))
        waited_for(storage, 1)
        files = sorted(archive.glob("*.json.gz"))
        assert len(files) == 3
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        counts = [
            storage.http.post(storage.url + "/ingest", data=path.read_bytes(), headers=headers, timeout=60).json()
            for path in [*files, *files]
        ]
        assert [one["stored"] for one in counts] == [1500, 1500, 1000, 0, 0, 0]
        assert sum(one["duplicates"] for one in counts) == 4000
        assert stored_ids(storage) == Counter(ids_of(block))
