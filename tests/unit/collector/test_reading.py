"""The reading loop with its real parts, before a producer that is away: what it read is in the checkpoint."""

import gzip
import json
import os
import threading
import time
from itertools import count

import pytest
import zstandard

from collector import reading as reading_module
from collector.batching import Batcher
from collector.checkpoint import Checkpoint
from collector.checkpoint_rows import LeftOver
from collector.files import catalogue as catalogue_module
from collector.files.catalogue import Catalogue
from collector.files.discovery import Discovery
from collector.files.follower import Follower
from collector.framing.framer import Framer
from collector.posting import Poster
from collector.reading import Reader
from collector.records.made import Source
from collector.records.recorder import Recorder
from collector.shipping import Shipper
from collector.status.statistics import Statistics
from collector.stream import Stream
from collector.taking import Taker
from logmill.lifecycle import StopSignal
from logmill.rules.ruleset import rules_of
from logmill.settings import load
from logmill.submitted import Limits
from tests.support.ports import free_port


class Told:
    """Whom shipping tells; nothing is asked of it."""

    def accepted(self, batch, posted):
        pass

    def retried(self, reason):
        pass

    def settled(self, batches):
        pass


class Reading:
    """A reader, and what it made."""

    def __init__(self, folder, *patterns, stream=None, **settings):
        self.settings = load({}, collect_watch="poll", collect_poll_interval_s=0.05, **settings)
        self.checkpoint = Checkpoint(folder / "checkpoint.sqlite3")
        discovery = Discovery([str(folder / pattern) for pattern in patterns], ())
        self.catalogue = Catalogue(self.checkpoint, lambda path: Source(path, "service", "host"))
        self.follower = Follower(discovery, self.catalogue, from_end=False, max_open=1000)
        self.catalogue.load({end.file_id: end for batch in self.checkpoint.batches() for end in batch.ends}, 0.0)
        self.shipper = Shipper(
            lambda: Poster(f"http://127.0.0.1:{free_port()}", ""),
            self.checkpoint,
            None,
            Told(),
            self.settings.collect_max_in_flight,
        )
        limits = Limits.of(self.settings)
        self.statistics = Statistics()
        self.taker = Taker(
            Framer(self.settings.collect_multiline, limits.max_message_bytes),
            Recorder(rules_of(self.settings), limits),
            self.statistics,
            Batcher(
                self.checkpoint,
                max_records=self.settings.collect_batch_lines,
                max_bytes=self.settings.collect_batch_bytes,
                interval_s=self.settings.collect_batch_interval_s,
            ),
            self.shipper,
            self.settings.collect_batch_lines,
        )
        self.reader = Reader(
            discovery,
            self.catalogue,
            self.follower,
            self.taker,
            self.shipper,
            self.checkpoint,
            stream,
            self.settings,
        )
        self.stop = StopSignal()

    def messages(self):
        """Of all batches that were made, in their order."""
        bodies = [zstandard.ZstdDecompressor().decompress(batch.body) for batch in self.checkpoint.batches()]
        return [json.loads(line)["message"] for body in bodies for line in body.splitlines()]

    def close(self):
        self.catalogue.close()
        self.checkpoint.close()


def turn(reading, is_done):
    """Have its loop turn until this is so."""
    deadline_s = time.monotonic() + 20
    while not is_done():
        assert time.monotonic() < deadline_s, "it never comes to that"
        reading.reader._scan_at = 0.0
        reading.reader._turn()


@pytest.fixture
def reading_of(tmp_path):
    made = []

    def make(*patterns, **options):
        made.append(Reading(tmp_path, *patterns, **options))
        return made[-1]

    yield make
    for reading in made:
        reading.close()


def test_all_that_was_read_of_standard_input_is_kept_at_the_end(reading_of):
    """More lines than are taken at a time, which nobody can read again."""
    lines = [str(number) for number in range(9000)]
    reader, writer = os.pipe()
    try:
        stream = Stream(reader, Source("-", "service", "host"))
        reading = reading_of(stream=stream, collect_batch_lines=2000)
        os.write(writer, "".join(f"{line}\n" for line in lines).encode())
        assert stream.read()
        reading.reader.finish()
    finally:
        os.close(reader)
        os.close(writer)
    assert reading.messages() == lines
    assert max(batch.count for batch in reading.checkpoint.batches()) < 4000


def test_a_signal_waits_for_nothing_that_the_loop_may_hold(reading_of):
    """A handler runs in the middle of the thread that holds it, so it would wait for ever."""
    reading = reading_of("*.log")
    rounds = count()
    reading.reader._turn = lambda: next(rounds) < 3
    reading.reader.run(reading.stop, once=False)

    def handle():
        with reading.reader._changed._cond:
            reading.stop.set()

    handler = threading.Thread(target=handle, daemon=True)
    handler.start()
    handler.join(5.0)
    assert not handler.is_alive()


def test_a_file_that_grows_faster_than_the_producer_takes_does_not_keep_others_waiting(reading_of, tmp_path):
    for name in ("a.log", "b.log", "c.log"):
        (tmp_path / name).write_text(f"{name} has a line\n" * 20_000)
    reading = reading_of("*.log", collect_batch_lines=1000, collect_max_in_flight=1)
    for _ in range(8):
        reading.reader._turn()
        for batch in reading.checkpoint.batches():
            reading.checkpoint.settle([batch], None)
            with reading.shipper._lock:
                reading.shipper._window.clear()
        if len({file for file in reading.catalogue.files() if file.position}) == 3:
            break
    else:
        raise AssertionError("not every file was read")
    positions = [file.position for file in reading.catalogue.files()]
    assert max(positions) < (tmp_path / "a.log").stat().st_size


def test_what_is_read_of_many_files_at_a_time_is_bounded(reading_of, tmp_path, monkeypatch):
    monkeypatch.setattr(reading_module, "MAX_BUFFERED_BYTES", 1024 * 1024)
    for number in range(50):
        (tmp_path / f"{number}.log").write_text("a short line\n" * 30_000)
    reading = reading_of("*.log")
    most = 0
    for _ in range(20):
        reading.reader._turn()
        most = max(most, sum(len(file.buffer) for file in reading.catalogue.files()))
    assert 0 < most < 3 * 1024 * 1024
    assert reading.checkpoint.batches()


def test_a_file_that_is_renamed_before_it_is_opened_is_read_once_all_the_same(reading_of, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\n")
    reading = reading_of("app.log")
    scan = reading.follower.scan

    def scan_and_rename():
        scan()
        if path.exists():
            path.rename(tmp_path / "app.log.1")

    reading.follower.scan = scan_and_rename
    reading.reader.run(reading.stop, once=True)
    reading.reader.finish()
    assert reading.messages() == ["one", "two"]


def test_a_line_that_is_longer_than_is_read_at_once_stays_one_log_where_it_may_be_so_long(reading_of, tmp_path):
    line = "x" * 3_000_000
    (tmp_path / "app.log").write_text(f"{line}\nshort\n")
    reading = reading_of("app.log", max_message_bytes=4_000_000)
    reading.reader.run(reading.stop, once=True)
    reading.reader.finish()
    assert reading.messages() == [line, "short"]


def test_once_does_not_end_before_files_that_there_was_no_room_for(reading_of, tmp_path):
    """A batch becomes due, and the window is full, while only files without anything new were looked at."""
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("")
    reading = reading_of("*.log", collect_max_in_flight=1)
    reader = reading.reader
    assert reader._is_done(progressed=reader._read_files()) is False
    reader._is_once = True
    reader._scan()
    reader._scan_at = float("inf")
    (tmp_path / "b.log").write_text("one\n")
    reading.shipper.has_room = lambda: False
    reader._taker.is_due = lambda: True
    assert reader._is_done(progressed=reader._read_files()) is False


def test_a_compressed_file_that_ends_in_the_middle_is_told_of_at_the_end_of_once(reading_of, tmp_path):
    (tmp_path / "old.gz").write_bytes(gzip.compress(b"line\n" * 1000)[:-8])
    reading = reading_of("*.gz")
    reading.reader.run(reading.stop, once=True)
    assert [file.problem for file in reading.catalogue.files()] == ["the compressed file ends in the middle"]


def test_once_ends_while_somebody_goes_on_writing(reading_of, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\n")
    reading = reading_of("app.log")
    turn, turns = reading.reader._turn, count()

    def turn_and_write():
        assert next(turns) < 100, "it does not end"
        goes_on = turn()
        with path.open("a") as file:
            file.write("more\n")
        return goes_on

    reading.reader._turn = turn_and_write
    reading.reader.run(reading.stop, once=True)
    reading.reader.finish()
    assert reading.messages()[0] == "one"


def test_half_a_line_of_a_file_that_was_truncated_is_found_again_by_the_next_collector(reading_of, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("".join(f"line {number}\n" for number in range(200)) + "first")
    reading = reading_of("app.log*", collect_multiline="none")
    turn(reading, reading.messages)
    path.write_text("")
    turn(reading, lambda: reading.catalogue.left_over(everything=True))
    reading.reader.finish()
    assert reading.messages()[-1] == "line 199"
    reading.close()
    # The copy was written all the time, and the collector could not see it.
    (tmp_path / "app.log.1").write_text("".join(f"line {number}\n" for number in range(200)) + "first and second\n")
    after = reading_of("app.log*", collect_multiline="none")
    turn(after, lambda: "first and second" in after.messages())
    assert "first" not in after.messages()
    assert after.messages().count("line 199") == 1


def test_half_a_line_of_a_file_that_was_truncated_and_never_found_again_is_a_log_all_the_same(
    reading_of, tmp_path, monkeypatch
):
    path = tmp_path / "app.log"
    path.write_text("one\nhalf of two")
    reading = reading_of("app.log*", collect_multiline="none")
    turn(reading, lambda: reading.messages() == ["one"])
    path.write_text("")
    turn(reading, lambda: reading.catalogue.left_over(everything=True))
    reading.reader.finish()
    assert reading.messages() == ["one"]
    reading.close()
    for _start in range(2):
        after = reading_of("app.log*", collect_multiline="none")
        assert after.messages() == ["one"]
        after.reader._turn()
        after.close()
    monkeypatch.setattr(catalogue_module, "LEFTOVER_S", 0.1)
    after = reading_of("app.log*", collect_multiline="none")
    turn(after, lambda: after.messages() == ["one", "half of two"])
    after.reader.finish()
    after.close()
    again = reading_of("app.log*", collect_multiline="none")
    assert again.catalogue.left_over(everything=True) == []


def test_the_rest_of_a_file_that_was_deleted_while_it_was_open_is_kept_at_the_end(reading_of, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\n")
    reading = reading_of("app.log", collect_batch_lines=2000)
    turn(reading, lambda: reading.messages() == ["one"])
    lines = [str(number) for number in range(200_000)]
    with path.open("a") as file:
        file.write("\n".join(lines))
    path.unlink()
    reading.reader.finish()
    assert reading.messages() == ["one", *lines]


def test_what_is_left_over_of_a_file_that_went_on_since_counts_for_nothing(reading_of, tmp_path):
    path = tmp_path / "app.log"
    path.write_text("one\nhalf")
    reading = reading_of("app.log", collect_multiline="none")
    turn(reading, lambda: reading.messages() == ["one"])
    [file] = reading.catalogue.files()
    reading.checkpoint.keep_left_over([LeftOver(file.id, 2, b"something else")])
    reading.close()
    with path.open("a") as file:
        file.write(" and half\n")
    after = reading_of("app.log", collect_multiline="none")
    turn(after, lambda: after.messages() == ["one", "half and half"])


def test_what_was_read_of_a_truncated_file_and_not_taken_is_kept_at_the_end_in_batches_of_the_usual_size(
    reading_of, tmp_path
):
    """As when the producer takes nothing while the file is truncated; of a larger batch it would refuse all."""
    path = tmp_path / "app.log"
    lines = [str(number) for number in range(9000)]
    path.write_text("".join(f"{line}\n" for line in lines))
    reading = reading_of("app.log", collect_batch_lines=2000, collect_multiline="none")
    reading.follower.scan()
    [file] = reading.catalogue.files()
    assert reading.follower.open(file)
    file.read()
    path.write_text("")
    reading.follower.part(file)
    reading.reader.finish()
    assert reading.messages() == lines
    assert max(batch.count for batch in reading.checkpoint.batches()) < 4000
