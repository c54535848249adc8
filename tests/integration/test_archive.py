"""Before a day goes its logs are written to the archive: all of them, once, in files that storage takes back."""

from __future__ import annotations

import gzip
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from logmill.errors import AlreadyRunning, StorageUnavailable
from logmill.locking import FolderLock
from storage.retention import service
from storage.retention.archive import LOCK_NAME, Archive
from storage.retention.ledger import FILE_NAME
from storage.retention.service import HELD_LOOKS
from storage.search.filters import EVERYTHING
from tests.support.kept_store import KeptStore, all_archived, archived
from tests.support.small_disk import SmallDisk, can_mount
from tests.support.storage_blocks import SCHEMA, later, realistic, stream


def opened(tmp_path: Path, **settings: Any) -> KeptStore:
    return KeptStore(tmp_path / "data", archive_dir=str(tmp_path / "archive"), **settings)


def go(kept: KeptStore) -> None:
    kept.look(HELD_LOOKS + 1)


def test_all_logs_of_a_day_are_archived_once_in_files_of_a_bounded_size(tmp_path: Path) -> None:
    limits = {"max_batch_records": 300, "max_decoded_bytes": 100_000}
    with opened(tmp_path, retention_days=1, **limits) as kept:
        for number in range(7):
            kept.receive(3, 200, timestamp=kept.now_us - number * 1000)
        kept.receive(3, 5, metadata='{"a": "' + "x" * 40_000 + '"}')
        kept.receive(2, 10)
        kept.receive(1, 10)
        expected = {number: set() for number in (2, 3)}
        for row in (
            kept.store.newest_on_disk(EVERYTHING, 9999).select(["batch_id", "ordinal", "received_at"]).to_pylist()
        ):
            days_ago = (kept.now_us // 86_400_000_000) - int(row["received_at"].timestamp() // 86400)
            if days_ago in expected:
                expected[days_ago].add((row["batch_id"], row["ordinal"]))
        kept.look(HELD_LOOKS + 2)
        assert kept.days() == {1: 10}
        found = archived(tmp_path / "archive")
        names = list(found)
        assert names[-1] == "2026-03-08-00001.json.gz"
        assert names[:-1] == [f"2026-03-07-{number:05}.json.gz" for number in range(1, len(names))]
        assert len(names) > 7
        for name, ids in found.items():
            assert 0 < ids.total() <= 300
            assert len(gzip.decompress((tmp_path / "archive" / name).read_bytes())) <= 100_000
        together = all_archived(tmp_path / "archive")
        assert set(together.values()) == {1}
        assert together.total() == kept.ledger.entries.archived_logs == 1415
        assert len(expected[3]) == 1405
        assert names_in(tmp_path) == sorted(names)


def test_a_file_of_the_archive_holds_the_logs_as_an_export_gives_them(tmp_path: Path) -> None:
    from storage.exports import json_lines

    with opened(tmp_path, retention_days=1) as kept:
        kept.send(
            stream(
                later(realistic(700), 0).with_columns(
                    received_at=pl.lit(kept.now_us - 5 * 86_400_000_000).cast(SCHEMA["received_at"])
                )
            )
        )
        expected = b"".join(json_lines(kept.store.newest_on_disk(EVERYTHING, 9999)))
        go(kept)
        assert gzip.decompress((tmp_path / "archive" / "2026-03-05-00001.json.gz").read_bytes()) == expected


def names_in(tmp_path: Path) -> list[str]:
    """Everything in the archive but its lock."""
    return sorted(path.name for path in (tmp_path / "archive").iterdir() if path.name != LOCK_NAME)


@pytest.mark.parametrize("step", ["write", "seal", "publish", "drop", "settle"])
def test_what_fails_at_any_step_is_done_by_the_next_look_or_the_next_process(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step by itself; what a kill leaves behind is the same, and test_retention_crashes.py has real ones."""
    with opened(tmp_path, retention_days=1, max_batch_records=40) as kept:
        kept.receive(5, 100)
        kept.look(HELD_LOOKS)
        calls = Counter[str]()

        def failing(target: Any, name: str, at: int) -> None:
            original = getattr(target, name)

            def wrapped(*args: Any, **more: Any) -> Any:
                calls[name] += 1
                if calls[name] == at:
                    raise StorageUnavailable(f"{name} fails")
                return original(*args, **more)

            monkeypatch.setattr(target, name, wrapped)

        match step:
            case "write":
                failing(kept.store, "newest_on_disk", 1)
            case "seal":
                failing(kept.ledger, "write", 1)
            case "publish":
                failing(service, "publish", 1)
            case "drop":
                failing(kept.store, "drop", 1)
            case "settle":
                failing(kept.ledger, "write", 2)
        with pytest.raises(StorageUnavailable, match="fails"):
            kept.look()
        is_sealed = step not in {"write", "seal"}
        assert (kept.ledger.entries.pending is not None) == is_sealed
        late = kept.receive(5, 3)[1]
        assert (late.stored, late.expired) == ((0, 3) if is_sealed else (3, 0))
    monkeypatch.undo()
    with opened(tmp_path, retention_days=1, max_batch_records=40) as kept:
        kept.retention.finish()
        go(kept)
        assert kept.days() == {}
        assert kept.ledger.entries.pending is None
        logs = 100 if is_sealed else 103
        assert (kept.ledger.entries.logs, kept.ledger.entries.archived_logs) == (logs, logs)
        together = all_archived(tmp_path / "archive")
        assert (together.total(), set(together.values())) == (logs, {1})
        assert not list((tmp_path / "archive").glob(".*"))


def test_an_archive_that_is_damaged_before_the_day_is_dropped_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 100)

        def fails(*_args: Any) -> None:
            raise StorageUnavailable("not now")

        monkeypatch.setattr(service, "publish", fails)
        with pytest.raises(StorageUnavailable):
            go(kept)
        monkeypatch.undo()
        (draft,) = (tmp_path / "archive").glob(".*.part")
        os.truncate(draft, 100)
        kept.look(2)
        assert kept.days() == {}
        assert all_archived(tmp_path / "archive").total() == 100


def test_files_that_were_taken_away_once_their_day_is_gone_hold_up_no_other_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 100)
        kept.receive(4, 50)
        original = kept.ledger.write

        def fails_once_it_is_dropped(**changes: Any) -> None:
            if "days" in changes:
                raise StorageUnavailable("not now")
            original(**changes)

        monkeypatch.setattr(kept.ledger, "write", fails_once_it_is_dropped)
        with pytest.raises(StorageUnavailable):
            go(kept)
        monkeypatch.undo()
        assert kept.days() == {4: 50}
        (tmp_path / "archive" / "2026-03-05-00001.json.gz").unlink()
        kept.look(2)
        assert kept.days() == {}
        assert all_archived(tmp_path / "archive").total() == 50


def test_what_is_no_file_of_ours_in_the_archive_is_neither_counted_nor_followed_nor_in_the_way(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("not ours" * 1000)
    archive = tmp_path / "archive"
    with opened(tmp_path, retention_days=1, archive_max_bytes=1) as kept:
        archive.mkdir()
        (archive / "2020-01-01-00001.json.gz").mkdir()
        (archive / "2020-01-02-00001.json.gz").symlink_to(victim)
        (archive / "2020-01-03-00001.json.gz").symlink_to(tmp_path / "nowhere")
        (archive / ".2026-03-05-00001.json.gz.part").symlink_to(victim)
        kept.receive(5, 100)
        go(kept)
        assert kept.days() == {}
        assert kept.ledger.entries.pruned_files == 1
        assert kept.retention.archive is not None
        assert kept.retention.archive.use() == (0, 0)
    assert victim.read_text() == "not ours" * 1000


def test_an_archive_of_the_same_day_is_never_written_over(tmp_path: Path) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 100)
        go(kept)
    (tmp_path / "data" / FILE_NAME).unlink()
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 50)
        go(kept)
        assert {name: ids.total() for name, ids in archived(tmp_path / "archive").items()} == {
            "2026-03-05-00001.json.gz": 100,
            "2026-03-05-00002.json.gz": 50,
        }


def test_the_archive_of_another_storage_is_left_alone(tmp_path: Path) -> None:
    archive = str(tmp_path / "archive")
    with KeptStore(tmp_path / "one", archive_dir=archive, retention_days=1) as one:
        one.receive(5, 10)
        go(one)
        # Another process; the lock of this one is for each file that is opened.
        lock = FolderLock(tmp_path / "archive", LOCK_NAME, "storage")
        with pytest.raises(AlreadyRunning):
            lock.acquire()
    lock.acquire()
    with KeptStore(tmp_path / "two", archive_dir=archive, retention_days=1) as two:
        two.receive(5, 10)
        two.look(HELD_LOOKS)
        with pytest.raises(AlreadyRunning, match="another storage"):
            two.look()
        assert two.days() == {5: 10}
        lock.release()
        two.look()
        assert two.days() == {}
    assert [ids.total() for ids in archived(tmp_path / "archive").values()] == [10, 10]


def test_a_folder_that_cannot_be_written_keeps_the_day(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file")
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 100)
        kept.look(HELD_LOOKS)
        with pytest.raises(StorageUnavailable, match=r"archive .* cannot be written"):
            kept.look()
        assert kept.days() == {5: 100}
        assert kept.receive(5, 1)[1].stored == 1, "and the day takes logs as before"
        (tmp_path / "archive").unlink()
        kept.look()
        assert kept.days() == {}
        assert all_archived(tmp_path / "archive").total() == 101


def test_a_disk_without_room_for_the_archive_keeps_the_day(tmp_path: Path) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 100)
        assert kept.retention.archive is not None
        kept.retention.archive._min_free_bytes = 10**18
        kept.look(HELD_LOOKS)
        with pytest.raises(StorageUnavailable, match=r"disk of the archive .* is full"):
            kept.look()
        assert kept.days() == {5: 100}
        assert names_in(tmp_path) == []


@pytest.mark.skipif(not can_mount(), reason="a disk that is small enough takes root, and mounts")
@pytest.mark.parametrize(
    ("is_looked_at", "words"), [(True, r"disk of the archive .* is full"), (False, r"cannot be written: No space left")]
)
def test_a_disk_that_fills_up_while_a_day_is_archived_keeps_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_looked_at: bool, words: str
) -> None:
    if not is_looked_at:  # as where others fill it meanwhile
        monkeypatch.setattr(Archive, "check_room", lambda _self: None)
    (tmp_path / "archive").mkdir()
    disk = SmallDisk(tmp_path / "archive", 1024 * 1024)
    try:
        with opened(tmp_path, retention_days=1, max_body_bytes=400_000, max_decoded_bytes=200_000) as kept:
            rng = random.Random(1)
            for number in range(10):
                kept.receive(5, 200, timestamp=kept.now_us - number * 1000, trace_id=rng.randbytes(500).hex())
                kept.receive(5, 1, user_id=rng.randbytes(100_000).hex())
            kept.look(HELD_LOOKS)
            with pytest.raises(StorageUnavailable, match=words):
                kept.look()
            assert names_in(tmp_path) == []
            assert kept.days() == {5: 2010}
    finally:
        disk.close()


def test_the_archive_is_held_to_its_bound_by_its_oldest_files(tmp_path: Path) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        for days_ago in (6, 5, 4, 3):
            kept.receive(days_ago, 500)
        kept.look(HELD_LOOKS + 4)
        sizes = {name: (tmp_path / "archive" / name).stat().st_size for name in names_in(tmp_path)}
        assert len(sizes) == 4
    (tmp_path / "archive" / "notes.txt").write_text("not ours")
    (tmp_path / "archive" / "2020-01-01-00001.json.gz.bak").write_text("not ours")
    bound = sum(list(sizes.values())[2:])
    with opened(tmp_path, archive_max_bytes=bound) as kept:
        kept.look()
        assert names_in(tmp_path) == ["2020-01-01-00001.json.gz.bak", *list(sizes)[2:], "notes.txt"]
        entries = kept.ledger.entries
        assert (entries.pruned_files, entries.pruned_bytes) == (2, sum(list(sizes.values())[:2]))
        shown = kept.figures.shown(None, 0, 0.0)
        assert shown is not None
        assert shown["archive"] == {
            "folder": str(tmp_path / "archive"),
            "max_bytes": bound,
            "files": 2,
            "bytes": bound,
            "logs": 2000,
            "pruned_files": 2,
            "pruned_bytes": entries.pruned_bytes,
        }


def test_a_clear_while_a_day_is_archived_ends_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 2000)
        original = kept.store.newest_on_disk
        pages = 0

        def cleared(*args: Any) -> Any:
            nonlocal pages
            pages += 1
            if pages == 2:
                kept.store.clear()
            return original(*args)

        monkeypatch.setattr(kept.store, "newest_on_disk", cleared)
        kept.look(HELD_LOOKS)
        with pytest.raises(StorageUnavailable, match="500 logs of 2026-03-05 could be read, there are 2000"):
            kept.look()
        assert names_in(tmp_path) == []
        kept.look()
        assert kept.ledger.entries.days == 0


def test_a_ledger_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    with opened(tmp_path, retention_days=1) as kept:
        kept.receive(5, 10)
        go(kept)
    path = tmp_path / "data" / FILE_NAME
    path.write_bytes(path.read_bytes()[:20])
    with opened(tmp_path, retention_days=1) as kept:
        assert kept.ledger.entries.days == 0
        assert kept.receive(1, 10)[1].stored == 10
    assert (tmp_path / "data" / f"{FILE_NAME}.damaged").exists()
    path.write_bytes(msgspec.json.encode({"version": 2}))
    with pytest.raises(Exception, match="newer program"):
        opened(tmp_path)
