"""The loop of a processor: gather deliveries, make a block, have it stored, acknowledge last."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

import polars as pl
import structlog

from logmill.broker.protocol import Consumer, Delivery
from logmill.errors import BrokerUnavailable, Refused, Retry
from logmill.intake import Rejection
from logmill.parsing.frames import TIME
from logmill.rules.ruleset import rules_of
from logmill.settings import Settings
from logmill.submitted import Limits
from logmill.timestamps import now_us
from logmill.wire import Batch, is_batch, unpack
from processor.breaker import Breaker
from processor.columns import to_arrow, to_frame
from processor.drain import Drain
from processor.foreign import read_foreign
from processor.gathering import STOP_TAKING_S, Gatherer
from processor.letters import Letters
from processor.metrics import Metrics
from processor.redaction.rules import redactor_of
from processor.redaction.text import Redactor
from processor.sink import StorageSink
from processor.stages import make_stages

log = structlog.get_logger()

FAILURE_WAIT_S = 1.0
# How much of the time to drain the consumer may take to stop taking: what comes meanwhile is stored in the rest of it.
STOP_TAKING_SHARE = 1 / 3
# From so many deliveries on a message may be what ends its workers: it is worked on alone.
SUSPECT_AFTER = 5
US_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Work:
    """A delivery that was read: the batch in it, and the items of it that cannot be taken."""

    delivery: Delivery
    batch: Batch
    rejected: Sequence[Rejection] = ()


class _Outcome(Enum):
    """What came of one turn of the loop: a block was settled, there was nothing, or work went back to the broker."""

    WORKED = auto()
    IDLE = auto()
    FAILED = auto()


class Worker:
    """One consumer's loop, for one thread.

    Args:
        consumer: where batches come from.
        sink: where blocks go.
        settings: those in force.
        processor_id: how this worker signs what it processed.
        metrics: what it counts.
        drain: when to end, and when at the latest.
        redactor: what redacts; made of the rules in force where it is missing.

    Raises:
        ConfigError: the rules cannot be used.
    """

    def __init__(
        self,
        consumer: Consumer,
        sink: StorageSink,
        settings: Settings,
        *,
        processor_id: str,
        metrics: Metrics,
        drain: Drain,
        redactor: Redactor | None = None,
    ) -> None:
        rules = rules_of(settings)
        redactor = redactor or redactor_of(rules, settings)
        self._consumer = consumer
        self._sink = sink
        self._settings = settings
        self._limits = Limits.of(settings)
        self._stages = make_stages(settings, rules, redactor)
        self.breaker = Breaker(settings)
        self._gatherer = Gatherer(consumer, self.breaker, settings, drain)
        self._letters = Letters(consumer, sink, metrics, redactor, settings.prefetch // 2)
        self._refused: list[tuple[Delivery, Refused]] = []
        self._processor_id = processor_id
        self._metrics = metrics
        self._drain = drain

    def run(self) -> bool:
        """Work until told to stop, then finish what is here already; says whether all of it was finished in time.

        What is unsettled in the end goes back to the broker.
        """
        while not self._drain.begun():
            self._work_once()
        self._consumer.stop_taking(min(STOP_TAKING_S, STOP_TAKING_SHARE * self._drain.left_s()))
        outcome = _Outcome.WORKED
        while outcome is _Outcome.WORKED and not self._drain.over():
            outcome = self._work_once()
        return outcome is _Outcome.IDLE

    def _work_once(self) -> _Outcome:
        """Gather one block and work on it."""
        deliveries: list[Delivery] = []
        try:
            self._gatherer.gather(deliveries)
            started_s = time.perf_counter()
            if deliveries:
                self.process(deliveries)
                self._gatherer.took_s(deliveries, time.perf_counter() - started_s)
            # A lane that is full of what waits to be put aside brings nothing more.
            self._put_aside(at_once=not deliveries)
        except BrokerUnavailable as error:
            log.warning("the broker is away", reason=str(error))
            if not self._give_back(deliveries, error.retry_after_s):
                return _Outcome.IDLE
        except Retry as error:
            log.warning("stopping with work in hand; the broker will deliver it again", reason=str(error))
            self._give_back(deliveries, 0.0)
        except Exception:
            log.exception("work failed; the broker will deliver it again", messages=len(deliveries))
            self._give_back(deliveries, FAILURE_WAIT_S)
        else:
            return _Outcome.WORKED if deliveries else _Outcome.IDLE
        return _Outcome.FAILED

    def _give_back(self, deliveries: list[Delivery], wait_s: float) -> bool:
        """Let the broker deliver again what is not settled, after a while; says whether there is anything."""
        self._drain.wait(wait_s)
        in_hand = [*deliveries, *self._letters.forget()]
        self._consumer.release(in_hand)
        self.breaker.gave_back()
        return bool(in_hand)

    def process(self, deliveries: Sequence[Delivery]) -> None:
        """Enrich, store and settle these deliveries; what cannot be taken waits to be put aside.

        Raises:
            Retry: storage went away and the process is to stop; nothing is settled that is not stored.
        """
        self._refused = []
        with self._timed("decode"):
            works = [work for delivery in deliveries if (work := self._read(delivery)) is not None]
        suspects = [work for work in works if work.delivery.attempts >= SUSPECT_AFTER]
        for block in _blocks_of_a_day([work for work in works if work.delivery.attempts < SUSPECT_AFTER]):
            self._store(block)
        # What ends its worker takes those beside it back with it, all with one more delivery to their name. One by one
        # and in any order, the innocent are soon done and the culprit is alone.
        random.shuffle(suspects)
        for work in suspects:
            self._store([work])
        self._letters.add(self._refused)
        for delivery, _error in self._refused:
            self.breaker.settled(delivery.message.lane, dead=True)

    def _put_aside(self, *, at_once: bool = False) -> None:
        """Move to the dead letters what is due."""
        failed = self._letters.put_aside(at_once=at_once)
        if failed:
            self._drain.wait(FAILURE_WAIT_S)
            self._consumer.release(failed)

    def _read(self, delivery: Delivery) -> Work | None:
        """What is in a message; one that cannot be read is noted as refused and gives None."""
        if delivery.redelivered:
            self._metrics.redelivered.inc()
        if delivery.attempts >= self._settings.max_deliveries:
            reason = f"delivered {delivery.attempts} times and never settled"
            self._refused.append((delivery, Refused(reason, code="delivered_too_often")))
            return None
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
        for work in works:
            self._letters.report_items(work.delivery.message, work.batch, work.rejected)
        self._consumer.acknowledge([work.delivery for work in works])
        for work in works:
            self._metrics.messages.labels(work.delivery.message.lane, "acknowledged").inc()
            self.breaker.settled(work.delivery.message.lane, dead=False)
        self._metrics.block_rows.observe(rows)
        self._metrics.records.labels("stored").inc(stored.stored)
        self._metrics.records.labels("duplicate").inc(stored.duplicates)
        if stored.expired:
            self._metrics.records.labels("expired").inc(stored.expired)
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
        for name, count in frame["parsed_as"].value_counts().iter_rows():
            if name:
                self._metrics.parsed.labels(name).inc(count)
        with self._timed("encode"):
            frame = frame.with_columns(
                processed_at=pl.lit(now_us(), dtype=pl.Int64).cast(TIME), processor_id=pl.lit(self._processor_id)
            )
            return to_arrow(frame), frame.height

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


def _blocks_of_a_day(works: Sequence[Work]) -> Iterator[list[Work]]:
    """Works grouped by the day they were received on, since storage keeps each day as a partition of its own."""
    by_day = sorted(works, key=lambda work: work.batch.received_at // US_A_DAY)
    for _day, group in groupby(by_day, key=lambda work: work.batch.received_at // US_A_DAY):
        yield list(group)
