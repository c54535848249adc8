"""The threads of one process that send, each over a connection of its own."""

from __future__ import annotations

import math
import threading
import time

from logmill.bench.connection import Answer, Connection
from logmill.bench.counts import Snapshot
from logmill.bench.loads import Load, load_of
from logmill.bench.plan import Part, Plan, Share
from logmill.bench.recorder import Recorder
from logmill.bench.schedule import ClosedLoop, OpenLoop, Schedule, Turn

# In a closed loop: how long a connection rests that was refused, or found nobody.
_LONGEST_REST_S = 5.0
_REST_S = 0.2
# The last requests of a schedule that was kept may be sent so late.
_IN_TIME_S = 0.1


class Sending:
    """Sends a share of one part of the plan.

    Args:
        plan: the load test.
        share: what of it; ingest or query.
    """

    def __init__(self, plan: Plan, share: Share) -> None:
        self._plan = plan
        self._share = share
        self._url = plan.producer_url if share.part is Part.INGEST else plan.storage_url
        self._load: Load = load_of(share.part, plan)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._until_s = 0.0
        self._recorder = Recorder(0.0)
        self._schedule: Schedule
        self.error: BaseException | None = None

    def begin(self, start_s: float) -> None:
        """Send, from a time on.

        Args:
            start_s: by the monotonic clock.
        """
        plan, rate = self._plan, self._plan.requests_per_s(self._share.part)
        recorder = self._recorder = Recorder(start_s + plan.warm_up_s)
        self._until_s = start_s + plan.length_s
        if rate is None:
            self._schedule = ClosedLoop(start_s=start_s, length_s=plan.length_s, share=self._share)
        else:
            self._schedule = OpenLoop(
                start_s=start_s,
                rate=rate,
                length_s=plan.length_s,
                share=self._share,
                max_behind_s=plan.max_behind_s,
                dropped=lambda due_s, waited_s, count: recorder.dropped(
                    self._load.dropped_name, due_s, waited_s, count
                ),
            )
        self._threads = [
            threading.Thread(target=self._guarded, args=(start_s,), daemon=True) for _ in range(plan.connections)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more; what is in flight is waited for."""
        if not self._stop.is_set():
            now_s = time.monotonic()
            self._until_s = min(self._until_s, now_s)
            self._schedule.end(now_s)
            self._stop.set()

    def is_done(self) -> bool:
        """Whether all has ended."""
        return not any(thread.is_alive() for thread in self._threads)

    def snapshot(self) -> Snapshot:
        """What was measured so far."""
        now_s = time.monotonic()
        is_done = self.is_done()
        # In a closed loop the time always goes on until the last answer.
        in_time_s = -math.inf if self._plan.requests_per_s(self._share.part) is None else _IN_TIME_S
        behind_s = self._schedule.behind_s(now_s)
        return self._recorder.snapshot(behind_s, min(now_s, self._until_s), in_time_s, is_done=is_done)

    def _guarded(self, start_s: float) -> None:
        try:
            self._send(start_s)
        except BaseException as error:  # noqa: BLE001 - told by the process
            self.error = error
            self.stop()

    def _send(self, start_s: float) -> None:
        self._stop.wait(max(0.0, start_s - time.monotonic()))
        with Connection(self._url, self._plan.key, self._plan.timeout_s) as connection:
            while (turn := self._schedule.take(time.monotonic())) is not None:
                self._take(turn, connection)

    def _take(self, turn: Turn, connection: Connection) -> None:
        # Made before it is due, so that making it takes nothing from its time.
        request = self._load.request(turn.number)
        if turn.due_s is not None and self._stop.wait(max(0.0, turn.due_s - time.monotonic())):
            waited_s = time.monotonic() - turn.due_s
            if waited_s > 0:
                self._recorder.dropped(self._load.dropped_name, turn.due_s, waited_s, 1)
            return
        self._recorder.began()
        sent_s = time.monotonic()
        answer = connection.ask(request)
        ended_s = time.monotonic()
        outcome = self._load.outcome(request, answer)
        self._recorder.ended(request.name, sent_s if turn.due_s is None else turn.due_s, sent_s, ended_s, outcome)
        if turn.due_s is None:
            self._stop.wait(_rest_s(answer))


def _rest_s(answer: Answer) -> float:
    """How long a connection of a closed loop rests after an answer: it does not spin where it is turned away."""
    if answer.status:
        return min(answer.retry_after_s, _LONGEST_REST_S)
    return _REST_S
