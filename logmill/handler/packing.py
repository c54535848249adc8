"""The thread that makes batches of what was taken: encodes it, compresses it, and gives it to the outbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from logmill.handler.batches import URGENT_FROM, Lane, OpenBatch
from logmill.handler.lines import LineEncoder
from logmill.handler.losses import Loss, Losses
from logmill.handler.outbox import Outbox
from logmill.handler.record_queue import RecordQueue
from logmill.handler.taking import Taken

# So many logs are encoded without a pause, about 0.2 ms: meanwhile the application waits for the interpreter.
_SLICE = 64
_MANY = 2048
_LONGEST_PAUSE_S = 0.001
# How often the queue is looked at, as a share of the interval, and its bounds.
_LOOKS, _MIN_LOOK_S, _MAX_LOOK_S = 20, 0.005, 0.05
# Errors wait for others to share a request with for this share of the interval.
_URGENT_SHARE = 0.2
_AFTER_ERROR_S = 0.5


class Packer:
    """Works from `run`, or when `pack` is called where there is no thread.

    Args:
        queue: what was taken.
        encoder: writes its lines.
        outbox: where batches go.
        losses: told of logs that cannot be encoded.
        tend: called several times a second.
        batch_records: most lines of a batch.
        batch_bytes: a batch that has so many before compression is full.
        interval_s: how long a batch that is not full waits.
    """

    def __init__(
        self,
        queue: RecordQueue,
        encoder: LineEncoder,
        outbox: Outbox,
        losses: Losses,
        tend: Callable[[], None],
        *,
        batch_records: int,
        batch_bytes: int,
        interval_s: float,
    ) -> None:
        self._queue = queue
        self._encoder = encoder
        self._outbox = outbox
        self._losses = losses
        self._tend = tend
        self._max_records = batch_records
        self._max_bytes = batch_bytes
        self._wait_s = {Lane.NORMAL: interval_s, Lane.URGENT: _URGENT_SHARE * interval_s}
        self._look_s = min(max(interval_s / _LOOKS, _MIN_LOOK_S), _MAX_LOOK_S)
        self._open: dict[Lane, OpenBatch] = {}
        self._is_ending = False
        self._asked = self._answered = 0
        self._flushed = threading.Condition()
        self.packed = 0

    def run(self) -> None:
        """Work until `end`."""
        while not self._is_ending:
            self._queue.wait(self._look_s)
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next log must find somebody at work
                self._losses.tell("packing", f"a failure of the handler itself: {error!r}")
                time.sleep(_AFTER_ERROR_S)

    def flush(self, timeout_s: float) -> bool:
        """Have all that was taken before this put into the outbox by the thread; whether it was in time."""
        with self._flushed:
            self._asked += 1
            ticket = self._asked
            self._queue.wake()
            return self._flushed.wait_for(lambda: self._answered >= ticket, timeout_s)

    def end(self) -> None:
        """Have `run` return."""
        self._is_ending = True
        self._queue.wake()

    def pack(self, *, in_slices: bool = False) -> None:
        """Encode what is queued now.

        Args:
            in_slices: with pauses, in which other threads run.
        """
        left = len(self._queue)
        while left > 0:
            started_s = time.perf_counter()
            # With many waiting there is less consideration: what finds no room is lost.
            items = self._queue.take(_SLICE if left < _MANY else left // 4)
            for item in items:
                self._add(item)
            left -= len(items)
            if not items:
                break
            if in_slices and 0 < left < _MANY:
                time.sleep(min(time.perf_counter() - started_s, _LONGEST_PAUSE_S))

    def close_batches(self, *, all_of_them: bool) -> None:
        """Give the outbox the batches that have waited long enough, or all of them."""
        now_s = time.monotonic()
        for lane, batch in list(self._open.items()):
            if all_of_them or now_s - batch.opened_s >= self._wait_s[lane]:
                self._close(lane)

    def _work(self) -> None:
        with self._flushed:
            asked = self._asked
        is_asked = asked > self._answered
        self._tend()
        self.pack(in_slices=not is_asked)
        self.close_batches(all_of_them=is_asked)
        self._losses.tell_counts()
        if is_asked:
            with self._flushed:
                self._answered = asked
                self._flushed.notify_all()

    def _add(self, item: Taken) -> None:
        lane = Lane.URGENT if item[3][0] >= URGENT_FROM else Lane.NORMAL
        try:
            line = self._encoder.line(item)
        except Exception as error:  # noqa: BLE001 - one log that cannot be encoded must not cost others
            self._losses.count(Loss.DROPPED, 1, f"it cannot be encoded: {error!r}")
            return
        batch = self._open.get(lane)
        if batch is None:
            batch = self._open[lane] = OpenBatch(lane)
        batch.add(line)
        self.packed += 1
        if batch.records >= self._max_records or batch.size_bytes >= self._max_bytes:
            self._close(lane)

    def _close(self, lane: Lane) -> None:
        self._outbox.put(self._open.pop(lane).close())
