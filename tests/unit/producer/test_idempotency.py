"""Idempotency keys: their form, what they stand for, and the file that remembers them."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from logmill.errors import InvalidField
from producer.idempotency import KeyRegistry, KeysUnavailable, digest_of, key_of

ONE, OTHER = b"1" * 32, b"2" * 32
HAD = b"3" * 32


def registry_of(path: Path, keep_s: float = 60.0, max_keys: int = 1000) -> KeyRegistry:
    return KeyRegistry(path, keep_s=keep_s, max_keys=max_keys)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "idempotency.sqlite3"


@pytest.fixture
def keys(path: Path):
    registry = registry_of(path)
    yield registry
    registry.close()


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("a", "a"),
        (' "a-b" ', "a-b"),
        ('"', '"'),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
    ],
)
def test_a_key_is_visible_ascii_with_or_without_quotes(header, key):
    assert key_of(header) == key


@pytest.mark.parametrize("header", ["", " ", '""', "a b", '"a b"', "ä", "x" * 256, "a\tb", "a\x7f"])
def test_anything_else_is_refused_and_the_header_named(header):
    with pytest.raises(InvalidField) as caught:
        key_of(header)
    assert (caught.value.field, caught.value.status) == ("Idempotency-Key", 400)


def test_the_digest_is_of_all_that_decides_what_is_stored():
    same = digest_of("/logs", "application/json", {"lane": "bulk", "service": "s"}, b"{}")
    assert digest_of("/logs", "application/json", {"service": "s", "lane": "bulk", "ids": "1"}, b"{}") == same
    others = [
        digest_of("/logs/batch", "application/json", {"lane": "bulk", "service": "s"}, b"{}"),
        digest_of("/logs", "text/plain", {"lane": "bulk", "service": "s"}, b"{}"),
        digest_of("/logs", "application/json", {"lane": "bulk"}, b"{}"),
        digest_of("/logs", "application/json", {"lane": "bulk", "service": "s"}, b"{} "),
        digest_of("/logs", "application/json", {"lane": "bulks", "ervice": "s"}, b"{}"),
    ]
    assert len({same, *others}) == 6


def test_a_key_stands_for_one_content_and_knows_when_it_was_confirmed(keys: KeyRegistry, path: Path):
    assert not keys.bind("a", ONE)
    assert not keys.bind("a", ONE)
    with pytest.raises(InvalidField) as caught:
        keys.bind("a", OTHER)
    assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")
    keys.confirm("a", ONE, HAD)
    assert keys.bind("a", ONE) == HAD
    assert keys.bind("b", OTHER) is None
    keys.close()
    assert registry_of(path).bind("a", ONE) == HAD
    keys.confirm("a", ONE, OTHER)
    assert registry_of(path).bind("a", ONE) == OTHER


def test_what_an_older_file_has_as_confirmed_counts_as_unknown_until_it_is_confirmed_again(path: Path):
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE keys (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, digest BLOB NOT NULL,"
            " confirmed INTEGER NOT NULL DEFAULT 0, bound_at_us INTEGER NOT NULL)"
        )
    keys = registry_of(path)
    assert keys.bind("a", ONE) is None
    with sqlite3.connect(path) as db:
        db.execute("UPDATE keys SET confirmed = 1")
    assert keys.bind("a", ONE) is None
    keys.confirm("a", ONE, HAD)
    assert keys.bind("a", ONE) == HAD


def test_a_key_is_forgotten_after_a_while(path: Path, monkeypatch: pytest.MonkeyPatch):
    import producer.idempotency as module

    now_ns = [10**18]
    monkeypatch.setattr(module.time, "time_ns", lambda: now_ns[0])
    keys = registry_of(path, keep_s=60.0)
    keys.bind("a", ONE)
    keys.confirm("a", ONE, HAD)
    now_ns[0] += 59 * 10**9
    assert keys.bind("a", ONE)
    now_ns[0] += 2 * 10**9
    assert not keys.bind("a", OTHER)
    with pytest.raises(InvalidField):
        keys.bind("a", ONE)


def rows(path: Path) -> int:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT count(*) FROM keys").fetchone()[0]


def test_the_oldest_are_forgotten_where_there_are_too_many(path: Path):
    keys = registry_of(path, max_keys=10)
    for number in range(50):
        keys.bind(f"k{number}", ONE)
        keys.confirm(f"k{number}", ONE, HAD)
    assert rows(path) == 10
    assert not keys.bind("k39", ONE)
    assert keys.bind("k49", ONE)
    smaller = registry_of(path, max_keys=2)
    for number in range(5):
        smaller.bind(f"s{number}", ONE)
    assert rows(path) == 2


def test_old_keys_are_removed_a_few_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch):
    import producer.idempotency as module

    now_ns = [10**18]
    monkeypatch.setattr(module.time, "time_ns", lambda: now_ns[0])
    keys = registry_of(path)
    for number in range(20):
        keys.bind(f"k{number}", ONE)
    now_ns[0] += 61 * 10**9
    counts = []
    for number in range(6):
        keys.bind(f"n{number}", ONE)
        counts.append(rows(path))
    assert counts == [17, 14, 11, 8, 5, 6]


def bind_many(keys: KeyRegistry) -> None:
    for number in range(1000):
        keys.bind(f"k{number}", ONE)


def _bind_many(path: Path, number: int, start, results) -> None:
    keys = registry_of(path)
    start.wait()
    results.put([keys.bind(f"k{k}", ONE) for k in range(100)] + [keys.bind(f"own-{number}", ONE)])
    keys.close()


def test_two_processes_share_the_keys_and_may_make_the_file_at_the_same_moment(path: Path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    workers = [context.Process(target=_bind_many, args=(path, number, start, results)) for number in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    for _ in workers:
        assert results.get(timeout=30) == [None] * 101
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert rows(path) == 102
    with pytest.raises(InvalidField):
        registry_of(path).bind("own-1", OTHER)


def test_threads_share_the_keys(keys: KeyRegistry, path: Path):
    found: list[bytes | None] = []
    threads = [
        threading.Thread(target=lambda: found.extend([keys.bind(f"k{k}", ONE) for k in range(50)])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 400
    assert rows(path) == 50


def test_where_the_file_cannot_be_made_nothing_is_taken_and_a_later_try_may_succeed(tmp_path: Path):
    folder = tmp_path / "data"
    folder.write_text("in the way")
    keys = registry_of(folder / "idempotency.sqlite3")
    with pytest.raises(KeysUnavailable, match="cannot be kept in"):
        keys.bind("a", ONE)
    folder.unlink()
    assert not keys.bind("a", ONE)


def test_a_damaged_file_is_said_and_not_overwritten(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(KeysUnavailable, match="not a database"):
        registry_of(path).bind("a", ONE)
    assert path.read_bytes().startswith(b"no database")


def test_a_full_disk_is_said_and_costs_no_answer_that_was_earned(keys: KeyRegistry, path: Path):
    keys.bind("a", ONE)
    pages = keys._db.execute("PRAGMA page_count").fetchone()[0]
    keys._db.execute(f"PRAGMA max_page_count={pages}")  # what SQLite says then is what it says on a full disk
    with pytest.raises(KeysUnavailable, match="full"):
        bind_many(keys)
    keys._forget_connection()
    path.unlink()
    path.mkdir()
    keys.confirm("a", ONE, HAD)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(KeysUnavailable):
        registry_of(tmp_path / "idempotency.sqlite3").bind("a", ONE)


def test_a_read_only_file_system_is_said(path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(KeysUnavailable, match="Read-only file system"):
        registry_of(path).bind("a", ONE)


def test_a_file_that_is_locked_by_another_is_waited_for_a_moment(keys: KeyRegistry, path: Path):
    import time

    keys.bind("a", ONE)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(KeysUnavailable, match="locked"):
            keys.bind("b", ONE)
        assert time.monotonic() - started < 0.4
        other.execute("ROLLBACK")
    assert not keys.bind("b", ONE)


def test_a_file_that_was_deleted_meanwhile_is_made_anew(keys: KeyRegistry, path: Path):
    keys.bind("a", ONE)
    for file in path.parent.iterdir():
        file.unlink()
    assert not keys.bind("a", OTHER)
    assert rows(path) == 1
