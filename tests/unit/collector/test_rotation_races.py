"""Rotations that happen between the steps of one look, and of files of which nothing is an event yet."""

import gzip
import os
import shutil
import time

import pytest

from collector.files import catalogue, kinship, whereabouts
from collector.files.content import is_of, open_content
from collector.files.fingerprints import Print
from collector.files.followed import CLOCK_SLACK_S
from collector.files.strangers import Strangers
from collector.files.whereabouts import Whereabouts
from collector.framing.framer import Coming
from tests.support.tailing import Log, Tailing


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    monkeypatch.setattr(kinship, "COPY_WAIT_S", 0.3)
    monkeypatch.setattr(catalogue, "LEFTOVER_S", 0.3)


@pytest.fixture
def log(tmp_path):
    (tmp_path / "logs").mkdir()
    return Log(tmp_path / "logs" / "app.log")


@pytest.fixture
def tailing(tmp_path, log):
    made = Tailing(tmp_path, "app.log*")
    yield made
    made.close()


def write_without_end(log):
    """A line whose line feed is missing, since its writer has ended the file."""
    log.number += 1
    line = f"{log.name} line {log.number} without an end"
    log.written.append(line)
    os.write(log.fd, line.encode())


def settle(tailing):
    """Until nothing comes, lines without an end included, as after the time that they are waited for."""
    tailing.settle()
    tailing.settle(coming=Coming.NOTHING)
    time.sleep(0.4)
    for file in tailing.catalogue.left_over():
        framed = tailing.framer.frame(file.buffer, 5000, Coming.NOTHING)
        tailing.lines += [event.decode() for event in framed.events]
        file.use(framed.used_bytes)
    tailing.settle(coming=Coming.NOTHING)


def test_a_new_file_that_is_renamed_before_it_is_opened_is_not_taken_for_the_one_that_follows_it(log, tailing):
    log.write(1)
    tailing.follower.scan()
    log.rename()
    log.write(5)
    tailing.look(scan=False)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_the_rest_of_a_file_that_is_renamed_before_it_is_opened_is_found_again(log, tailing):
    log.write(40)
    tailing.look()
    log.write(3)
    log.copy_truncate()
    log.write(2)
    tailing.look(scan=False)
    tailing.follower.scan()
    log.copy_truncate()
    log.write(1)
    tailing.look(scan=False)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
def test_the_copy_of_a_file_with_nothing_but_a_line_without_an_end_is_not_read_beside_it(log, tailing, is_down):
    write_without_end(log)
    tailing.look()
    if is_down:
        tailing.start()
    log.copy_truncate()
    settle(tailing)
    log.write(2)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("compresses", [False, True])
def test_the_compressed_form_of_a_file_with_nothing_but_a_line_without_an_end_is_not_read_beside_it(
    log, tailing, compresses
):
    write_without_end(log)
    tailing.look()
    log.rename()
    tailing.look()
    if compresses:
        log.compress("app.log.1")
    tailing.look()
    settle(tailing)
    assert tailing.lines == log.written


def test_a_copy_that_is_there_before_anything_of_the_file_was_read_is_not_read_beside_it(log, tailing):
    log.write(3)
    tailing.follower.scan()
    shutil.copyfile(log.path, f"{log.path}.1")
    tailing.follower.scan()
    tailing.look(scan=False)
    os.ftruncate(log.fd, 0)
    log.write(1)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.fixture
def tailing_the_log_alone(tmp_path, log):
    made = Tailing(tmp_path, "app.log", "old/*.log")
    yield made
    made.close()


@pytest.mark.parametrize("target", ["app.log.1", "app.log-20260131", "old/app.log"])
def test_a_log_that_came_and_went_while_the_collector_was_down_is_found_though_the_one_before_had_gone_already(
    log, tailing_the_log_alone, target
):
    tailing = tailing_the_log_alone
    log.path.with_name("old").mkdir()
    log.write(20)
    tailing.look()
    # Its writer goes on in it for a while, and there is no app.log when the collector is killed.
    log.path.rename(log.path.parent / target)
    tailing.look()
    os.close(log.fd)
    log.fd = log.open()
    log.write(2)
    log.rename()
    log.write(3)
    tailing.start()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("lines", [1, 60])
def test_the_copy_of_a_log_that_was_emptied_and_moved_is_not_read_beside_it(log, tailing_the_log_alone, lines):
    tailing = tailing_the_log_alone
    log.path.with_name("old").mkdir()
    log.rename()  # so that its folder is looked through
    log.write(lines)
    tailing.settle()
    log.write(1)
    log.copy_truncate()
    log.write(1)
    log.path.rename(log.path.with_name("old") / "app.log")
    os.close(log.fd)
    log.fd = log.open()
    log.write(1)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("is_first", [False, True], ids=["together", "the compressed one first"])
def test_a_copy_and_what_is_compressed_of_it_are_read_once_where_both_are_there(log, tailing, is_first):
    log.write(400)
    tailing.settle()
    log.write(5)
    log.copy_truncate()
    log.write(1)
    copy = log.path.with_name("app.log.1")
    if is_first:
        copy.rename(log.path.parent.parent / "aside")
        copy.with_name("app.log.1.gz").write_bytes(gzip.compress((log.path.parent.parent / "aside").read_bytes()))
        tailing.settle()
        (log.path.parent.parent / "aside").rename(copy)
    else:
        copy.with_name("app.log.1.gz").write_bytes(gzip.compress(copy.read_bytes()))
        shutil.copystat(copy, copy.with_name("app.log.1.gz"))
    settle(tailing)
    copy.unlink()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_the_rest_of_a_truncated_log_is_found_by_the_next_collector(log, tailing_the_log_alone):
    tailing = tailing_the_log_alone
    log.write(40)
    tailing.look()
    log.write(5)
    log.copy_truncate()
    log.write(1)
    tailing.look(scan=False)
    tailing.start()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_old_rotated_files_that_no_pattern_matches_stay_unread_through_restarts(log, tailing_the_log_alone):
    tailing = tailing_the_log_alone
    old = log.path.with_name("app.log.9")
    old.write_text("old\n")
    os.utime(old, (time.time() - 3600,) * 2)
    log.write(3)
    tailing.look()
    log.rename()
    log.write(2)
    tailing.look()
    tailing.start()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("is_matched", [False, True], ids=["the log alone", "its rotated files too"])
def test_the_copy_of_a_file_that_took_the_place_of_another_unnoticed_is_not_read_beside_it(
    tmp_path, log, is_down, is_matched
):
    """Emptied and written anew, or made anew with the same inode, and copied before anybody looks."""
    tailing = Tailing(tmp_path, "app.log*" if is_matched else "app.log")
    log.write(40)
    tailing.settle()
    os.ftruncate(log.fd, 0)
    log.write(60)
    shutil.copyfile(log.path, f"{log.path}.1")
    if is_down:
        tailing.start()
    tailing.look()
    settle(tailing)
    os.ftruncate(log.fd, 0)
    log.write(5)
    settle(tailing)
    tailing.close()
    assert sorted(tailing.lines) == sorted(log.written)


def test_the_rest_of_a_file_that_was_read_on_after_a_restart_is_read_in_its_copy(log, tailing):
    log.write(50)
    tailing.settle()
    tailing.start()
    log.write(50)
    tailing.settle()
    log.write(20)
    log.copy_truncate()
    log.write(5)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_the_copy_of_a_log_that_came_between_two_steps_of_a_scan_is_not_read_beside_it(
    log, tailing_the_log_alone, monkeypatch
):
    tailing = tailing_the_log_alone
    log.write(30)
    tailing.settle()
    log.rename()
    log.write(30)
    tailing.settle()
    find = tailing.discovery.find

    def find_and_rotate():
        found = find()
        monkeypatch.undo()
        log.rename()
        log.write(40)
        log.shift()
        shutil.copyfile(log.path, f"{log.path}.1")
        return found

    monkeypatch.setattr(tailing.discovery, "find", find_and_rotate)
    tailing.look()
    settle(tailing)
    os.ftruncate(log.fd, 0)
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_the_first_byte_of_what_is_being_compressed_is_not_taken_for_a_damaged_file(log, tailing):
    log.write(30)
    tailing.settle()
    log.rename()
    tailing.settle()
    rotated = log.path.with_name("app.log.1")
    content = gzip.compress(rotated.read_bytes())
    packed = log.path.with_name("app.log.1.gz")
    packed.write_bytes(content[:1])
    for _scan in range(3):
        tailing.look()
    with packed.open("ab") as rest:
        rest.write(content[1:])
    rotated.unlink()
    settle(tailing)
    assert tailing.lines == log.written


def test_a_copy_is_not_whole_before_it_is_as_long_as_what_was_read(tmp_path):
    (tmp_path / "copy").write_bytes(b"begin")
    content = open_content(str(tmp_path / "copy"))
    assert is_of(content, Print.of(b"beg"), 5, Print())
    assert not is_of(content, Print.of(b"beg"), 6, Print())
    content.close()


@pytest.mark.parametrize("is_another", [False, True], ids=["renamed", "another with its inode"])
def test_an_unread_file_is_read_under_the_name_of_another_log_where_it_is_the_same(
    log, tailing_the_log_alone, is_another
):
    tailing = tailing_the_log_alone
    log.write(3)
    tailing.follower.scan()
    there = log.path.rename(log.path.with_name("other.log.1"))
    if is_another:
        there.write_bytes(b"what somebody else wrote\n")
    settle(tailing)
    assert tailing.lines == ([] if is_another else log.written)


@pytest.mark.parametrize(("name", "is_same_log"), [("app.log.2", True), ("app.log.2.gz", True), ("other.log", False)])
def test_a_log_that_is_given_the_inode_of_an_unread_file_is_not_taken_for_it(log, tailing, name, is_same_log):
    """Nobody could say at the scan before what had that inode, and so it is looked for again."""
    log.write(1)
    tailing.follower.scan()
    (file,) = tailing.catalogue.files()
    there = log.path.rename(log.path.with_name("app.log.1"))
    strangers = Strangers()
    strangers.renamed_unread(file, tailing.discovery.look(str(there)))
    there.rename(log.path.with_name(name))
    strangers.look_again(Whereabouts(tailing.discovery, tailing.discovery.find()))
    assert strangers.is_wanted(file.key) == is_same_log
    assert [one.name for one in strangers.gather([])] == [str(log.path)] * is_same_log


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_that_no_pattern_matches_after_it_was_renamed_unread_is_read(log, tailing_the_log_alone, times):
    tailing = tailing_the_log_alone
    log.write(3)
    os.utime(log.path, (1, 1))
    tailing.follower.scan()
    for _time in range(times):
        log.rename()
        tailing.follower.scan()
    settle(tailing)
    assert tailing.lines == log.written


def test_the_beginning_of_a_compressed_file_is_kept_so_that_it_is_told_from_others(tmp_path):
    lines = [f"line {number}\n".encode() for number in range(900)]
    (tmp_path / "logs").mkdir()
    tailing = Tailing(tmp_path, "app.log*")
    (tmp_path / "logs" / "app.log.2.gz").write_bytes(gzip.compress(b"".join(lines)))
    tailing.settle()
    (file,) = tailing.catalogue.files()
    assert file.head_print == Print.of(b"".join(lines)[:1024])
    tailing.start()
    (file,) = tailing.catalogue.files()
    tailing.close()
    assert file.head_print == Print.of(b"".join(lines)[:1024])


@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
def test_a_log_that_came_and_went_in_the_place_of_another_before_anybody_looked_is_read(
    log, tailing_the_log_alone, is_down
):
    """As with the inode of the one before, emptied and compressed: what lies there now was written afterwards."""
    tailing = tailing_the_log_alone
    log.write(40)
    tailing.settle()
    os.ftruncate(log.fd, 0)
    log.write(2)
    log.copy_truncate()
    log.compress("app.log.1")
    log.write(3)
    time.sleep(2 * CLOCK_SLACK_S)
    if is_down:
        tailing.start()
    tailing.follower.scan()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


@pytest.mark.parametrize("is_down", [False, True], ids=["up", "down"])
def test_another_compressed_file_in_the_place_of_one_that_was_read_is_read(log, tailing, is_down):
    """Whatever its inode, its size and its time are."""
    packed = log.path.with_name("app.log.1.gz")
    packed.write_bytes(gzip.compress(b"one\n"))
    tailing.settle()
    for file in tailing.catalogue.files():
        tailing.follower.finish(file)
    if is_down:
        tailing.start()
    stat = packed.stat()
    with packed.open("r+b") as file:
        file.write(gzip.compress(b"two\n"))
    os.utime(packed, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    settle(tailing)
    assert tailing.lines == ["one", "two"]


def test_what_is_compressed_to_its_end_while_it_is_compared_is_not_read_beside_it(log, tailing, monkeypatch):
    """At the first look its beginning cannot be read, at the second one it is whole."""
    for _time in range(2):
        log.write(300)
        tailing.settle()
        log.rename()
        tailing.settle()
    rotated = log.path.with_name("app.log.1")
    content = gzip.compress(rotated.read_bytes())
    packed = log.path.with_name("app.log.1.gz")
    packed.write_bytes(content[:30])
    tailing.look()
    like = kinship.Beginnings.like

    def like_and_go_on(self, found, relatives):
        try:
            return like(self, found, relatives)
        finally:
            packed.write_bytes(content)

    for _scan in range(2):
        packed.write_bytes(content[:30])
        with monkeypatch.context() as patched:
            patched.setattr(kinship.Beginnings, "like", like_and_go_on)
            tailing.look()
    rotated.unlink()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_what_was_rotated_while_nothing_was_read_is_read_after_a_restart_too(log, tailing_the_log_alone):
    """The producer was away meanwhile: files were looked for, but not looked at."""
    tailing = tailing_the_log_alone
    log.write(40)
    tailing.settle()
    log.write(2)
    log.copy_truncate()
    log.write(3)
    log.copy_truncate()
    time.sleep(2 * CLOCK_SLACK_S)
    log.write(4)
    tailing.follower.scan()
    tailing.checkpoint.note("alive_at", str(tailing.catalogue.seen_until()))
    tailing.start()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)


def test_a_file_that_was_opened_to_be_compared_is_looked_at_again(log, tailing):
    log.write(40)
    tailing.settle()
    log.rename()
    tailing.settle()
    rotated = next(file for file in tailing.catalogue.files() if file.is_rotated)
    tailing.follower.finish(rotated)
    assert rotated not in tailing.follower.due(everything=True)
    log.path.with_name("app.log.1.gz").touch()
    (log.path.with_name("app.log.2")).write_bytes(log.path.with_name("app.log.1").read_bytes()[:700])
    tailing.follower.scan()
    assert rotated.is_open
    assert rotated in tailing.follower.due(everything=True)


def test_a_file_is_lost_where_its_folder_can_be_entered_but_not_listed(log, tailing, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", folder)

    log.write(3)
    tailing.settle()
    tailing.start()
    monkeypatch.setattr(whereabouts, "names_in", refuse)
    tailing.settle()
    assert len(tailing.catalogue) == 1
    log.path.unlink()
    tailing.start()
    tailing.settle()
    assert not tailing.follower.wants_scan
    assert len(tailing.catalogue) == 0


def test_records_of_a_file_that_was_renamed_unread_name_it_as_the_others(log, tailing):
    log.write(3)
    tailing.follower.scan()
    log.rename()
    log.write(2)
    settle(tailing)
    assert {file.source.path for file in tailing.catalogue.files()} == {str(log.path)}


def test_rotated_files_that_are_there_at_the_first_start_are_read_from_their_end_too(tmp_path, log):
    for name in ("app.log.1", "app-2026-01-31.log"):
        log.path.with_name(name).write_text(f"old {name}\n")
    tailing = Tailing(tmp_path, "app*", from_end=True)
    assert tailing.settle() == []
    with log.path.with_name("app-2026-01-31.log").open("ab") as live:
        live.write(b"new\n")
    assert tailing.settle() == ["new"]
    tailing.close()


def test_the_compressed_form_of_a_log_that_was_empty_when_it_was_opened_is_not_read_beside_it(log, tailing):
    tailing.look()
    log.write(2)
    log.rename()
    log.compress("app.log.1")
    log.write(5)
    # Nothing is read as long as the producer takes nothing.
    tailing.follower.scan()
    tailing.follower.scan()
    settle(tailing)
    assert sorted(tailing.lines) == sorted(log.written)
