"""How soon a log can be found: one ERROR log a second, looked for by a search until it is there."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode

import msgspec

from logmill.bench.connection import Connection, Request
from logmill.bench.counts import Counts, Snapshot
from logmill.bench.loads import ACCEPTED, FOUND, failed, refused
from logmill.bench.plan import Part, Plan, requests_within
from logmill.bench.recorder import Outcome, Recorder
from logmill.bench.records import PROBE_SERVICE, probe

EVERY_S = 1.0
LOOK_EVERY_S = 0.05
# After a search that failed.
_REST_S = 0.5
_NAME = Part.PROBE.value
_MAX_PAGE_LOGS = 1000
_SPARE_LOGS = 20
# How long before the load a probe's time may be, where clocks differ.
_EARLIER_S = 3600
NOT_FOUND = "not found"


class _Metadata(msgspec.Struct):
    bench_number: int = -1


class _Log(msgspec.Struct):
    metadata: _Metadata


class _Page(msgspec.Struct):
    logs: list[_Log]


class Finding:
    """Sends the probes of a load test and looks for them.

    Its latency is from when a probe was due to when a search has found it, its service time from when the producer had
    answered. Both are a little too long: by the pause between two searches, and by the search.

    Args:
        plan: the load test.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = threading.Event()
        self._lock = threading.Lock()
        # By number: when it was due, and when it was answered.
        self._open: dict[int, tuple[float, float]] = {}
        self._recorder = Recorder(0.0)
        self._until_s = 0.0
        self._sender: threading.Thread | None = None
        self._looker: threading.Thread | None = None
        # Enough for all that are looked for at a time, found or not.
        limit = min(_MAX_PAGE_LOGS, int(plan.settle_s / EVERY_S) + _SPARE_LOGS)
        parameters = {"service": PROBE_SERVICE, "q": f'bench_probe:"{plan.run}"', "fields": "metadata", "limit": limit}
        since = {"since": int(time.time()) - _EARLIER_S}
        self._search = Request(_NAME, "GET", "/logs?" + urlencode(parameters | since))
        self.error: BaseException | None = None

    def begin(self, start_s: float) -> None:
        """As `Sending`."""
        self._recorder = Recorder(start_s + self._plan.warm_up_s)
        self._until_s = start_s + self._plan.length_s
        self._sender = threading.Thread(target=self._guarded, args=(lambda: self._send(start_s),), daemon=True)
        self._looker = threading.Thread(target=self._guarded, args=(self._look,), daemon=True)
        self._sender.start()
        self._looker.start()

    def stop(self) -> None:
        """As `Sending`; what was not found yet is not looked for any more, and does not count."""
        self._until_s = min(self._until_s, time.monotonic())
        self._stop.set()

    def is_done(self) -> bool:
        """As `Sending`."""
        return not any(thread is not None and thread.is_alive() for thread in (self._sender, self._looker))

    def snapshot(self) -> Snapshot:
        """As `Sending`."""
        is_done = self.is_done()
        return self._recorder.snapshot(0.0, min(time.monotonic(), self._until_s), math.inf, is_done=is_done)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told by the process
            self.error = error
            self.stop()

    def _send(self, start_s: float) -> None:
        plan = self._plan
        with Connection(plan.producer_url, plan.key, plan.timeout_s) as connection:
            for number in range(requests_within(1 / EVERY_S, plan.length_s)):
                due_s = start_s + number * EVERY_S
                if self._stop.wait(max(0.0, due_s - time.monotonic())):
                    return
                body = probe(plan.run, number)
                self._recorder.began()
                sent_s = time.monotonic()
                answer = connection.ask(Request(_NAME, "POST", "/logs", body))
                answered_s = time.monotonic()
                if answer.status == ACCEPTED:
                    with self._lock:
                        self._open[number] = (due_s, answered_s)
                else:
                    counts = Counts(bytes_sent=len(body))
                    outcome = refused(counts, answer) or failed(counts, answer)
                    self._recorder.ended(_NAME, due_s, sent_s, answered_s, outcome)

    def _look(self) -> None:
        with Connection(self._plan.storage_url, self._plan.key, self._plan.timeout_s) as connection:
            while not self._stop.is_set():
                # Asked first: what was sent before it ended is open by then.
                is_sending = self._sender is not None and self._sender.is_alive()
                with self._lock:
                    is_waiting = bool(self._open)
                if not is_waiting and not is_sending:
                    return
                rest_s = LOOK_EVERY_S
                if is_waiting:
                    answer = connection.ask(self._search)
                    rest_s = LOOK_EVERY_S if answer.status == FOUND else _REST_S
                    self._settle(_numbers(answer.body) if answer.status == FOUND else set(), time.monotonic())
                self._stop.wait(rest_s)

    def _settle(self, found: set[int], now_s: float) -> None:
        """Count the probes that were found, and those that are looked for no longer."""
        with self._lock:
            done = [number for number in self._open if number in found]
            late = [
                number
                for number, (_, answered_s) in self._open.items()
                if number not in found and now_s - answered_s > self._plan.settle_s
            ]
            ended = [(number in found, *self._open.pop(number)) for number in done + late]
        for is_found, due_s, answered_s in ended:
            outcome = (
                Outcome(Counts(ok=1), is_timed=True)
                if is_found
                else Outcome(Counts(failed=1), is_timed=True, failure=NOT_FOUND)
            )
            self._recorder.ended(_NAME, due_s, answered_s, now_s, outcome)


def _numbers(body: bytes) -> set[int]:
    """The numbers of the probes of an answer; none where it cannot be read."""
    try:
        return {log.metadata.bench_number for log in msgspec.json.decode(body, type=_Page).logs}
    except msgspec.DecodeError:
        return set()
