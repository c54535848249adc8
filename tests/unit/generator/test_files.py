"""Logs in files that rotate, and on a pipe whose reader takes its time."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from generator.formats import format_of
from generator.log import Log, Made
from generator.outputs.rotating import FileOutput
from generator.outputs.several import Several
from generator.outputs.stream import StreamOutput
from logmill.errors import LogmillError
from logmill.terminal import OutputClosed
from tests.support.generating import EPOCH_US, made

TEXT = format_of("%(message)s")
CSV = format_of("csv")


def numbered(first: int, count: int, width: int = 9) -> Made:
    """Logs whose lines have `width` bytes with their line feeds."""
    return Made([EPOCH_US] * count, [Log("", "INFO", "a", f"{n:0{width - 1}d}") for n in range(first, first + count)])


def files(path: Path) -> list[Path]:
    """Those of the log, the oldest first."""
    return [*sorted(path.parent.glob(f"{path.name}.*"), key=lambda file: -int(file.suffix[1:])), path]


def test_a_file_rotates_before_a_line_that_does_not_fit(tmp_path: Path):
    path = tmp_path / "logs" / "shop.log"
    output = FileOutput(TEXT, path, max_bytes=100, backups=3)
    for first in range(0, 40, 8):
        output.write(numbered(first, 8))
    output.close()
    assert output.counts.done == 40
    assert [file.name for file in files(path)] == ["shop.log.3", "shop.log.2", "shop.log.1", "shop.log"]
    assert [file.stat().st_size for file in files(path)] == [99, 99, 99, 63]
    lines = "".join(file.read_text() for file in files(path)).split()
    assert lines == [f"{number:08d}" for number in range(40)]


def test_the_oldest_go_where_there_are_too_many(tmp_path: Path):
    path = tmp_path / "shop.log"
    output = FileOutput(TEXT, path, max_bytes=90, backups=2)
    output.write(numbered(0, 100))
    output.close()
    assert [file.name for file in files(path)] == ["shop.log.2", "shop.log.1", "shop.log"]
    assert "".join(file.read_text() for file in files(path)).split()[-1] == "00000099"


def test_by_default_there_are_three_beside_one_of_a_megabyte(tmp_path: Path):
    path = tmp_path / "shop.log"
    output = FileOutput(format_of("json"), path, max_bytes=1_000_000, backups=3)
    for _ in range(3):
        output.write(made(5000))
    output.close()
    assert len(files(path)) == 4
    assert all(990_000 < file.stat().st_size <= 1_000_000 for file in files(path)[:-1])


def test_none_are_kept_beside_it_or_it_never_rotates(tmp_path: Path):
    alone = FileOutput(TEXT, tmp_path / "alone", max_bytes=90, backups=0)
    alone.write(numbered(0, 25))
    assert (tmp_path / "alone").read_text().split() == [f"{number:08d}" for number in range(20, 25)]
    forever = FileOutput(TEXT, tmp_path / "forever", max_bytes=0, backups=3)
    forever.write(numbered(0, 1000))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "forever"]
    alone.close()
    forever.close()


def test_a_line_longer_than_a_file_has_one_for_itself(tmp_path: Path):
    path = tmp_path / "shop.log"
    output = FileOutput(TEXT, path, max_bytes=20, backups=5)
    output.write(numbered(0, 3, width=50))
    output.close()
    assert [file.stat().st_size for file in files(path)] == [50, 50, 50]


def test_what_is_there_is_appended_to_and_each_file_has_its_header(tmp_path: Path):
    path = tmp_path / "shop.csv"
    for _ in range(2):
        output = FileOutput(CSV, path, max_bytes=2000, backups=50)
        output.write(made(20))
        output.close()
    headers = [file.read_bytes().startswith(CSV.header) for file in files(path)]
    assert len(headers) > 3
    assert all(headers)
    lines = sum(len(file.read_bytes().splitlines()) - 1 for file in files(path))
    assert lines == 40


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LogmillError, match=r"file/shop.log cannot be written: "):
        FileOutput(TEXT, tmp_path / "file" / "shop.log", max_bytes=0, backups=0)


def test_others_cannot_read_the_files(tmp_path: Path):
    FileOutput(TEXT, tmp_path / "shop.log", max_bytes=0, backups=0).close()
    assert (tmp_path / "shop.log").stat().st_mode & 0o007 == 0


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue


def test_a_reader_that_takes_nothing_holds_up_nobody_and_loses_nothing(pipe):
    reader, writer = pipe
    output = StreamOutput(TEXT, writer)
    written = 0
    while output.wait_for_room(0.01):
        output.write(numbered(written, 1000))
        written += 1000
    # Room is bounded: about a megabyte, a line of 9 bytes each.
    assert 100_000 < written < 130_000
    assert output.counts.done < 1000
    assert not output.flush(0.05)
    received = bytearray()

    def read() -> None:
        while part := os.read(reader, 65_536):
            received.extend(part)

    thread = threading.Thread(target=read)
    thread.start()
    assert output.flush(20)
    os.close(writer)
    thread.join(20)
    assert output.counts.done == written
    assert received.split() == [b"%08d" % number for number in range(written)]


def test_a_reader_that_goes_away_ends_it(pipe):
    reader, writer = pipe
    output = StreamOutput(TEXT, writer)
    os.close(reader)
    with pytest.raises(OutputClosed):
        output.write(numbered(0, 10))


def test_several_outputs_get_the_same(tmp_path: Path, pipe):
    reader, writer = pipe
    both = Several([StreamOutput(TEXT, writer), FileOutput(TEXT, tmp_path / "shop.log", max_bytes=0, backups=0)])
    assert both.wait_for_room(0)
    both.write(numbered(0, 5))
    both.push()
    assert both.flush(1)
    both.close()
    assert os.read(reader, 1000) == (tmp_path / "shop.log").read_bytes()
    assert both.counts.done == 5
