"""Puts aside what cannot be taken: reports it to storage, then moves it to the dead letters."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from logmill.broker.protocol import Consumer, Delivery, Message
from logmill.errors import Refused
from logmill.ids import batch_id_of
from logmill.intake import Rejection
from logmill.results.records import PROBLEM
from logmill.timestamps import now_us
from logmill.wire import Batch
from processor.gathering import rows_of
from processor.metrics import Metrics
from processor.redaction.encoded import redact_message
from processor.redaction.messages import without_secrets
from processor.redaction.text import Redactor
from processor.sink import StorageSink

log = structlog.get_logger()


# Reporting costs storage an insert, so what is refused waits for more of it: so long, or until there is so much.
WAIT_S = 1.0
ENOUGH = 100

Refusal = tuple[Delivery, Refused]


class Letters:
    """One worker's way to the dead letters.

    Args:
        consumer: whose deliveries they are.
        sink: where rejections are reported.
        metrics: what it counts.
        redactor: takes out of a letter and its reason what is sensitive.
        most: how many may wait; they count as unsettled, and the broker sends no more than it is allowed to.
    """

    def __init__(self, consumer: Consumer, sink: StorageSink, metrics: Metrics, redactor: Redactor, most: int) -> None:
        self._consumer = consumer
        self._sink = sink
        self._metrics = metrics
        self._redactor = redactor
        self._most = min(ENOUGH, max(1, most))
        self._waiting: list[Refusal] = []
        self._since_s = 0.0

    def add(self, refused: Sequence[Refusal]) -> None:
        """Take what is to be put aside when it is due."""
        if refused and not self._waiting:
            self._since_s = time.monotonic()
        self._waiting += refused

    def forget(self) -> list[Delivery]:
        """Put nothing aside after all; the deliveries that waited for it."""
        waiting, self._waiting = self._waiting, []
        return [delivery for delivery, _error in waiting]

    def put_aside(self, *, at_once: bool = False) -> list[Delivery]:
        """Where it is due: note the rejections in storage, then move the messages; so that a crash repeats both.

        Returns those that the broker does not take now: they are not settled.

        Raises:
            Retry: storage is away and the process is to stop; none is settled, and all of them still wait.
        """
        is_due = at_once or len(self._waiting) >= self._most or time.monotonic() - self._since_s >= WAIT_S
        if not self._waiting or not is_due:
            return []
        refused = self._waiting
        self._report([self._rejection(delivery.message, None, error.code, str(error)) for delivery, error in refused])
        letters = [(delivery, redact_message(str(error), self._redactor)) for delivery, error in refused]
        kept = [without_secrets(delivery.message, self._redactor) for delivery, _error in refused]
        failed = self._consumer.dead_letter(letters, kept)
        self._waiting = []
        stays = {id(delivery) for delivery in failed}
        for delivery, error in refused:
            if id(delivery) in stays:
                continue
            lane = delivery.message.lane
            self._metrics.messages.labels(lane, "dead").inc()
            self._metrics.records.labels("rejected").inc(rows_of(delivery))
            log.warning("message dead-lettered", message_id=delivery.message.message_id, lane=lane, reason=str(error))
        if failed:
            log.warning("not dead-lettered, they come again", messages=len(failed))
        return failed

    def report_items(self, message: Message, batch: Batch, items: Sequence[Rejection]) -> None:
        """Note the items of a message that were not taken; their ordinals follow those of the records that were."""
        if not items:
            return
        self._report(
            [
                self._rejection(message, ordinal, item.code, _reason(item), batch)
                for ordinal, item in enumerate(items, len(batch.columns))
            ]
        )
        self._metrics.records.labels("rejected").inc(len(items))

    def _report(self, rejections: list[dict[str, object]]) -> None:
        """Tell storage; where it does not take a report, that must not keep the messages from being settled."""
        try:
            self._sink.report_rejections(rejections)
        except Refused as error:
            log.warning("rejections are not taken by storage", rejections=len(rejections), reason=str(error))

    def _rejection(
        self, message: Message, ordinal: int | None, code: str, reason: str, batch: Batch | None = None
    ) -> dict[str, object]:
        batch_id = batch.batch_id if batch else batch_id_of(message.message_id, message.body)
        return {
            "batch_id": str(batch_id),
            "ordinal": ordinal,
            "code": code,
            "reason": redact_message(reason, self._redactor),
            "lane": str(message.lane),
            "at": now_us(),
        }


def _reason(item: Rejection) -> str:
    """Why an item was not taken, and which; a problem of a file of test results says its line itself."""
    return item.message if item.code == PROBLEM else f"item {item.index}: {item.message}"
