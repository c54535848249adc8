"""The loop of a processor: gather deliveries, make a block, have it stored, acknowledge last."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl
import structlog

from logmill.broker.protocol import Consumer, Delivery
from logmill.errors import BrokerUnavailable, Refused, Retry
from logmill.ids import batch_id_of
from logmill.intake import Rejection
from logmill.lifecycle import StopSignal
from logmill.settings import Settings
from logmill.submitted import Limits
from logmill.timestamps import now_us
from logmill.wire import COUNT_HEADER, Batch, decoded_bytes, is_batch, unpack
from processor.columns import TIME, to_arrow, to_frame
from processor.foreign import read_foreign
from processor.metrics import Metrics
from processor.sink import StorageSink
from processor.stages import make_stages

log = structlog.get_logger()

IDLE_WAIT_S = 0.5
FAILURE_WAIT_S = 1.0
# So long at least for what is on its way from the broker: larger blocks leave storage less to merge.
GATHER_AT_LEAST_S = 0.1
US_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """A delivery that was read: the batch in it, and the items of it that cannot be taken."""

    delivery: Delivery
    batch: Batch
    rejected: Sequence[Rejection] = ()


class Worker:
    """One consumer's loop, for one thread.

    Args:
        consumer: where batches come from.
        sink: where blocks go.
        settings: those in force.
        processor_id: how this worker signs what it processed.
        metrics: what it counts.
        stop: when to end.
    """

    def __init__(
        self,
        consumer: Consumer,
        sink: StorageSink,
        settings: Settings,
        *,
        processor_id: str,
        metrics: Metrics,
        stop: StopSignal,
    ) -> None:
        self._consumer = consumer
        self._sink = sink
        self._settings = settings
        self._limits = Limits.of(settings)
        self._stages = make_stages(settings)
        self._refused: list[tuple[Delivery, Refused]] = []
        self._next_block_s = 0.0
        self._processor_id = processor_id
        self._metrics = metrics
        self._stop = stop

    def run(self) -> None:
        """Work until told to stop; what is then unsettled goes back to the broker."""
        while not self._stop.is_set():
            deliveries: list[Delivery] = []
            try:
                self._gather(deliveries)
                if deliveries:
                    self.process(deliveries)
            except BrokerUnavailable as error:
                log.warning("the broker is away", reason=str(error))
                self._give_back(deliveries, error.retry_after_s)
            except Retry as error:
                log.info("stopping with work in hand; the broker will deliver it again", reason=str(error))
                self._give_back(deliveries, 0.0)
            except Exception:
                log.exception("work failed; the broker will deliver it again", messages=len(deliveries))
                self._give_back(deliveries, FAILURE_WAIT_S)

    def _give_back(self, deliveries: list[Delivery], wait_s: float) -> None:
        """Let the broker deliver again what is not settled, after a while."""
        self._stop.wait(wait_s)
        self._consumer.release(deliveries)

    def _gather(self, deliveries: list[Delivery]) -> None:
        """Fill `deliveries` for one block: until it is full, or a block is due again.

        Blocks are `block_wait_ms` apart, since each costs storage an insert: a log that comes alone waits for nothing,
        one that comes while the last block is stored has waited already.
        """
        first = self._consumer.receive(IDLE_WAIT_S)
        if first is None:
            return
        deliveries.append(first)
        rows, size_bytes = _rows(first), decoded_bytes(first.message)
        deadline = max(time.monotonic() + GATHER_AT_LEAST_S, self._next_block_s)
        limits = self._settings
        while rows < limits.block_rows and size_bytes < limits.block_bytes and not self._stop.is_set():
            delivery = self._consumer.receive(max(0.0, deadline - time.monotonic()))
            if delivery is None:
                break
            deliveries.append(delivery)
            rows += _rows(delivery)
            size_bytes += decoded_bytes(delivery.message)
        self._next_block_s = time.monotonic() + limits.block_wait_ms / 1000

    def process(self, deliveries: Sequence[Delivery]) -> None:
        """Enrich, store and settle these deliveries; put aside what cannot be taken, after everything else.

        Raises:
            Retry: storage went away and the process is to stop; nothing is settled that is not stored.
        """
        self._refused = []
        with self._timed("decode"):
            works = [work for delivery in deliveries if (work := self._read(delivery)) is not None]
        for block in _blocks_of_a_day(works):
            self._store(block)
        for delivery, error in self._refused:
            self._dead_letter(delivery, error)

    def _read(self, delivery: Delivery) -> Work | None:
        """What is in a message; one that cannot be read is noted as refused and gives None."""
        if delivery.redelivered:
            self._metrics.redelivered.inc()
        try:
            if is_batch(delivery.message):
                return Work(delivery, unpack(delivery.message))
            return Work(delivery, *read_foreign(delivery.message, self._limits))
        except Refused as error:
            self._refused.append((delivery, error))
            return None

    def _store(self, works: Sequence[Work]) -> None:
        """Store the batches as one block, or one by one where storage refuses the block, and settle them."""
        try:
            self._store_block(works)
        except Refused as error:
            if len(works) == 1:
                self._refused.append((works[0].delivery, error))
                return
            log.warning("block refused; storing its batches one by one", batches=len(works), reason=str(error))
            for work in works:
                self._store([work])

    def _store_block(self, works: Sequence[Work]) -> None:
        started = time.perf_counter()
        try:
            block, rows = self._make_block([work.batch for work in works])
        except Exception as error:  # whatever it is, the batch at fault must not hold up the others for ever
            log.exception("block cannot be processed", batches=len(works))
            raise Refused(f"cannot be processed: {type(error).__name__}: {error}", code="unprocessable") from error
        redelivered = any(work.delivery.redelivered for work in works)
        with self._timed("store"):
            stored = self._sink.store(block, may_be_known=redelivered)
        self._report_items(works)
        self._consumer.acknowledge([work.delivery for work in works])
        for work in works:
            self._metrics.messages.labels(work.delivery.message.lane, "acknowledged").inc()
        self._metrics.block_rows.observe(rows)
        self._metrics.records.labels("stored").inc(stored.stored)
        self._metrics.records.labels("duplicate").inc(stored.duplicates)
        log.debug(
            "block stored",
            rows=rows,
            batches=len(works),
            duplicates=stored.duplicates,
            seconds=round(time.perf_counter() - started, 3),
        )

    def _make_block(self, batches: Sequence[Batch]) -> tuple[bytes, int]:
        with self._timed("columns"):
            frame = to_frame(batches)
        with self._timed("stages"):
            for _name, stage in self._stages:
                frame = stage(frame)
        with self._timed("encode"):
            frame = frame.with_columns(
                processed_at=pl.lit(now_us(), dtype=pl.Int64).cast(TIME), processor_id=pl.lit(self._processor_id)
            )
            return to_arrow(frame), frame.height

    def _dead_letter(self, delivery: Delivery, error: Refused) -> None:
        """Note the rejection in storage, then put the message aside; in this order, so that a crash repeats both.

        Where the broker does not take the dead letter now, the message goes back and comes again.
        """
        message = delivery.message
        if message.message_id:
            self._sink.report_rejections([_rejection(delivery, None, error.code, str(error))])
        try:
            self._consumer.dead_letter(delivery, str(error))
        except Retry as cause:
            log.warning("not dead-lettered, it comes again", message_id=message.message_id, reason=str(cause))
            self._give_back([delivery], FAILURE_WAIT_S)
            return
        self._metrics.messages.labels(message.lane, "dead").inc()
        self._metrics.records.labels("rejected").inc(_rows(delivery))
        log.warning("message dead-lettered", message_id=message.message_id, lane=message.lane, reason=str(error))

    def _report_items(self, works: Sequence[Work]) -> None:
        """Note the items that were not taken; their ordinals follow those of the records that were."""
        rejections = [
            _rejection(work.delivery, ordinal, item.code, f"item {item.index}: {item.message}", work.batch)
            for work in works
            for ordinal, item in enumerate(work.rejected, len(work.batch.columns))
        ]
        if rejections:
            self._sink.report_rejections(rejections)
            self._metrics.records.labels("rejected").inc(len(rejections))

    def _timed(self, step: str) -> _Timer:
        return _Timer(self._metrics, step)


class _Timer:
    """Observes how long a step took."""

    def __init__(self, metrics: Metrics, step: str) -> None:
        self._histogram = metrics.step_seconds.labels(step)

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_exc: object) -> None:
        self._histogram.observe(time.perf_counter() - self._started)


def _rows(delivery: Delivery) -> int:
    count = delivery.message.headers.get(COUNT_HEADER, 1)
    return count if isinstance(count, int) else 1


def _blocks_of_a_day(works: Sequence[Work]) -> Iterator[list[Work]]:
    """Works grouped by the day they were received on, since storage keeps each day as a partition of its own."""
    by_day = sorted(works, key=lambda work: work.batch.received_at // US_A_DAY)
    for _day, group in groupby(by_day, key=lambda work: work.batch.received_at // US_A_DAY):
        yield list(group)


def _rejection(
    delivery: Delivery, ordinal: int | None, code: str, reason: str, batch: Batch | None = None
) -> dict[str, object]:
    message = delivery.message
    batch_id = batch.batch_id if batch else batch_id_of(message.message_id, message.body)
    return {
        "batch_id": str(batch_id),
        "ordinal": ordinal,
        "code": code,
        "reason": reason,
        "lane": str(delivery.message.lane),
        "at": now_us(),
    }
