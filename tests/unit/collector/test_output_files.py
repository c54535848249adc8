"""A local copy that is a file holds each record once: after crashes, full disks, rotations, ours and others'."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.outputs.files import KEPT_FILES
from collector.outputs.unavailable import OutputUnavailable
from logmill.errors import ConfigError
from tests.support.copying import batch, messages, opened, parts

FILES = ("jsonl", "csv")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("torn", [b"", b'{"half', b"a,b\r\n"])
def test_what_was_written_and_not_settled_is_cut_off(tmp_path, kind, torn):
    path = tmp_path / "copy"
    copy = opened(path, kind)
    copy.write("a", batch("settled"))
    settled = copy.position()
    copy.write("b", batch("not settled"))
    copy.close()
    with path.open("ab") as file:
        file.write(torn)
    again = opened(path, kind)
    again.restore(settled)
    again.write("b", batch("not settled"))
    again.write("c", batch("next"))
    assert messages(path, kind) == ["settled", "not settled", "next"]


@pytest.mark.parametrize("kind", FILES)
def test_a_first_batch_that_was_not_settled_is_cut_off_with_the_header(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path, kind)
    empty = copy.position()
    copy.write("a", batch("x"))
    copy.close()
    again = opened(path, kind)
    again.restore(empty)
    again.write("a", batch("x"))
    assert messages(path, kind) == ["x"]


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("settled", [(), ("settled",)], ids=["empty", "begun"])
def test_zeros_that_a_power_cut_left_are_cut_off(tmp_path, kind, settled):
    path = tmp_path / "copy"
    copy = opened(path, kind)
    if settled:
        copy.write("a", batch(*settled))
    position = copy.position()
    copy.close()
    with path.open("ab") as file:
        file.write(bytes(8192))
    again = opened(path, kind, position=position)
    again.write("b", batch("next"))
    assert messages(path, kind) == [*settled, "next"]


@pytest.mark.parametrize("kind", FILES)
def test_zeros_in_a_file_that_was_begun_after_a_rotation_are_gone(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path, kind, collect_output_max_bytes=100)
    copy.write("a", batch("settled"))
    position = copy.position()
    copy.write("b", batch("not settled"))
    copy.close()
    assert len(parts(path)) == 2
    path.write_bytes(bytes(4096))
    again = opened(path, kind, position=position, collect_output_max_bytes=100)
    again.write("b", batch("not settled"))
    assert messages(path, kind) == ["settled", "not settled"]


@pytest.mark.parametrize("kind", [*FILES, "sqlite"])
def test_zeros_of_another_file_than_the_settled_one_are_no_copy(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path)
    copy.write("a", batch("settled"))
    position = copy.position()
    copy.close()
    path.rename(tmp_path / "kept")
    path.write_bytes(bytes(4096))
    for of_copy in (position, "", "of a database"):
        with pytest.raises(ConfigError, match="is no copy"):
            opened(path, kind, position=of_copy)
    assert path.read_bytes() == bytes(4096)


@pytest.mark.parametrize("kind", ["csv", "sqlite"])
def test_a_copy_of_another_type_is_not_cut_off_either(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path)
    copy.write("a", batch("settled"))
    position = copy.position()
    copy.write("b", batch("not settled"))
    copy.close()
    content = path.read_bytes()
    with pytest.raises(ConfigError, match="is a copy in JSON lines"):
        opened(path, kind, position=position)
    assert path.read_bytes() == content


def test_without_a_position_it_goes_on_at_the_end(tmp_path):
    path = tmp_path / "copy"
    first = opened(path)
    first.write("a", batch("one"))
    first.close()
    second = opened(path)
    second.restore("")
    second.write("b", batch("two"))
    assert messages(path) == ["one", "two"]


@pytest.mark.parametrize("theirs", [(), ("mine",), ("x" * 5000, "y")])
def test_a_file_that_somebody_put_there_instead_stays_whole(tmp_path, theirs):
    path = tmp_path / "copy"
    copy = opened(path)
    copy.write("a", batch("gone with its file"))
    settled = copy.position()
    copy.close()
    path.rename(tmp_path / "kept")
    other = opened(path)
    if theirs:
        other.write("theirs", batch(*theirs))
    other.close()
    content = path.read_bytes()
    again = opened(path)
    again.restore(settled)
    again.write("b", batch("new"))
    assert path.read_bytes().startswith(content)
    assert path.read_bytes().count(b"\n") == content.count(b"\n") + 1


def test_a_position_of_another_type_of_copy_is_no_hindrance(tmp_path):
    opened(tmp_path / "copy").restore("of a database")
    opened(tmp_path / "db", "sqlite").restore('[1,2,"3"]')


@pytest.mark.parametrize("kind", FILES)
def test_it_is_rotated_by_size_and_the_oldest_goes(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path, kind, collect_output_max_bytes=1000)
    for number in range(100):
        copy.write(str(number), batch(f"{number} {'x' * 100}"))
        copy.position()
    assert len(parts(path)) == len(list(tmp_path.iterdir())) == 1 + KEPT_FILES
    assert all(part.stat().st_size < 1600 for part in parts(path))
    numbers = [int(message.split()[0]) for message in messages(path, kind)]
    assert numbers == list(range(numbers[0], 100))
    assert len(numbers) > 8


def test_it_is_never_rotated_where_no_size_is_given(tmp_path):
    copy = opened(tmp_path / "copy", collect_output_max_bytes=0)
    for number in range(20):
        copy.write(str(number), batch("x" * 1000))
        copy.position()
    assert len(parts(tmp_path / "copy")) == 1


@pytest.mark.parametrize("begin", [b"", b"begun\n"])
def test_a_file_that_others_rotate_is_followed_by_name(tmp_path, begin):
    path = tmp_path / "copy"
    copy = opened(path)
    copy.write("a", batch("before"))
    path.rename(tmp_path / "archived")
    if begin:
        path.write_bytes(begin)
    copy.write("b", batch("after"))
    assert b"before" in (tmp_path / "archived").read_bytes()
    assert path.read_bytes().startswith(begin)
    assert b"after" in path.read_bytes()
    assert b"before" not in path.read_bytes()


def test_a_batch_that_has_no_room_is_not_there_in_part(tmp_path):
    path = tmp_path / "copy"
    copy = opened(path)
    copy.write("a", batch("fits"))
    size = path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
    try:
        with pytest.raises(OutputUnavailable, match="File too large"):
            copy.write("b", batch("x" * 5000))
        assert path.stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    copy.write("b", batch("y"))
    copy.write("b", batch("y"))
    assert messages(path) == ["fits", "y"]


steps = st.lists(st.sampled_from(["write", "write", "write", "settle", "crash", "torn crash"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from(FILES), st.sampled_from([0, 300, 700]))
def test_whenever_it_crashes_each_record_of_a_settled_batch_is_there_once(tmp_path_factory, steps, kind, max_bytes):
    path: Path = tmp_path_factory.mktemp("copy") / "copy"
    copy = opened(path, kind, collect_output_max_bytes=max_bytes)
    settled, written, position = 0, 0, copy.position()
    for step in [*steps, "settle"]:
        if step == "write":
            copy.write(str(written), batch(f"{written} {'x' * 60}"))
            written += 1
        elif step == "settle":
            settled, position = written, copy.position()
        else:
            copy.close()
            if "torn" in step:
                with path.open("ab") as file:
                    file.write(b'{"ti' if kind == "jsonl" else b"time")
            copy = opened(path, kind, collect_output_max_bytes=max_bytes)
            copy.restore(position)
            written = settled
    copy.close()
    numbers = [int(message.split()[0]) for message in messages(path, kind)]
    assert numbers == list(range(numbers[0] if numbers else 0, written))
    assert numbers[:1] in ([], [0]) or len(parts(path)) == 1 + KEPT_FILES


def test_a_rotation_that_a_crash_cut_short_is_undone_or_gone_on_with(tmp_path):
    path = tmp_path / "copy"
    copy = opened(path, collect_output_max_bytes=100)
    copy.write("a", batch("one"))
    settled = copy.position()
    copy.close()
    path.rename(f"{path}.1")  # and nothing else
    again = opened(path, collect_output_max_bytes=100)
    again.restore(settled)
    again.write("b", batch("two"))
    assert messages(path) == ["one", "two"]
    assert parts(path) == [path.with_name("copy.1"), path]
