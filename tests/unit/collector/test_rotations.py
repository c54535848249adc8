"""Whatever is done to log files between two looks, each line is read once; also where the collector was down then."""

import gzip
import os
import time

import pytest

from collector.files import kinship
from tests.support.tailing import Log, Tailing


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    """What may become a copy is waited for, but not as long as for one of gigabytes."""
    monkeypatch.setattr(kinship, "COPY_WAIT_S", 0.3)


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture
def tailing_of():
    """Makes what follows files, and ends it."""
    made = []

    def make(*args, **options):
        made.append(Tailing(*args, **options))
        return made[-1]

    yield make
    for tailing in made:
        tailing.close()


def rename(log):
    log.rename()


def rename_to_date(log):
    log.rename(f"{log.path.name}-20260131")


def copy_truncate(log):
    log.copy_truncate()


def compress_at_once(log):
    log.rename()
    log.compress(f"{log.path.name}.1")


def copy_truncate_and_compress(log):
    log.copy_truncate()
    log.compress(f"{log.path.name}.1")


def rename_twice(log):
    log.rename()
    log.write(7)
    log.rename()


def rename_compress_rename(log):
    log.rename()
    log.compress(f"{log.path.name}.1")
    log.write(5)
    log.rename()


def copy_truncate_twice(log):
    log.copy_truncate()
    log.write(3)
    log.copy_truncate()


WAYS = (
    rename,
    rename_to_date,
    copy_truncate,
    compress_at_once,
    copy_truncate_and_compress,
    rename_twice,
    rename_compress_rename,
    copy_truncate_twice,
)


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("unread", [0, 5], ids=["all read", "unread"])
@pytest.mark.parametrize("way", WAYS)
def test_each_line_is_read_once_through_a_rotation(tmp_path, logs, tailing_of, way, unread, is_down, pattern):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path, pattern)
    log.write(50)
    tailing.look()
    log.write(unread)
    way(log)
    log.write(4)
    if is_down:
        tailing.start()
    tailing.settle()
    log.write(3)
    tailing.settle()
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("way", WAYS)
def test_a_second_rotation_and_another_start_read_nothing_again(tmp_path, logs, tailing_of, way):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path, "app.log*")
    for _round in range(3):
        log.write(30)
        tailing.settle()
        way(log)
        log.write(2)
        tailing.settle()
    tailing.start()
    assert tailing.settle() == []
    assert sorted(tailing.lines) == sorted(log.written)


def test_a_truncated_file_is_read_from_its_start(tmp_path, logs, tailing_of):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(20)
    tailing.look()
    os.ftruncate(log.fd, 0)
    log.write(3)
    assert tailing.settle() == log.written[20:]


def test_a_file_that_was_truncated_and_is_longer_than_before_is_read_from_its_start(tmp_path, logs, tailing_of):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(5)
    tailing.look()
    os.ftruncate(log.fd, 0)
    log.write(30)
    assert tailing.settle() == log.written[5:]


@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
def test_a_deleted_and_recreated_file_is_read_from_its_start(tmp_path, logs, tailing_of, is_down):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(20)
    tailing.look()
    if is_down:
        tailing.start()
    log.recreate()
    log.write(3)
    assert tailing.settle() == log.written[20:]


def test_what_was_written_before_a_deletion_is_read_while_the_file_is_open(tmp_path, logs, tailing_of):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(2)
    tailing.look()
    log.write(5)
    log.recreate()
    log.write(3)
    tailing.settle()
    assert sorted(tailing.lines) == sorted(log.written)


def test_an_inode_that_is_used_again_is_a_new_file(tmp_path, logs, tailing_of):
    """Inodes of deleted files are given to new ones; a link makes it certain here."""
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(20)
    tailing.look()
    tailing.start()
    inode = log.path.stat().st_ino
    os.ftruncate(log.fd, 0)
    log.path.rename(logs / "other.log")
    other = Log(logs / "other.log")
    other.write(40)
    assert (logs / "other.log").stat().st_ino == inode
    assert tailing.settle() == other.written


def test_a_file_that_moves_to_where_another_pattern_matches_is_not_read_again(tmp_path, logs, tailing_of):
    (logs / "old").mkdir()
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path, "*.log", "old/*.log")
    log.write(20)
    tailing.look()
    log.write(2)
    log.path.rename(logs / "old" / "app.log")
    tailing.settle()
    tailing.start()
    tailing.settle()
    assert tailing.lines == log.written


def test_half_a_line_is_not_taken_before_its_end_comes(tmp_path, logs, tailing_of):
    tailing = tailing_of(tmp_path)
    path = logs / "app.log"
    path.write_bytes(b"one\nha")
    assert tailing.look() == ["one"]
    with path.open("ab") as file:
        file.write(b"lf\nthree\n")
    assert tailing.look() == ["half", "three"]


def test_half_a_line_is_not_lost_by_a_restart(tmp_path, logs, tailing_of):
    tailing = tailing_of(tmp_path)
    path = logs / "app.log"
    path.write_bytes(b"one\nha")
    tailing.look()
    tailing.start()
    with path.open("ab") as file:
        file.write(b"lf\n")
    assert tailing.look() == ["half"]


def test_a_compressed_file_that_was_never_seen_plain_is_read_once_it_is_whole(tmp_path, logs, tailing_of):
    text = b"".join(b"line %d of a compressed file\n" % number for number in range(5000))
    packed = gzip.compress(text)
    path = logs / "old.log.1.gz"
    tailing = tailing_of(tmp_path, "*.gz")
    path.write_bytes(packed[: len(packed) // 2])
    assert tailing.look() == []
    path.write_bytes(packed)
    assert tailing.settle() == text.decode().splitlines()
    tailing.start()
    assert tailing.settle() == []


def test_a_damaged_compressed_file_stops_nothing(tmp_path, logs, tailing_of):
    (logs / "bad.log.gz").write_bytes(b"\x1f\x8bnothing of the kind")
    (logs / "good.log").write_bytes(b"good\n")
    tailing = tailing_of(tmp_path, "*.log*")
    assert tailing.settle() == ["good"]


def test_the_copy_of_a_file_is_not_read_while_the_file_is_there(tmp_path, logs, tailing_of):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path, "app.log*")
    log.write(20)
    tailing.look()
    (logs / "app.log.1").write_bytes((logs / "app.log").read_bytes())
    assert tailing.settle() == []


def test_a_copy_that_is_being_made_is_not_read(tmp_path, logs, tailing_of):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path, "app.log*")
    log.write(100)
    tailing.look()
    content = (logs / "app.log").read_bytes()
    (logs / "app.log.1").write_bytes(b"")
    assert tailing.look() == []
    (logs / "app.log.1").write_bytes(content[:700])
    assert tailing.look() == []
    (logs / "app.log.1").write_bytes(content)
    os.ftruncate(log.fd, 0)
    log.write(2)
    assert tailing.settle() == log.written[100:]


def test_files_with_the_same_first_lines_are_different_files(tmp_path, logs, tailing_of):
    names = ("a.log", "b.log", "app.log", "app.log.1", "app-2026-01-31.log")
    tailing = tailing_of(tmp_path, "*.log*")
    for name in names:
        with (logs / name).open("ab") as file:
            file.write(b"started\n")
            file.write(f"this is {name}\n".encode())
        tailing.settle()
    assert tailing.lines == [line for name in names for line in ("started", f"this is {name}")]


def test_from_the_end_means_files_that_are_there_at_the_first_start(tmp_path, logs, tailing_of):
    (logs / "old.log").write_bytes(b"one\ntwo\nha")
    tailing = tailing_of(tmp_path, from_end=True)
    assert tailing.look() == []
    (logs / "new.log").write_bytes(b"first\n")
    with (logs / "old.log").open("ab") as file:
        file.write(b"lf\nfour\n")
    assert sorted(tailing.look()) == ["first", "four", "half"]
    tailing.start()
    (logs / "third.log").write_bytes(b"third\n")
    assert tailing.look() == ["third"]


def test_excluded_files_are_left_out(tmp_path, logs, tailing_of):
    for name in ("a.log", "a.debug.log", "b.log"):
        (logs / name).write_text(f"{name}\n")
    tailing = tailing_of(tmp_path, exclude=("*.debug.log", str(logs / "b*")))
    assert tailing.look() == ["a.log"]


def test_a_link_and_its_target_are_one_file(tmp_path, logs, tailing_of):
    (logs / "a.log").write_text("one\n")
    (logs / "b.log").symlink_to(logs / "a.log")
    os.link(logs / "a.log", logs / "c.log")
    tailing = tailing_of(tmp_path)
    assert tailing.look() == ["one"]


def test_folders_pipes_and_hidden_files_are_not_followed(tmp_path, logs, tailing_of):
    (logs / "folder.log").mkdir()
    os.mkfifo(logs / "pipe.log")
    (logs / ".hidden.log").write_text("hidden\n")
    (logs / "a.log").write_text("one\n")
    tailing = tailing_of(tmp_path)
    assert tailing.look() == ["one"]


def test_more_files_than_may_be_open_are_all_followed(tmp_path, logs, tailing_of):
    tailing = tailing_of(tmp_path, max_open=10)
    for number in range(50):
        (logs / f"{number}.log").write_text(f"{number} first\n")
    tailing.look()
    for number in range(50):
        with (logs / f"{number}.log").open("a") as file:
            file.write(f"{number} second\n")
    tailing.look()
    tailing.look()
    expected = [f"{number} {word}" for number in range(50) for word in ("first", "second")]
    assert sorted(tailing.lines) == sorted(expected)
    assert sum(file.is_open for file in tailing.catalogue.files()) <= 20


def test_many_files_of_one_log_are_told_apart_without_keeping_them_open(tmp_path, logs, tailing_of):
    """Each hour a file: each is compared with all that were there before, but only those that begin alike are read."""
    expected = []
    for number in range(300):
        lines = [f"hour {number} line {line}" for line in range(40)]
        (logs / f"app-2026-01-31_{number:06d}.log").write_text("".join(f"{line}\n" for line in lines))
        expected += lines
    tailing = tailing_of(tmp_path)
    for _scan in range(2):
        tailing.follower.scan()
    assert len(tailing.catalogue) == 300
    assert not [file for file in tailing.catalogue.files() if file.is_open or file.buffer]
    tailing.settle()
    assert sorted(tailing.lines) == sorted(expected)
    (logs / "app-2026-02-01_000000.log").write_bytes((logs / "app-2026-01-31_000007.log").read_bytes())
    assert tailing.settle() == []


def test_a_replaced_file_with_the_start_of_the_old_one_goes_on_behind_it_on_another_disk(tmp_path, logs, tailing_of):
    """Another inode and the same content at the start: a disk that was restored."""
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(60)
    tailing.look()
    content = log.path.read_bytes()
    log.path.rename(tmp_path / "kept")
    log.path.write_bytes(content + b"more\n")
    (tmp_path / "kept").unlink()
    tailing.start()
    assert tailing.settle() == ["more"]


def test_files_that_are_gone_for_long_are_forgotten(tmp_path, logs, tailing_of):
    log = Log(logs / "app.log")
    tailing = tailing_of(tmp_path)
    log.write(1)
    tailing.look()
    log.path.unlink()
    tailing.start()
    tailing.look()
    assert len(tailing.checkpoint.files()) == 1
    tailing.checkpoint._db.execute("UPDATE files SET seen_at = ?", (time.time() - 31 * 86_400,))
    assert tailing.checkpoint.files() == []
