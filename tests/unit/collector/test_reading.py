"""The reading loop with its real parts, before a producer that is away: what it read is in the checkpoint."""

import json
import os
import threading
from itertools import count

import pytest
import zstandard

from collector.batching import Batcher
from collector.checkpoint import Checkpoint
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
        self.follower = Follower(
            discovery, self.checkpoint, lambda path: Source(path, "service", "host"), from_end=False, max_open=1000
        )
        self.follower.load({}, 0.0)
        self.shipper = Shipper(
            lambda: Poster(f"http://127.0.0.1:{free_port()}", ""),
            self.checkpoint,
            None,
            Told(),
            self.settings.collect_max_in_flight,
        )
        limits = Limits.of(self.settings)
        self.statistics = Statistics()
        self.reader = Reader(
            discovery,
            self.follower,
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
        self.follower.close()
        self.checkpoint.close()


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
