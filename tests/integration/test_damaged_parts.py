"""Parts that the disk did not take: the engine does not notice, Logmill does, and no row is answered for or lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logmill.errors import StorageUnavailable
from logmill.settings import load
from storage import audit, blocks
from storage.engine.chdb_engine import ChdbEngine
from storage.engine.parts import Parts
from storage.store import Store
from tests.support.small_disk import SmallDisk, can_mount
from tests.support.storage_blocks import batch, realistic, stream
from tests.support.waiting import wait_until

SETTINGS = load({}, min_free_bytes=0)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path / "store", SETTINGS)
    Store(engine, SETTINGS)
    engine.run("SYSTEM STOP MERGES logs")
    yield engine
    engine.close()


def active(engine: ChdbEngine) -> dict[str, Path]:
    """The parts of the table by name."""
    rows = engine.select("SELECT name, path FROM system.parts WHERE active AND table = 'logs'").to_pylist()
    return {row["name"]: Path(row["path"]) for row in rows}


def count(engine: ChdbEngine) -> int:
    return int(engine.select("SELECT count() AS logs FROM logs")["logs"][0].as_py())


def insert(store: Store, body: bytes) -> int:
    return store.insert(*blocks.decode(body)).stored


@pytest.mark.parametrize("name", ["data.bin", "checksums.txt", "columns.txt", "primary.cidx", "counts.proj/data.bin"])
def test_a_file_that_is_shorter_than_it_should_be_is_found(engine: ChdbEngine, name: str) -> None:
    insert(Store(engine, SETTINGS), stream(batch(500)))
    ((part, path),) = active(engine).items()
    rows = [{"path": str(path) + "/", "bytes_on_disk": bytes_of(engine)}]
    assert Parts().damaged(rows) == []
    whole = (path / name).read_bytes()
    (path / name).write_bytes(b"" if name.endswith(".txt") else whole[:-1])
    assert Parts().damaged(rows) == [part]
    (path / name).write_bytes(whole)
    assert Parts().damaged(rows) == []


def bytes_of(engine: ChdbEngine) -> int:
    found = engine.select("SELECT sum(bytes_on_disk) AS size FROM system.parts WHERE active AND table = 'logs'")
    return int(found["size"][0].as_py())


def test_a_part_that_is_gone_is_not_damaged(tmp_path: Path) -> None:
    assert Parts().damaged([{"path": str(tmp_path / "dropped") + "/", "bytes_on_disk": 10}]) == []


def test_a_damaged_merge_is_put_aside_and_what_it_was_made_of_is_back(tmp_path: Path) -> None:
    engine = ChdbEngine(tmp_path / "store", SETTINGS)
    store = Store(engine, SETTINGS)
    for seed in range(3):
        insert(store, stream(realistic(1000, seed=seed)))
    engine.run("OPTIMIZE TABLE logs FINAL")
    ((_part, path),) = active(engine).items()
    for file in path.iterdir():
        if file.is_file():
            os.truncate(file, 0)
    with pytest.raises(StorageUnavailable):
        engine.check()
    with pytest.raises(StorageUnavailable):
        insert(store, stream(batch(10)))
    engine.close()
    opened = ChdbEngine(tmp_path / "store", SETTINGS)
    try:
        opened.check()
        assert count(opened) == 3000
    finally:
        opened.close()


def test_damage_ends_the_process_in_order(engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(audit.os, "kill", lambda _pid, number: sent.append(number))
    monkeypatch.setattr(audit, "CHECK_EVERY_S", 0.5)
    insert(Store(engine, SETTINGS), stream(batch(10)))
    engine.run("SYSTEM START MERGES logs")
    insert(Store(engine, SETTINGS), stream(batch(10)))
    watch = audit.Audit(engine)
    assert sent == []
    engine.run("OPTIMIZE TABLE logs FINAL")
    ((_part, path),) = active(engine).items()
    os.truncate(path / "data.bin", 0)
    engine._parts = Parts()  # it may have been seen whole before it was cut
    wait_until(lambda: sent == [signal.SIGTERM], 20, "asking the process to end")
    watch.close()


@pytest.mark.skipif(not can_mount(), reason="a file system of its own cannot be mounted here: root may")
@pytest.mark.parametrize("seed", range(3))
def test_on_a_disk_that_fills_while_it_writes_nothing_is_answered_for_that_is_not_there(
    tmp_path: Path, seed: int
) -> None:
    disk = SmallDisk(tmp_path, 128 * 1024 * 1024)
    try:
        engine = ChdbEngine(tmp_path / "data" / "store", SETTINGS)
        store = Store(engine, SETTINGS)
        engine.run("SYSTEM STOP MERGES logs")
        answered = insert(store, stream(realistic(8000)))
        refused = 0
        for number in range(1, 12):
            body = stream(realistic(8000, seed=number))
            disk.fill(6_000_000)
            timer = threading.Timer(0.005 * ((7 * number + seed) % 13), lambda: disk.fill(0))
            timer.start()
            try:
                answered += insert(store, body)
            except StorageUnavailable:
                refused += 1
            timer.join()
            disk.free()
            if engine.damage:
                break
        assert refused > 0
        engine.close()
        engine = ChdbEngine(tmp_path / "data" / "store", SETTINGS)
        assert count(engine) >= answered, "one that was refused may be there"
        assert count(engine) % 8000 == 0, "each block is there whole or not at all"
        engine.close()
    finally:
        disk.close()
