"""The reading loop: from files to batches, as fast as they are taken and no faster."""

from __future__ import annotations

import threading
import time

import structlog

from collector.checkpoint import Checkpoint, CheckpointUnavailable
from collector.files.catalogue import Catalogue
from collector.files.content import Damaged, Replaced, Unfinished
from collector.files.discovery import Discovery
from collector.files.followed import READ_BYTES, UNFINISHED_INTERVAL_S, Followed
from collector.files.follower import CLOSE_ROTATED_S, Follower
from collector.files.watching import Watch
from collector.finishing import finish
from collector.framing.framer import Coming
from collector.shipping import Shipper
from collector.stream import Stream
from collector.taking import Taker
from logmill.lifecycle import StopSignal
from logmill.settings import Settings

log = structlog.get_logger()

# How often everything is looked at where events tell of changes, and how much of the time looking may take.
QUIET_SCAN_S = 10.0
MAX_SCAN_SHARE = 0.1
ALIVE_EVERY_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 0.25
# So many files can be looked at a millisecond; with more of them the loop turns more slowly.
FILES_A_SECOND = 40_000
RETRY_S = 1.0
# What is read of all files together before it is taken, as far as each may read the least.
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
LEAST_READ_BYTES = 32 * 1024


class Reader:
    """Reads, frames, records and batches, on one thread.

    Args:
        discovery: which files there are.
        catalogue: which are known.
        follower: which is which.
        taker: takes what was read.
        shipper: sends it.
        checkpoint: is told that somebody looks.
        stream: standard input, None where it is not read.
        settings: those in force.
    """

    def __init__(
        self,
        discovery: Discovery,
        catalogue: Catalogue,
        follower: Follower,
        taker: Taker,
        shipper: Shipper,
        checkpoint: Checkpoint,
        stream: Stream | None,
        settings: Settings,
    ) -> None:
        self._discovery = discovery
        self._catalogue = catalogue
        self._follower = follower
        self._taker = taker
        self._shipper = shipper
        self._checkpoint = checkpoint
        self._stream = stream
        self._settings = settings
        self._changed = threading.Event()
        self._watch = Watch(self._changed, settings.collect_watch)
        self._scan_at = self._soonest_scan_at = 0.0
        self._alive_at = 0.0
        self._is_once = False
        self._most_bytes = READ_BYTES
        # Of files that are read once, when they were looked at first.
        self._sizes: dict[int, int] = {}
        # A line of as many bytes as a log may have is still waited for.
        self._most_buffered_bytes = max(READ_BYTES, settings.max_message_bytes)

    def run(self, stop: StopSignal, *, once: bool) -> None:
        """Read until `stop`; or, where `once`, until all that is there is read."""
        self._is_once = once
        try:
            while not stop.is_set():
                try:
                    if not self._turn():
                        break
                except CheckpointUnavailable as error:
                    log.warning("waiting for the disk", reason=str(error))
                    stop.wait(RETRY_S)
        finally:
            self._watch.close()

    def finish(self) -> None:
        """Make batches of what waits, so that it is on disk.

        Raises:
            CheckpointUnavailable: it cannot be written; files are read again from where they were.
        """
        # Those who look once find what is left over now or never.
        finish(self._catalogue, self._follower, self._taker, self._stream, is_last=self._is_once)

    def _turn(self) -> bool:
        """One round; says whether another one is needed."""
        now = time.monotonic()
        is_asked = self._changed.is_set() or self._follower.wants_scan
        if now >= self._scan_at or (is_asked and now >= self._soonest_scan_at):
            self._scan()
        if now - self._alive_at > ALIVE_EVERY_S:
            self._checkpoint.note("alive_at", str(self._catalogue.seen_until()))
            self._alive_at = now
        has_room = self._shipper.has_room() or not self._taker.is_due()
        progressed = has_room and self._read_files()
        if has_room and self._stream is not None:
            progressed = self._read_stream(self._stream) or progressed
        self._taker.record()
        if self._taker.is_due() and self._shipper.has_room():
            self._taker.seal()
        if not has_room:
            self._shipper.wait_for_room(LONGEST_WAIT_S)
        elif self._is_done(progressed=progressed):
            return False
        elif not progressed:
            self._wait()
        return True

    def _is_done(self, *, progressed: bool) -> bool:
        """Whether everything that was to be read is read."""
        if self._stream is not None and self._stream.is_ended and not self._stream.buffer:
            return not self._discovery.patterns or (self._is_once and not progressed)
        is_settled = not (progressed or self._follower.is_unsure or self._follower.wants_scan)
        return self._is_once and self._stream is None and is_settled

    def _scan(self) -> None:
        self._changed.clear()
        started = time.monotonic()
        self._watch.watch(self._discovery.folders())
        self._follower.scan()
        took_s = time.monotonic() - started
        usual_s = QUIET_SCAN_S if self._watch.has_events else self._settings.collect_poll_interval_s
        if self._follower.is_unsure:
            usual_s = min(usual_s, RETRY_S)
        now = time.monotonic()
        self._scan_at = now + max(usual_s, took_s / MAX_SCAN_SHARE)
        # Where much is renamed all the time, half of it is reading all the same.
        self._soonest_scan_at = now + took_s

    def _wait(self) -> None:
        busy_s = len(self._catalogue) / FILES_A_SECOND
        if self._stream is not None:
            self._stream.wait(FIRST_WAIT_S + busy_s)
            return
        left_s = min(self._taker.left_s(), self._follower.left_s(), self._scan_at - time.monotonic())
        if self._changed.wait(max(FIRST_WAIT_S + busy_s, min(left_s, LONGEST_WAIT_S))):
            # A folder in which much happens is looked at a few times a second, not each time.
            time.sleep(FIRST_WAIT_S + busy_s)

    def _read_files(self) -> bool:
        progressed = False
        due = self._follower.due(everything=self._is_once)
        self._most_bytes = max(LEAST_READ_BYTES, min(READ_BYTES, MAX_BUFFERED_BYTES // (len(due) or 1)))
        for file in due:
            progressed = self._advance(file) or progressed
            if self._taker.is_due():
                if not self._shipper.has_room():
                    progressed = True  # the others were not looked at, so nobody knows that all is read
                    break
                self._taker.seal()
        for file in self._catalogue.left_over():
            self._taker.take(file, Coming.NOTHING)
        return progressed

    def _advance(self, file: Followed) -> bool:
        """Read on in one file, and take what is whole of it; says whether anything came of it."""
        file.plan(self._settings.collect_poll_interval_s)
        if not self._follower.open(file):
            return file.key is None  # parted with, and a new file has its place
        has_more = False
        try:
            has_news = self._has_news(file)
            if not (has_news or file.buffer):
                self._finish_silent(file)
                return False
            if has_news and len(file.buffer) <= self._most_buffered_bytes:
                has_more = file.read(self._most_bytes)
                file.problem = ""
        except Replaced:
            self._follower.part(file)
            return True
        except Unfinished as error:
            file.due_at = time.monotonic() + UNFINISHED_INTERVAL_S
            if self._is_once:
                self._follower.complain(file, error)
            return False
        except (Damaged, OSError) as error:
            self._follower.complain(file, error)
            return False
        coming = self._coming(file, has_more=has_more)
        progressed = self._taker.take(file, coming)
        if has_more or (progressed and file.buffer):
            file.due_at = 0.0
        elif not file.buffer:
            self._finish_silent(file)
        return progressed or has_more

    def _has_news(self, file: Followed) -> bool:
        """Whether there is something to read in a file that is open.

        Raises:
            OSError: the file system cannot say.
        """
        has_news = file.has_news()
        if not self._is_once or file.is_compressed:
            return has_news
        # What is written from now on is none of what is there, and may never end.
        # Some files have bytes and no size.
        return has_news and file.offset < self._sizes.setdefault(file.id, max(1, file.size))

    def _finish_silent(self, file: Followed) -> None:
        """Close a file to which nothing is written any more, as far as can be told."""
        is_silent = time.monotonic() - file.read_at > CLOSE_ROTATED_S
        if file.is_ended or (is_silent and (file.is_rotated or file.is_gone)):
            self._follower.finish(file)

    def _coming(self, file: Followed, *, has_more: bool) -> Coming:
        if has_more:
            return Coming.MORE
        if file.is_ended or self._is_once:
            return Coming.NOTHING
        return self._patience(file.read_at)

    def _patience(self, read_at: float) -> Coming:
        """What may still follow what was read last at that time."""
        silent_s = time.monotonic() - read_at
        if silent_s >= self._settings.collect_partial_timeout_s:
            return Coming.NOTHING
        return Coming.LINES if silent_s >= self._settings.collect_multiline_timeout_s else Coming.MORE

    def _read_stream(self, stream: Stream) -> bool:
        came = stream.read()
        coming = Coming.NOTHING if stream.is_ended else Coming.MORE if came else self._patience(stream.read_at)
        return self._taker.take(stream, coming) or came
