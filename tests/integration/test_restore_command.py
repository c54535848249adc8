"""`logmill restore` as people run it: logs come back from the archive and from exports, each once."""

from __future__ import annotations

import gzip
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.storage_blocks import batch, realistic, stream
from tests.support.storage_service import StorageService, poll, total


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    folder = tmp_path_factory.mktemp("restore")
    with StorageService(
        folder / "data",
        retention_days=1,
        retention_interval_s=0.02,
        min_free_bytes=0,
        archive_dir=str(folder / "archive"),
    ) as service:
        yield service


def restore(storage: StorageService, *words: str | Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    environment = child_environment(load({}, storage_url=storage.url))
    return subprocess.run(
        python_command("restore", *map(str, words)), env=environment, capture_output=True, timeout=90, **more
    )


def test_an_archive_is_restored_once(storage: StorageService) -> None:
    # Received in 2023: archived and dropped at once.
    assert (
        storage.ingest(
            stream(
                realistic(12_000, start_us=1_700_000_000_000_000)
                .with_columns(received_at=batch(1)[0]["received_at"])
                .cast({"received_at": realistic(1).schema["received_at"]})
            )
        ).status_code
        == 201
    )
    archive = storage.data_dir.parent / "archive"
    poll(lambda: total(storage) == 0 and any(archive.glob("*.gz")), "the day is dropped")
    (file,) = archive.glob("2023-11-14-*.json.gz")
    done = restore(storage, file)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"{file}: 12,000 logs, 12,000 stored, 0 there before\n"
    assert total(storage) == 12_000
    done = restore(storage, file)
    assert done.stdout.decode() == f"{file}: 12,000 logs, 0 stored, 12,000 there before\n"
    assert total(storage) == 12_000


def test_an_export_is_restored_as_it_is_packed_and_from_standard_input(storage: StorageService, tmp_path: Path) -> None:
    storage.http.delete(storage.url + "/logs/clear", timeout=60)
    logs = [{"message": f"m{number}", "service": "s"} for number in range(3)]
    storage.http.post(storage.url + "/logs", json=logs, timeout=60)
    lines = storage.get("/logs/export").content
    plain, packed = tmp_path / "plain.json", tmp_path / "packed.bin"
    plain.write_bytes(lines.rstrip(b"\n"))
    packed.write_bytes(gzip.compress(b"\n" + lines))
    storage.http.delete(storage.url + "/logs/clear", timeout=60)
    done = restore(storage, plain, packed, "-", input=lines)
    assert done.stdout.decode().splitlines() == [
        f"{plain}: 3 logs, 3 stored, 0 there before",
        f"{packed}: 3 logs, 0 stored, 3 there before",
        "-: 3 logs, 0 stored, 3 there before",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"message": "m"}\n', "line 1: this is no log as storage gives it out"),
        (b'{"id": "order-7"}\n', "line 1: 'order-7' is no id of storage's"),
        (b"\n\nno JSON\n", "line 3: this is no log"),
        (b'{"id": "\xff"}', "line 1: this is no log"),
        (gzip.compress(b'{"id": "order-7"}\n' * 1000)[:30], "cannot be read: Compressed file ended"),
        (b"\x1f\x8bnot gzip", "cannot be read: "),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_archive_is_an_error_that_says_where(
    storage: StorageService, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    before = total(storage)
    done = restore(storage, tmp_path / "file")
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"logmill: {tmp_path}/file")
    assert words in done.stderr.decode()
    assert total(storage) == before


def test_storage_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with StorageService(tmp_path / "data") as storage:
        storage.http.post(storage.url + "/logs", json=[{"message": "a"}, {"message": "b"}], timeout=60)
        (tmp_path / "file").write_bytes(storage.get("/logs/export").content)
        storage.http.delete(storage.url + "/logs/clear", timeout=60)
        assert storage.stop() == 0
        done = restore(storage, "--wait", "0.1", tmp_path / "file")
        assert (done.returncode, done.stderr.decode()) == (1, f"logmill: storage is not running at {storage.url}\n")
        starting = threading.Timer(1.0, storage.restart)
        starting.start()
        done = restore(storage, tmp_path / "file")
        starting.join()
        assert done.stdout.decode() == f"{tmp_path}/file: 2 logs, 2 stored, 0 there before\n"
        assert total(storage) == 2
