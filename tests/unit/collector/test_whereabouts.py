"""Files that are moved away, cannot be looked at for a while, or were truncated while nobody took what was read."""

import gzip
import os
import time

import pytest

from collector.files import catalogue
from tests.support.tailing import Log, Tailing


@pytest.fixture
def log(tmp_path):
    (tmp_path / "logs").mkdir()
    return Log(tmp_path / "logs" / "app.log")


@pytest.fixture
def tailing_of(tmp_path, log):
    made = []

    def make(*patterns, **options):
        made.append(Tailing(tmp_path, *patterns, **options))
        return made[-1]

    yield make
    for tailing in made:
        tailing.close()


def move_away(log, folder):
    """As logrotate does with `olddir`; the writer has a new file then."""
    folder.mkdir()
    log.path.rename(folder / "app.log.1")
    os.close(log.fd)
    log.fd = log.open()


def test_a_file_that_is_moved_to_where_nobody_looks_is_read_to_its_end_and_let_go(tmp_path, log, tailing_of):
    tailing = tailing_of()
    log.write(30)
    tailing.look()
    log.write(3)
    move_away(log, tmp_path / "old")
    log.write(2)
    tailing.settle()
    assert sorted(tailing.lines) == sorted(log.written)
    old, new = tailing.catalogue.files()
    assert not old.has_news()
    assert (old.is_gone, new.is_gone) == (True, False)
    tailing.follower.finish(old)
    assert not old.is_open
    assert tailing.catalogue.files() == [new]


def test_a_file_that_comes_back_is_not_read_again(tmp_path, log, tailing_of):
    tailing = tailing_of()
    log.write(30)
    tailing.look()
    log.path.rename(tmp_path / "app.log")
    tailing.settle()
    (file,) = tailing.catalogue.files()
    tailing.follower.finish(file)
    assert len(tailing.catalogue) == 0
    (tmp_path / "app.log").rename(log.path)
    log.write(2)
    assert tailing.settle() == log.written[30:]
    assert not file.is_rotated


def test_a_folder_that_cannot_be_read_for_a_while_is_not_taken_for_empty(tmp_path, log, tailing_of):
    """A link to itself: root may read any folder."""
    log.write(30)
    tailing_of().look()
    tailing = tailing_of()
    log.path.parent.rename(tmp_path / "kept")
    log.path.parent.symlink_to(log.path.parent)
    tailing.settle()
    log.path.parent.unlink()
    (tmp_path / "kept").rename(log.path.parent)
    log.write(1)
    assert tailing.settle() == log.written[30:]


def test_what_was_read_of_a_truncated_file_is_kept_until_it_is_taken(log, tailing_of, monkeypatch):
    """While the producer is away nobody takes it, for however long."""
    tailing = tailing_of()
    log.write(3)
    tailing.look()
    os.write(log.fd, b"no end")
    tailing.look()
    os.ftruncate(log.fd, 0)
    log.write(1)
    tailing.look()
    monkeypatch.setattr(catalogue, "SEARCH_S", 0.05)
    monkeypatch.setattr(catalogue, "LEFTOVER_S", 0.05)
    time.sleep(0.1)
    tailing.follower.scan()
    assert [file.buffer for file in tailing.catalogue.left_over()] == [b"no end"]


def test_a_file_that_is_read_from_its_end_and_truncated_before_anything_came_is_read(log, tailing_of):
    log.write(60)
    assert tailing_of(from_end=True).look() == []
    tailing = tailing_of(from_end=True)
    os.ftruncate(log.fd, 0)
    log.write(2)
    assert tailing.settle() == log.written[60:]


def test_a_link_names_records_after_a_truncation_too(tmp_path, log, tailing_of):
    link = log.path.with_name("link.log")
    link.symlink_to(log.path)
    tailing = tailing_of("link.log")
    log.write(3)
    tailing.look()
    os.ftruncate(log.fd, 0)
    log.write(1)
    tailing.settle()
    assert {file.source.path for file in tailing.catalogue.files()} == {str(link)}
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("content", [gzip.compress(b"line\n" * 1000)[:-8], b"\x1f\x8bnothing of the kind"])
def test_a_compressed_file_that_cannot_be_read_is_tried_again_when_it_has_changed(log, tailing_of, content):
    """Each time costs decompressing all of it."""
    path = log.path.with_name("old.gz")
    path.write_bytes(content)
    tailing = tailing_of("*.gz")
    assert tailing.settle() == []
    (file,) = tailing.catalogue.files()
    assert not file.has_news()
    path.write_bytes(gzip.compress(b"one\n"))
    os.utime(path, (1, 1))
    assert file.has_news()
    assert tailing.settle() == ["one"]
