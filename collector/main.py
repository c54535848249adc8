"""Wires a collector together and runs it until it is told to stop, or until all is read."""

from __future__ import annotations

import glob
import resource
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from collector.batching import Batcher
from collector.checkpoint import Checkpoint, CheckpointUnavailable
from collector.checkpoint_rows import Batch
from collector.ending import Ending
from collector.files.catalogue import Catalogue
from collector.files.discovery import Discovery
from collector.files.follower import Follower
from collector.files.services import service_of
from collector.framing.framer import AUTO, Framer
from collector.outputs import open_output
from collector.outputs.existing import check_not_collected
from collector.posting import Posted, Poster
from collector.reading import Reader
from collector.records.made import Source
from collector.records.recorder import Recorder
from collector.shipping import Shipper
from collector.states import state_of
from collector.status.following import FileState, Shipping
from collector.status.server import serve
from collector.status.statistics import Statistics
from collector.stream import Stream
from collector.taking import Taker
from logmill.errors import ConfigError, DrainLimitPassed, ExitCode
from logmill.lifecycle import StopSignal
from logmill.locking import FolderLock
from logmill.parsing.cri import CRI
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings
from logmill.submitted import Limits

log = structlog.get_logger()

FOLDER = "collector"
STDIN = "-"
# Descriptors for everything but the files that are followed.
SPARE_DESCRIPTORS = 200
MAX_OPEN_FILES = 50_000
_OTHER_FOLDER = "stop that one, or give this one a folder of its own with --data-dir (LOGMILL_DATA_DIR)"


def run(settings: Settings, stop: StopSignal, *, once: bool = False) -> ExitCode:
    """Collect until `stop`, or until everything there is was read and accepted where `once`.

    Returns:
        ExitCode.ERROR where, at the end of `once`, something could not be read or was refused.

    Raises:
        ConfigError: a setting cannot be used.
        AlreadyRunning: another collector has this data folder, or the port is taken.
        DrainLimitPassed: what is left is sent by the next one.
    """
    patterns = _listed(settings.collect_files)
    if not patterns:
        raise ConfigError("nothing to collect: name files or globs (LOGMILL_COLLECT_FILES), or - for standard input")
    if settings.collect_output:
        check_not_collected(Path(settings.collect_output), patterns)
    folder = Path(settings.data_dir) / FOLDER
    with ExitStack() as stack:
        lock = FolderLock(folder, "collector.lock", "collector", _OTHER_FOLDER)
        lock.acquire()
        stack.callback(lock.release)
        collector = _Collector(settings, patterns, folder, stack, once=once)
        stack.enter_context(serve(settings, collector.statistics, collector))
        return collector.run(stop)


class _Collector:
    """The parts of a collector, and what the live page asks of them."""

    def __init__(
        self, settings: Settings, patterns: Sequence[str], folder: Path, stack: ExitStack, *, once: bool
    ) -> None:
        self._settings = settings
        self._once = once
        self.statistics = Statistics()
        self._started_at = time.monotonic()
        self._checkpoint = Checkpoint(folder / "checkpoint.sqlite3")
        stack.callback(self._checkpoint.close)
        self._earlier = self._checkpoint.batches()
        self._ending = Ending(self.statistics, self._earlier, names_files=once)
        host = settings.collect_host or socket.gethostname()
        files = [pattern for pattern in patterns if pattern != STDIN]
        self._discovery = discovery = Discovery(files, [*_listed(settings.collect_exclude), *_own_files(settings)])
        self._catalogue = Catalogue(self._checkpoint, _sources(settings, host))
        follower = Follower(
            discovery,
            self._catalogue,
            from_end=settings.collect_from == "end",
            max_open=_most_open_files(),
        )
        stack.callback(self._catalogue.close)
        self._stream = None
        if STDIN in patterns:
            if sys.stdin is None:
                raise ConfigError("standard input is closed, and - is to be collected")
            source = Source(STDIN, settings.collect_service or "stdin", host)
            self._stream = Stream(sys.stdin.fileno(), source, settings.max_message_bytes)
        # Only what is of batches that come again is cut off.
        position = self._checkpoint.fact("output") if self._earlier else None
        output = open_output(settings, position or "")
        if output is not None:
            stack.callback(output.close)
            output.restore(position or "")
            self._checkpoint.note("output", output.position())
        self._shipper = Shipper(
            lambda: Poster(settings.producer_url, settings.api_key),
            self._checkpoint,
            output,
            self,
            settings.collect_max_in_flight,
        )
        self._batcher = Batcher(
            self._checkpoint,
            max_records=min(settings.collect_batch_lines, settings.max_batch_records),
            max_bytes=settings.collect_batch_bytes,
            interval_s=settings.collect_batch_interval_s,
        )
        limits = Limits.of(settings)
        taker = Taker(
            Framer(
                settings.collect_multiline,
                limits.max_message_bytes,
                joins_parts=settings.collect_format == CRI.name,
            ),
            Recorder(
                rules_of(settings),
                limits,
                form=settings.collect_format,
                pattern=settings.collect_pattern,
                keep=settings.collect_filter.splitlines(),
                drop=settings.collect_drop.splitlines(),
                tags=[tag.strip() for tag in settings.collect_tags.split(",") if tag.strip()],
            ),
            self._ending,
            self._batcher,
            self._shipper,
            settings.collect_batch_lines,
        )
        self._reader = Reader(
            discovery, self._catalogue, follower, taker, self._shipper, self._checkpoint, self._stream, settings
        )

    def run(self, stop: StopSignal) -> ExitCode:
        """As the function of this name."""
        once, earlier = self._once, self._earlier
        ends = {end.file_id: end for batch in earlier for end in batch.ends}
        self._catalogue.load(ends, float(self._checkpoint.fact("alive_at") or 0.0))
        self._shipper.start()
        for batch in earlier:
            self._shipper.give(batch)
        log.info(
            "collector started",
            patterns=self._discovery.patterns,
            checkpoint=str(self._checkpoint.path),
            unsettled_batches=len(earlier),
        )
        if self._settings.collect_format == CRI.name and self._settings.collect_multiline != AUTO:
            log.warning(
                "parts of long lines are not joined: --format cri does that with --multiline auto alone",
                multiline=self._settings.collect_multiline,
            )
        if not once:
            for path, reason in self._discovery.missing().items():
                log.warning("nothing to follow there yet", path=path, reason=reason)
        try:
            self._reader.run(stop, once=once)
            self._finish()
            is_done = self._wait_until_done(stop, once=once)
        finally:
            self._shipper.close(timeout_s=1.0)
            self._say_end()
        if not is_done:
            raise DrainLimitPassed("not all that was read was accepted in time; the next collector sends it")
        return self._outcome() if once else ExitCode.STOPPED

    def _finish(self) -> None:
        try:
            self._reader.finish()
        except CheckpointUnavailable as error:
            log.warning("what waits is not kept, and is read again", reason=str(error))

    def _wait_until_done(self, stop: StopSignal, *, once: bool) -> bool:
        """Wait until all that was read is accepted; without end where the user waits for that."""
        while once and not stop.is_set():
            if self._shipper.wait_until_done(0.2):
                return True
        return self._shipper.wait_until_done(self._settings.drain_timeout_s)

    def _outcome(self) -> ExitCode:
        unread = [file for file in self._catalogue.files() if file.problem]
        problems = {**self._discovery.missing(), **self._discovery.problems}
        for path, reason in problems.items():
            log.error("a file was not read", file=path, reason=reason)
        for file in unread:
            log.error("a file was not read", file=file.path, reason=file.problem)
        return ExitCode.ERROR if unread or problems or self.statistics.snapshot().totals.refused else ExitCode.STOPPED

    def _say_end(self) -> None:
        totals = self.statistics.snapshot().totals
        log.info(
            "collector stopped",
            files=len(self._catalogue),
            records=totals.records,
            accepted=totals.accepted,
            refused=totals.refused,
            faults=totals.faults,
            filtered=totals.filtered,
        )
        if self._once:
            took_s = time.monotonic() - self._started_at
            words = self._ending.in_words(totals, self._shipper.unanswered(), self._batcher.count, took_s)
            sys.stderr.write(words)

    # What shipping tells.

    def accepted(self, batch: Batch, posted: Posted) -> None:
        """The producer answered for a batch."""
        self._ending.answered(batch, posted)
        if posted.accepted:
            self.statistics.accepted(posted.accepted, len(batch.body))
        if posted.rejected:
            reason = posted.reasons[0] if posted.reasons else "no reason given"
            self.statistics.refused(posted.rejected, reason)
            log.warning("the producer refused logs", count=posted.rejected, reason=reason)
        log.debug("batch accepted", logs=posted.accepted, bytes=len(batch.body), replayed=posted.is_replayed)

    def retried(self, reason: str) -> None:
        """A batch is sent again."""
        self.statistics.retried(reason)

    def settled(self, batches: Sequence[Batch]) -> None:
        """Positions moved."""
        self._catalogue.settled(end for batch in batches for end in batch.ends)

    # What the live page asks.

    def files(self) -> Sequence[FileState]:
        """Every file that is followed."""
        return [state_of(file) for file in self._catalogue.files()]

    def shipping(self) -> Shipping:
        """What is on its way now."""
        away_s, reason = self._shipper.failing()
        in_flight, oldest_s = self._shipper.in_flight()
        return Shipping(in_flight, oldest_s, reason, away_s)


def _listed(text: str) -> list[str]:
    """What is given a line each, so that there may be spaces in it, or else between spaces."""
    return [line.strip() for line in text.splitlines() if line.strip()] if "\n" in text else text.split()


def _own_files(settings: Settings) -> list[str]:
    """Globs of the checkpoint, the local copy, its older files and their journals: what is written is not read."""
    own = [f"{glob.escape(str((Path(settings.data_dir) / FOLDER).absolute()))}/*"]
    if not settings.collect_output:
        return own
    path = glob.escape(str(Path(settings.collect_output).absolute()))
    return [*own, path, f"{path}.[1-9]", f"{path}-*"]


def _sources(settings: Settings, host: str) -> Callable[[str], Source]:
    return lambda path: Source(path, settings.collect_service or service_of(path), host)


def _most_open_files() -> int:
    """As many as the operating system allows; the soft limit of most shells is far lower than the hard one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES + SPARE_DESCRIPTORS
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(10, limit - SPARE_DESCRIPTORS)
