"""Evaluates the rules: each looks at the times for which logs came since it looked last, or at what the clock says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from logmill.backoff import delay_s
from logmill.errors import LogmillError
from logmill.timestamps import now_us
from storage import counting
from storage.alerting.arrivals import Arrivals
from storage.alerting.book import Book, KnownPatterns, Owed
from storage.alerting.detector import GRACE_US, Detector, Held, Looked
from storage.alerting.file import StateFile
from storage.alerting.rounds import Round, Status
from storage.alerting.spans import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Span, floor_to, joined, pieces
from storage.alerting.states import Alerts, Found
from storage.engine.protocol import Engine
from storage.errors import QueryCancelled, QueryTimeout
from storage.reading import Reading, in_force
from storage.search.filters import both

log = structlog.get_logger()

MAX_BYTES = 64 * 1024 * 1024
# Silence is not told from what is late: not so soon after the start, nor while what comes was under way for so long.
CALM_US = 5 * MINUTE_US
MAX_LAG_US = MINUTE_US
_MOST_SPANS = 5000
# What is older is not compared with what was before: files of old logs come in any order.
HISTORY_US = DAY_US
_LONGEST_US = DAY_US
# What is further apart is looked at by itself.
_GAP_US = 10 * MINUTE_US
# A span that is too much for a rule is halved down to this.
_SHORTEST_US = HOUR_US
_MAX_ATTEMPTS = 8
_FIRST_DELAY_S, _LONGEST_DELAY_S = 10.0, 600.0
TREND_BUCKETS = 30
_MAX_TRENDS = 20


class Evaluation:
    """All rules; `once` is one round, for one thread. The other methods are safe for threads.

    Args:
        engine: where the logs are.
        detectors: the rules, compiled.
        file: where is kept what they have to look at.
        arrivals: for which times logs came.
        alerts: what becomes of what they find.
        known: the patterns that were decided on.
        timeout_s: how long one look of a rule may take.
        clock: the time now, microseconds.
    """

    def __init__(
        self,
        engine: Engine,
        detectors: Sequence[Detector],
        file: StateFile,
        arrivals: Arrivals,
        alerts: Alerts,
        known: KnownPatterns,
        *,
        timeout_s: float,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._engine, self._detectors, self._file = engine, detectors, file
        self._arrivals, self._alerts, self._known = arrivals, alerts, known
        self._book = Book(file)
        self._timeout_s = timeout_s
        self._clock = clock
        self._started_us = clock()
        self._lock = threading.Lock()
        self._status = {detector.rule.name: Status() for detector in detectors}
        self._until = self._book.evaluated_until()
        self._book.forget_others(self._status)
        self._held_back: set[str] = set()
        self._reading: Reading | None = None
        self._is_stopped = False

    def status(self) -> dict[str, tuple[Status, int | None]]:
        """By rule: how it is doing, and until when it was evaluated."""
        with self._lock:
            return {name: (status, self._until.get(name)) for name, status in self._status.items()}

    def stop(self) -> None:
        """Have the round that is under way end soon, and with it the last; to be repeated until it has."""
        self._is_stopped = True
        reading = self._reading
        if reading is not None:
            reading.cancel()

    def once(self) -> None:
        """One round: take what came, evaluate each rule, then resolve what is over.

        Raises:
            StorageUnavailable: the file cannot be written; the next round goes on from there.
        """
        by_arrival = [detector.rule.name for detector in self._detectors if not detector.every_us]
        self._arrivals.take(by_arrival)
        for name in by_arrival:
            self._book.bound(name)
        for detector in self._detectors:
            if self._is_stopped:
                return
            self._one(detector)
        self._alerts.settle(lambda rule: rule in self._held_back)

    def _one(self, detector: Detector) -> None:
        name = detector.rule.name
        before = self._status[name]
        round_ = Round(self._clock())
        try:
            is_behind = self._clocked(detector, round_) if detector.every_us else self._by_arrival(detector, round_)
        except QueryCancelled:
            # What it had to look at is still owed.
            return
        except Exception as error:
            if isinstance(error, LogmillError):
                log.warning("a rule cannot be evaluated", rule=name, reason=str(error)[:300])
            else:
                log.exception("the evaluation of a rule failed", rule=name)
            reason = str(error)[:300] or type(error).__name__
            changed = replace(before, failures=before.failures + 1, error=reason, is_behind=True)
            self._held_back.add(name)
        else:
            changed = before
            if round_.did:
                changed = replace(
                    before,
                    evaluated_us=round_.now_us,
                    duration_s=round(time.monotonic() - round_.start_s, 4),
                    evaluations=before.evaluations + 1,
                    error=None,
                    is_cut=round_.is_cut,
                )
            changed = replace(changed, is_behind=is_behind)
            (self._held_back.add if is_behind else self._held_back.discard)(name)
        with self._lock:
            self._status[name] = changed

    def _clocked(self, detector: Detector, round_: Round) -> bool:
        """Evaluate what goes by the clock; whether it could not be done now."""
        name, now = detector.rule.name, round_.now_us
        until = floor_to(now - GRACE_US, detector.every_us)
        last = self._until.get(name)
        if last is not None and last > now:
            # The clock was ahead for a while.
            last = None
        if last is not None and last >= until:
            return False
        if detector.needs_calm and (now - self._started_us < CALM_US or self._arrivals.lag_us > MAX_LAG_US):
            return True
        since = until - detector.every_us if last is None else max(last, until - _LONGEST_US)
        self._look(detector, (since, until), [], round_)
        return False

    def _by_arrival(self, detector: Detector, round_: Round) -> bool:
        """Evaluate what logs came for; whether there is more."""
        name, now = detector.rule.name, round_.now_us
        round_.is_late = detector.needs_all and self._arrivals.lag_us > MAX_LAG_US
        before = round_.seen_us if detector.ready_us(now) > now else None
        due = [one for one in self._book.due(name, now, _MOST_SPANS, before) if detector.ready_us(one[0][1]) <= now]
        if detector.needs_history:
            self._book.settle(name, [span for span, _ in due if span[1] < now - HISTORY_US])
        owed = {span: one for span, one in due if not detector.needs_history or span[1] >= now - HISTORY_US}
        for whole in reversed(joined(owed, _GAP_US)):
            spans = [span for span in owed if whole[0] <= span[0] and span[1] <= whole[1]]
            parts = list(pieces(whole, _LONGEST_US))
            if len(parts) > 1:
                self._book.exchange(name, spans, parts)
            for part in parts:
                if round_.is_over or self._is_stopped:
                    return True
                mine = [part] if len(parts) > 1 else spans
                self._try(detector, part, {span: owed.get(span, Owed()) for span in mine}, round_)
        return (
            len(due) >= _MOST_SPANS
            or self._book.is_put_off(name, now)
            or (round_.is_late and self._book.count(name) > 0)
        )

    def _try(self, detector: Detector, part: Span, owed: dict[Span, Owed], round_: Round) -> None:
        """Look at one part; where that is too much, at half of it in the next round."""
        name = detector.rule.name
        spans, attempts = list(owed), max(one.attempts for one in owed.values())
        follow_us = () if all(one.is_after for one in owed.values()) else detector.follow_us
        middle = (part[0] + part[1]) // 2
        is_long = part[1] - part[0] > _SHORTEST_US
        try:
            self._look(detector, part, spans, round_, halves=is_long, follow_us=follow_us)
        except QueryTimeout:
            if is_long:
                self._book.exchange(name, spans, [(part[0], middle), (middle, part[1])])
            else:
                self._fail(name, spans, attempts, round_.now_us)
            raise
        except QueryCancelled:
            raise
        except Exception:
            self._fail(name, spans, attempts, round_.now_us)
            raise

    def _fail(self, name: str, spans: list[Span], attempts: int, now: int) -> None:
        if attempts + 1 >= _MAX_ATTEMPTS:
            self._book.settle(name, spans)
            self._file.count_up("unjudged", len(spans))
            return
        wait_us = round(delay_s(attempts + 1, _FIRST_DELAY_S, _LONGEST_DELAY_S) * SECOND_US)
        self._book.put_off(name, spans, now + wait_us)

    def _look(
        self,
        detector: Detector,
        part: Span,
        spans: list[Span],
        round_: Round,
        *,
        halves: bool = False,
        follow_us: tuple[int, ...] = (),
    ) -> None:
        """Have a detector look, and keep what it found together with the note that it looked: both, or neither."""
        name, rule = detector.rule.name, detector.rule
        self._reading = reading = Reading(self._timeout_s, MAX_BYTES)
        with in_force(reading):
            looked = detector.look(self._engine, part, round_.seen_us)
            found = self._with_trends(name, looked)
        with self._file.transaction():
            if looked.is_cut and halves:
                middle = (part[0] + part[1]) // 2
                self._book.exchange(name, spans, [(part[0], middle), (middle, part[1])])
            else:
                self._book.settle(name, spans)
                self._known.keep()
                if follow_us:
                    self._book.owe_after(name, part, follow_us)
            least_us = detector.every_us + MINUTE_US if detector.every_us else 0
            self._alerts.apply(rule, detector.fields, detector.limit, found, least_resolve_us=least_us)
            until = part[1] if detector.every_us else round_.now_us
            self._book.evaluated(name, until)
        with self._lock:
            self._until[name] = until
        round_.did += 1
        round_.is_cut = round_.is_cut or looked.is_cut

    def _with_trends(self, rule: str, looked: Looked) -> list[Found]:
        """What was found, and how it came about: of as many as can be asked for each time."""
        found = []
        asked = 0
        for held in looked.held:
            trend: list[int] = []
            if asked < _MAX_TRENDS and self._alerts.is_news(rule, held):
                asked += 1
                trend = self._trend(held)
            found.append(Found(held, trend))
        return found

    def _trend(self, held: Held) -> list[int]:
        span_us = max(held.end_us - held.since_us, MINUTE_US)
        buckets = counting.buckets_over(held.since_us - 2 * span_us, held.end_us + 1, TREND_BUCKETS)
        counted = counting.by_bucket(counting.counts(self._engine, both(held.logs, buckets.times), None, buckets))
        return [counted.get(number, 0) for number in range(buckets.count)]
