"""Files of batches: read as they were written, by one process at a time, whatever a crash left; within their bounds."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from logmill.handler import places
from logmill.handler.batches import Batch, Lane, halves
from logmill.handler.losses import Loss, Losses
from logmill.handler.places import DEFAULT, Place
from logmill.handler.spill import NORMAL_SHARE, Spill
from tests.support.service_process import ROOT

MIB = 1024 * 1024


def batch(number: int, lane: Lane = Lane.NORMAL, size_bytes: int = 100, records: int = 10) -> Batch:
    return Batch(f"key-{number}", lane, records, os.urandom(size_bytes), 0.0)


class Told:
    """The lines that people are told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.losses = Losses(self.lines.append)


@pytest.fixture
def told() -> Told:
    return Told()


def spill_in(folder: Path, told: Told, max_bytes: int = 64 * MIB) -> Spill:
    return Spill([Place(folder)], max_bytes, told.losses)


def drained(spill: Spill, lane: Lane = Lane.NORMAL) -> list[str]:
    """The keys of all batches of a lane, each settled after it was read."""
    found = []
    while (one := spill.first(lane)) is not None:
        found.append(one.key)
        spill.settle(one.key)
    return found


def taken_over(spill: Spill) -> list[str]:
    """The same of what others left."""
    found = []
    while (one := spill.first_left()) is not None:
        found.append(one.key)
        spill.settle(one.key)
    return found


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_batches_come_back_in_order_as_they_were(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path / "a" / "b", told)
    written = [batch(number) for number in range(20)]
    assert all(spill.append(one) for one in written)
    assert (spill.batches(Lane.NORMAL), spill.records) == (20, 200)
    read = spill.first(Lane.NORMAL)
    assert read is not None
    assert (read.key, read.lane, read.records, read.body) == ("key-0", Lane.NORMAL, 10, written[0].body)
    again = spill.first(Lane.NORMAL)
    assert again is not None
    assert again.key == "key-0", "it stays until it is settled"
    assert drained(spill) == [one.key for one in written]
    assert (spill.batches(Lane.NORMAL), spill.records) == (0, 0)


def test_files_and_folders_are_for_their_owner_alone(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path / "a" / "b", told)
    spill.append(batch(1))
    (file,) = (tmp_path / "a" / "b").iterdir()
    assert (tmp_path / "a").stat().st_mode & 0o777 == (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_read_is_used_again_and_removed_at_the_end(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path, told)
    spill.append(batch(1, size_bytes=10_000))
    drained(spill)
    assert spill.size_bytes < 100
    spill.append(batch(2))
    assert len(files(tmp_path)) == 1
    assert drained(spill) == ["key-2"]
    spill.close()
    assert files(tmp_path) == []


def test_long_spills_are_several_files_each_removed_once_it_was_read(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path, told, max_bytes=8 * MIB)
    for number in range(30):
        assert spill.append(batch(number, size_bytes=200_000))
    assert len(files(tmp_path)) >= 5
    for _ in range(15):
        one = spill.first(Lane.NORMAL)
        assert one is not None
        spill.settle(one.key)
    assert len(files(tmp_path)) <= 4
    assert drained(spill) == [f"key-{number}" for number in range(15, 30)]
    assert len(files(tmp_path)) == 1


def test_there_is_no_more_on_the_disk_than_allowed_and_errors_have_the_rest(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path, told, max_bytes=MIB)
    taken = sum(spill.append(batch(number, size_bytes=10_000)) for number in range(200))
    assert NORMAL_SHARE * 100 <= taken <= NORMAL_SHARE * 105
    more = sum(spill.append(batch(1000 + number, Lane.URGENT, size_bytes=10_000)) for number in range(200))
    assert 20 <= more <= 30
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= MIB


def test_files_of_others_count_too(tmp_path: Path, told: Told):
    first = spill_in(tmp_path, told, max_bytes=MIB)
    while first.append(batch(1, size_bytes=10_000)):
        pass
    assert not spill_in(tmp_path, told, max_bytes=MIB).append(batch(2, size_bytes=10_000))


def test_another_takes_nothing_of_a_file_that_is_held_and_all_of_one_that_was_left(tmp_path: Path, told: Told):
    holder = spill_in(tmp_path, told)
    holder.append(batch(1))
    holder.append(batch(2, Lane.URGENT))
    other = spill_in(tmp_path, told)
    assert other.is_left()
    assert other.first_left() is None
    holder.close()
    later = spill_in(tmp_path, told)
    assert taken_over(later) == ["key-2", "key-1"], "errors first"
    assert files(tmp_path) == []
    assert told.lines == []


def test_two_do_not_take_over_the_same_file(tmp_path: Path, told: Told):
    gone = spill_in(tmp_path, told)
    gone.append(batch(1))
    gone.close()
    first, second = spill_in(tmp_path, told), spill_in(tmp_path, told)
    assert first.first_left() is not None
    assert second.first_left() is None


def test_what_a_killed_process_wrote_is_taken_over(tmp_path: Path, told: Told):
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from logmill.handler.spill import Spill; from logmill.handler.places import Place\n"
        "from logmill.handler.losses import Losses; from logmill.handler.batches import Batch, Lane\n"
        "spill = Spill([Place(Path(sys.argv[1]))], 1 << 20, Losses())\n"
        "[spill.append(Batch(f'key-{n}', Lane.NORMAL, 1, b'body', 0.0)) for n in range(3)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, timeout=60)
    assert done.returncode == -9
    assert taken_over(spill_in(tmp_path, told)) == ["key-0", "key-1", "key-2"]


@pytest.mark.parametrize("cut_bytes", [1, 5, 101, 150])
def test_a_batch_that_was_cut_off_is_told_and_the_others_are_read(tmp_path: Path, told: Told, cut_bytes: int):
    gone = spill_in(tmp_path, told)
    for number in range(3):
        gone.append(batch(number))
    gone.close()
    (file,) = tmp_path.iterdir()
    os.truncate(file, file.stat().st_size - cut_bytes)
    assert taken_over(spill_in(tmp_path, told)) == ["key-0", "key-1"]
    assert "no whole batch" in told.lines[0]
    assert files(tmp_path) == []


def test_a_batch_that_was_changed_is_counted_and_the_others_are_read(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path, told)
    for number in range(3):
        spill.append(batch(number))
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[content.index(b'"key-1"') + 130] ^= 1
    file.write_bytes(content)
    assert drained(spill) == ["key-0", "key-2"]
    assert told.losses.of(Loss.DAMAGED) == 10


def test_a_header_that_was_changed_costs_what_stands_behind_it(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path, told)
    for number in range(3):
        spill.append(batch(number))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes().replace(b'"key": "key-1"', b'"kex": "key-1"'))
    assert drained(spill) == ["key-0"]
    assert told.losses.of(Loss.DAMAGED) == 20
    assert spill.append(batch(4))
    assert drained(spill) == ["key-4"]


@pytest.mark.parametrize("content", [b"", b'{"file": "logm', b'{"file": "logmill spill", "version": 2}\nsomething'])
def test_files_that_hold_nothing_are_removed_and_those_of_later_versions_left(
    tmp_path: Path, told: Told, content: bytes
):
    file = tmp_path / f"{Lane.NORMAL}-0190.spill"
    file.write_bytes(content)
    (tmp_path / "notes.txt").write_text("not ours")
    assert spill_in(tmp_path, told).first_left() is None
    assert files(tmp_path) == (["normal-0190.spill", "notes.txt"] if b'"version": 2' in content else ["notes.txt"])


def test_a_link_is_not_followed(tmp_path: Path, told: Told):
    (tmp_path / "target").write_text("not ours")
    (tmp_path / "normal-0190.spill").symlink_to(tmp_path / "target")
    assert spill_in(tmp_path, told).first_left() is None
    assert (tmp_path / "target").read_text() == "not ours"
    assert "normal-0190.spill cannot be read" in told.lines[0]


def test_a_batch_that_was_written_while_it_was_sent_is_not_sent_again(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path, told)
    for number in range(3):
        spill.append(batch(number))
    spill.settle("key-1")
    assert drained(spill) == ["key-0", "key-2"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, told: Told):
    (tmp_path / "file").write_text("")
    spill = spill_in(tmp_path / "file" / "folder", told)
    assert not spill.append(batch(1))
    assert "logs cannot be kept in" in told.lines[0]
    with pytest.raises(OSError, match="file"):
        spill.prepare()


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path, told: Told):
    spill = spill_in(tmp_path / "folder", told, max_bytes=8 * MIB)
    for number in range(20):
        spill.append(batch(number, size_bytes=100_000))
    for file in (tmp_path / "folder").iterdir():
        file.unlink()
    (tmp_path / "folder").rmdir()
    assert all(spill.append(batch(20 + number, size_bytes=100_000)) for number in range(20))
    assert drained(spill) == [f"key-{number}" for number in range(40)], "an open file is read though it has no name"


def test_by_default_files_lie_with_the_user_else_in_a_temporary_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    home, other = places.places(DEFAULT, "http://localhost:5000")
    assert home.path.parent == tmp_path / ".local/state/logmill/handler"
    assert home.path.name.startswith("localhost-5000-")
    assert other.path.parent.name == f"logmill-handler-{os.geteuid()}"
    (named,) = places.places(tmp_path, "https://logs.example/x")
    assert named.path.name.startswith("logs.example-https-")
    assert named.path.name != places.places(tmp_path, "https://logs.example/y")[0].path.name


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_temporary_folder_that_others_can_write_is_not_used(tmp_path: Path, told: Told, mode: int):
    folder = tmp_path / "mine"
    folder.mkdir()
    folder.chmod(mode)
    place = Place(folder / "logs", is_public=True)
    assert not Spill([place], MIB, told.losses).append(batch(1))
    folder.chmod(0o700)
    assert Spill([place], MIB, told.losses).append(batch(1))


def test_halves_have_all_lines_and_the_same_keys_each_time():
    lines = [b'{"n": %d}\n' % number for number in range(5)]
    whole = Batch("01890a5d-ac96-774b-bcce-b302099a8057", Lane.NORMAL, 5, gzip.compress(b"".join(lines)), 0.0)
    first, second = halves(whole)
    time.sleep(0.01)
    assert [one.key for one in halves(whole)] == [first.key, second.key]
    assert len({whole.key, first.key, second.key}) == 3
    assert (first.records, second.records) == (2, 3)
    assert gzip.decompress(first.body) + gzip.decompress(second.body) == b"".join(lines)
