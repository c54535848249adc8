"""What works for a handler in one process: the queue, the threads, and what is left to do at the end."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable

from logmill.handler.delivery import Delivery, Verdict
from logmill.handler.keeping import Keeper
from logmill.handler.lines import LineEncoder
from logmill.handler.losses import Loss, Losses
from logmill.handler.options import Options
from logmill.handler.outbox import Outbox
from logmill.handler.packing import Packer
from logmill.handler.places import DEFAULT, places
from logmill.handler.record_queue import RecordQueue
from logmill.handler.sending import Sender
from logmill.handler.spill import Spill
from logmill.handler.status import HandlerStatus
from logmill.handler.taking import LINE_BYTES, Taken, take
from logmill.handler.tracing import NO_TRACE

# Of the memory, what may not yet be in a batch; the rest is for batches.
_QUEUE_SHARE = 0.75
_START_AGAIN_S = 1.0
_JOIN_S = 1.0
_AGAIN_S = 1.0


class Engine:
    """Starts with the first log, or where an earlier process left files; belongs to the process that made it.

    Args:
        options: those of the handler.
        tell: given lines for people.

    Attributes:
        queue: where logs are put.
        losses: what was lost.
        is_started: whether there are threads.
        is_closed: whether nothing is taken any more.
    """

    def __init__(self, options: Options, tell: Callable[[str], object]) -> None:
        self._options = options
        self.losses = Losses(tell)
        queue_bytes = round(_QUEUE_SHARE * options.queue_bytes)
        self.queue = RecordQueue(options.queue_records, queue_bytes)
        self._spill = None
        if options.spill_dir is not None:
            self._spill = Spill(places(options.spill_dir, options.url), options.spill_max_bytes, self.losses)
        self._outbox = Outbox(
            self._spill,
            memory_bytes=options.queue_bytes - queue_bytes,
            spill_after_s=options.spill_after_s,
            durable=options.durable,
            losses=self.losses,
        )
        self._encoder = LineEncoder(options.service, options.host)
        self._packer = Packer(
            self.queue,
            self._encoder,
            self._outbox,
            self.losses,
            self._tend,
            batch_records=options.batch_records,
            batch_bytes=options.batch_bytes,
            interval_s=options.interval_s,
        )
        self._delivery = Delivery(options.url, options.api_key, options.timeout_s)
        self._sender = Sender(self._outbox, self._delivery, self.losses, options.url)
        self._keeper = Keeper(self._outbox, self.losses, durable=options.durable)
        self._threads: dict[str, threading.Thread] = {}
        self._starting = threading.RLock()
        self._start_again_s = 0.0
        self._gave_up_s = -_AGAIN_S
        self.is_started = False
        self.is_closed = False

    def prepare(self) -> None:
        """Make the folder of files, where the application named one or relies on it; start where files are left.

        Raises:
            ValueError: it cannot be made.
        """
        if self._spill is None:
            return
        if self._options.durable or self._options.spill_dir != DEFAULT:
            try:
                self._spill.prepare()
            except OSError as error:
                raise ValueError(f"spill_dir cannot be used: {error}") from None
        if self._spill.is_left():
            self.start()

    def start(self) -> None:
        """Start the threads; where none can be started, nothing happens, and it is tried again a while later."""
        with self._starting:
            if self.is_started or self.is_closed or time.monotonic() < self._start_again_s:
                return
            self.is_started = True
            works = {"packer": self._packer.run, "sender": self._sender.run}
            if self._spill is not None:
                works["keeper"] = self._keeper.run
            try:
                for name, work in works.items():
                    if name not in self._threads:
                        thread = threading.Thread(target=work, name=f"logmill-{name}", daemon=True)
                        thread.start()
                        self._threads[name] = thread
            except RuntimeError:  # the system has none left, or the interpreter is ending
                self.is_started = False
                self._start_again_s = time.monotonic() + _START_AGAIN_S
                return
            self._flush_with_child()

    def encoded(self, taken: Taken) -> Taken:
        """The same with its line written already, which leaves the packer next to nothing to do.

        For times when it cannot keep up: the application's threads then do that work, a few microseconds a log.
        """
        line = self._encoder.line(taken)
        return LINE_BYTES + len(line), taken[1], line, taken[3], None, NO_TRACE

    def flush(self, timeout_s: float, *, persistent: bool) -> bool:
        """Wait until all that was taken so far is sent; whether it is.

        What is not goes to the files.

        Args:
            timeout_s: how long at most.
            persistent: whether to go on waiting after a try that failed, where there are files to keep it in.
        """
        end_s = time.monotonic() + timeout_s
        if not (self._works("packer") and self._works("sender")):
            return self._flush_here(end_s)
        failures = self._sender.failures
        is_done = self._packer.flush(timeout_s)
        mark = self._outbox.mark()
        self._sender.hurry()

        def gives_up() -> bool:
            return not persistent and self._outbox.keeps_on_disk and self._sender.failures > failures

        is_done = self._outbox.wait_gone(mark, max(0.0, end_s - time.monotonic()), gives_up) and is_done
        if not is_done:
            self._outbox.keep(all_of_them=True)
            self._gave_up_s = time.monotonic()
        return is_done

    def close(self) -> None:
        """Send what there is, put into files what cannot be sent, and end."""
        with self._starting:
            if self.is_closed:
                return
            self.is_closed = True
        # Python flushes each handler right before it closes it: what that waited for in vain is not waited for again.
        is_vain = time.monotonic() - self._gave_up_s < _AGAIN_S
        self.flush(0.0 if is_vain else self._options.exit_timeout_s, persistent=False)
        self.queue.close()
        self._packer.end()
        self._sender.end()
        self._keeper.end()
        for thread in self._threads.values():
            thread.join(_JOIN_S)
        if self._works("packer"):
            # What it has no time for is lost, and must not be so in silence. It ends with what it has begun.
            self.losses.count(Loss.DROPPED, len(self.queue.take(len(self.queue))), "the process ends, and time is up")
            self._threads["packer"].join(_JOIN_S)
        if not self._works("packer"):
            self._packer.pack()
            self._packer.close_batches(all_of_them=True)
        self._outbox.keep(all_of_them=True)
        left = self._outbox.close()
        if left:
            self.losses.count(Loss.DROPPED, left, f"the process ends, and {self._sender.error or 'time is up'}")
        self.losses.tell_counts(at_last=True)

    def abandon(self) -> None:
        """After a fork, in the child: the logs and files are the parent's."""
        self._outbox.abandon()

    def status(self) -> HandlerStatus:
        """What became of the logs so far."""
        spilled_bytes, spilled = self._outbox.spilled
        queued = len(self.queue)
        return HandlerStatus(
            taken=self._packer.packed + queued,
            accepted=self._sender.accepted,
            rejected=self.losses.of(Loss.REJECTED),
            dropped=self.losses.of(Loss.DROPPED),
            damaged=self.losses.of(Loss.DAMAGED),
            queued=queued,
            memory_bytes=self._outbox.memory_bytes,
            spilled_bytes=spilled_bytes,
            spilled=spilled,
            error=self._sender.error,
        )

    def _works(self, name: str) -> bool:
        thread = self._threads.get(name)
        return thread is not None and thread.is_alive()

    def _flush_here(self, end_s: float) -> bool:
        """The same by the calling thread, where there are no others."""
        self._packer.pack()
        self._packer.close_batches(all_of_them=True)
        while (batch := self._outbox.take(0.0)) is not None and time.monotonic() < end_s:
            if self._sender.send(batch).verdict is not Verdict.SETTLED:
                break
        is_done = batch is None
        if not is_done:
            self._outbox.keep(all_of_them=True)
        return is_done

    def _flush_with_child(self) -> None:
        """Have a child of multiprocessing, which ends without what others run at exit, flush before it does."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(None, self.flush, (self._options.exit_timeout_s,), {"persistent": False}, exitpriority=0)

    def _tend(self) -> None:
        """Cut a request that takes too long, and log what was lost, once logs can be sent again."""
        self._delivery.cut_if_late()
        report = self.losses.report() if self._sender.works else None
        if report is not None:
            record = logging.LogRecord("logmill.handler", logging.WARNING, "", 0, report.message, None, None)
            record.__dict__.update(report.members)
            if self.queue.put(take(record, None, ()), is_common=False):
                self.losses.reported(report)
