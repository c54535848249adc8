"""The thread that sends batches, one after the other, until each was answered for good."""

from __future__ import annotations

import threading
import time

from logmill.backoff import delay_s
from logmill.handler.batches import Batch, halves
from logmill.handler.delivery import Delivery, Outcome, Verdict
from logmill.handler.losses import Loss, Losses
from logmill.handler.outbox import Outbox

# The first and the longest wait between tries: where the producer is away, and where somebody must change something.
_AWAY_S = (0.5, 10.0)
_BLOCKED_S = (5.0, 60.0)
# An outage that is shorter is told to nobody.
_TELL_AFTER_S = 5.0
_TAKE_S = 1.0
_AFTER_ERROR_S = 1.0
# A batch with which the handler itself fails so often is given up, or no other would be sent.
_MAX_FAULTS = 5


class Sender:
    """Works from `run`, or when `send` is called where there is no thread.

    Args:
        outbox: where batches are.
        delivery: how they are sent.
        losses: told of rejections, and of what is in the way.
        url: of the producer, for people.

    Attributes:
        accepted: logs that were.
        failures: tries that failed.
        error: why the last one did, "" where it did not.
        works: whether the last one succeeded.
    """

    def __init__(self, outbox: Outbox, delivery: Delivery, losses: Losses, url: str) -> None:
        self._outbox = outbox
        self._delivery = delivery
        self._losses = losses
        self._url = url
        self._hurry = threading.Event()
        self._is_ending = False
        self._failing_since_s: float | None = None
        self._is_told = False
        # What somebody must mend is told once, as long as it is the same.
        self._told_reason = ""
        self._faulty, self._faults = "", 0
        self.accepted = 0
        self.failures = 0
        self.error = ""
        self.works = False

    def run(self) -> None:
        """Work until `end`."""
        tries = 0
        while not self._is_ending:
            batch = None
            try:
                batch = self._outbox.take(_TAKE_S)
                if batch is None:
                    continue
                outcome = self.send(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next batch must find somebody at work
                self._give_up(batch, error)
                continue
            tries = 0 if outcome.verdict is Verdict.SETTLED else tries + 1
            if tries and not self._is_ending:
                self._hurry.wait(_wait_s(outcome, tries))
            self._hurry.clear()
        self._delivery.close()

    def hurry(self) -> None:
        """Try at once what waits to be tried again."""
        self._hurry.set()

    def end(self) -> None:
        """Have `run` return once the request under way is answered."""
        self._is_ending = True
        self._hurry.set()
        self._outbox.end()

    def send(self, batch: Batch) -> Outcome:
        """Try to send a batch; where that works, it is settled."""
        outcome = self._sent(batch)
        if outcome.verdict is Verdict.SETTLED:
            self.accepted += outcome.accepted
            if outcome.rejected:
                self._losses.count(Loss.REJECTED, outcome.rejected, outcome.reason)
            self._outbox.settle(batch)
            self._succeeds()
        else:
            self._fails(outcome)
        return outcome

    def _sent(self, batch: Batch) -> Outcome:
        """What came of a batch, in halves where it is too large for the producer as it is."""
        outcome = self._delivery.post(batch)
        if outcome.verdict is not Verdict.TOO_LARGE:
            return outcome
        if batch.records == 1:
            return Outcome(Verdict.SETTLED, 0, 1, outcome.reason)
        self._losses.tell("size", f"a batch is halved: {outcome.reason}; batch_records or batch_bytes is too large")
        accepted, rejected, reason = 0, 0, ""
        for part in halves(batch):
            found = self._sent(part)
            if found.verdict is not Verdict.SETTLED:
                # Both are sent again, and count then. The keys of the halves stay the same, so the one that was taken
                # is not taken twice.
                return found
            accepted, rejected, reason = accepted + found.accepted, rejected + found.rejected, found.reason or reason
        return Outcome(Verdict.SETTLED, accepted, rejected, reason)

    def _give_up(self, batch: Batch | None, error: Exception) -> None:
        """After a failure of the handler itself: wait, and let go of the batch where that was not the first time."""
        self._losses.tell("failure", f"a failure of the handler itself: {error!r}")
        key = "" if batch is None else batch.key
        self._faults = self._faults + 1 if self._faulty == key else 1
        self._faulty = key
        if batch is not None and self._faults >= _MAX_FAULTS:
            self._losses.count(Loss.DROPPED, batch.records, f"a failure of the handler itself: {error!r}")
            self._outbox.settle(batch)
        self._hurry.wait(_AFTER_ERROR_S)
        self._hurry.clear()

    def _succeeds(self) -> None:
        self.error = ""
        self.works = True
        self._failing_since_s = None
        self._told_reason = ""
        if self._is_told:
            self._is_told = False
            self._losses.tell("sending again", f"logs are sent to {self._url} again")

    def _fails(self, outcome: Outcome) -> None:
        self.error = outcome.reason
        self.works = False
        self.failures += 1
        self._outbox.wake()
        now_s = time.monotonic()
        self._failing_since_s = self._failing_since_s or now_s
        is_blocked = outcome.verdict is Verdict.BLOCKED
        if is_blocked and outcome.reason == self._told_reason:
            return
        if is_blocked or now_s - self._failing_since_s >= _TELL_AFTER_S:
            self._is_told = True
            kept = "they are kept, and sent later"
            is_new = self._losses.tell("sending", f"logs cannot be sent to {self._url}: {outcome.reason}; {kept}")
            if is_new and is_blocked:
                self._told_reason = outcome.reason


def _wait_s(outcome: Outcome, tries: int) -> float:
    bounds = _BLOCKED_S if outcome.verdict is Verdict.BLOCKED else _AWAY_S
    return max(outcome.retry_after_s or 0.0, delay_s(tries, *bounds))
