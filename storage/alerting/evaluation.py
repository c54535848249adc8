"""Evaluates the rules: each looks at the times for which logs came since it looked last, or at what the clock says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import structlog

from logmill.errors import LogmillError
from logmill.timestamps import now_us
from storage.alerting.arrivals import Arrivals
from storage.alerting.book import Book, KnownPatterns, Owed, together
from storage.alerting.detector import GRACE_US, Detector
from storage.alerting.file import StateFile
from storage.alerting.looking import Looks
from storage.alerting.pacing import MAX_ATTEMPTS, Pace, is_too_much, wait_us
from storage.alerting.rounds import Round, Status
from storage.alerting.spans import DAY_US, MINUTE_US, Span, floor_to, pieces
from storage.alerting.states import Alerts
from storage.engine.protocol import Engine
from storage.errors import QueryCancelled

log = structlog.get_logger()

# Silence is not told from what is late: not so soon after the start, nor while what comes was under way for so long.
CALM_US = 5 * MINUTE_US
MAX_LAG_US = MINUTE_US
_MOST_SPANS = 5000
# What is older is not compared with what was before (files of old logs come in any order), nor looked at by the clock.
HISTORY_US = DAY_US
# What is further apart is looked at by itself.
_GAP_US = 10 * MINUTE_US
# A span is cut in so many at a time, and the rest of it later.
_MOST_PIECES = 50


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
        self._detectors, self._file = detectors, file
        self._arrivals, self._alerts, self._known = arrivals, alerts, known
        self._book = Book(file)
        self._looks = Looks(engine, alerts, timeout_s)
        self._clock = clock
        self._started_us = clock()
        self._lock = threading.Lock()
        self._status = {detector.rule.name: Status() for detector in detectors}
        self._paces = {detector.rule.name: Pace(detector.every_us) for detector in detectors}
        self._until = self._book.evaluated_until()
        self._book.forget_others(self._status)
        self._held_back: set[str] = set()
        self._is_stopped = False

    def status(self) -> dict[str, tuple[Status, int | None]]:
        """By rule: how it is doing, and until when it was evaluated."""
        with self._lock:
            return {name: (status, self._until.get(name)) for name, status in self._status.items()}

    def stop(self) -> None:
        """Have the round that is under way end soon, and with it the last; to be repeated until it has."""
        self._is_stopped = True
        self._looks.cancel()

    def once(self) -> None:
        """One round: take what came, evaluate each rule, then resolve what is over.

        Raises:
            StorageUnavailable: the file cannot be written; the next round goes on from there.
        """
        began_us = self._clock()
        # Where the clock was ahead at the start, the calm begins now.
        self._started_us = min(self._started_us, began_us)
        by_arrival = [detector.rule.name for detector in self._detectors if not detector.every_us]
        self._arrivals.take(by_arrival)
        for name in by_arrival:
            self._book.bound(name, began_us)
        for detector in self._detectors:
            if self._is_stopped:
                return
            self._one(detector)
        # What was seen early in a long round was seen in it.
        self._alerts.settle(lambda rule: rule in self._held_back, began_us)

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
        if last is None or detector.needs_history:
            # What compares with what was before is about now alone.
            self._look(detector, (until - detector.every_us, until), [], round_)
            return False
        return self._since(detector, max(last, until - HISTORY_US), until, round_)

    def _since(self, detector: Detector, since: int, until: int, round_: Round) -> bool:
        """Evaluate by the clock what was not for a while, the oldest first; whether something is left."""
        pace = self._paces[detector.rule.name]
        while since < until:
            if round_.is_over or self._is_stopped or pace.waits(round_.now_us):
                return True
            part = (since, min(until, since + floor_to(pace.longest_us, detector.every_us)))
            try:
                self._look(detector, part, [], round_)
            except QueryCancelled:
                raise
            except Exception as error:
                if is_too_much(error) and pace.is_long(part):
                    pace.halve(part)
                elif is_too_much(error) and pace.gives_up(round_.now_us):
                    self._pass_over(detector.rule.name, part)
                raise
            pace.looked()
            since = part[1]
        pace.caught_up()
        return False

    def _pass_over(self, name: str, part: Span) -> None:
        with self._file.transaction():
            self._book.evaluated(name, part[1])
            self._file.count_up("unjudged")
        with self._lock:
            self._until[name] = part[1]

    def _by_arrival(self, detector: Detector, round_: Round) -> bool:
        """Evaluate what logs came for; whether there is more."""
        name, now = detector.rule.name, round_.now_us
        round_.is_late = detector.needs_all and self._arrivals.lag_us > MAX_LAG_US
        before = round_.seen_us if detector.ready_us(now) > now else None
        due = [one for one in self._book.due(name, now, _MOST_SPANS, before) if detector.ready_us(one[0][1]) <= now]
        if detector.needs_history:
            self._book.settle(name, [span for span, _ in due if span[1] < now - HISTORY_US])
        owed = {span: one for span, one in due if not detector.needs_history or span[1] >= now - HISTORY_US}
        is_behind = False
        for whole, rows in together(owed, _GAP_US):
            parts, rest = self._parts(name, whole, rows)
            is_behind = is_behind or rest
            for part, mine in parts:
                if round_.is_over or self._is_stopped or not self._try(detector, part, mine, round_):
                    return True
        is_behind = (
            is_behind
            or len(due) >= _MOST_SPANS
            or self._book.is_put_off(name, now)
            or (round_.is_late and self._book.count(name) > 0)
        )
        if not is_behind:
            self._paces[name].caught_up()
        return is_behind

    def _parts(
        self, name: str, whole: Span, rows: dict[Span, Owed]
    ) -> tuple[list[tuple[Span, dict[Span, Owed]]], bool]:
        """A span in pieces that are not too much, newest first, with what is owed of each; whether a rest is left."""
        found = list(islice(pieces(whole, self._paces[name].longest_us), _MOST_PIECES))
        if len(found) == 1:
            return [(whole, rows)], False
        is_rest = found[-1][0] > whole[0]
        one = Owed(max(row.attempts for row in rows.values()), all(row.is_after for row in rows.values()))
        self._book.exchange(name, rows, [*found, *([(whole[0], found[-1][0])] if is_rest else [])], one)
        return [(part, {part: one}) for part in found], is_rest

    def _try(self, detector: Detector, part: Span, owed: dict[Span, Owed], round_: Round) -> bool:
        """Look at one part; where that is too much it is still owed, and looked at by halves from the next round on.

        Returns:
            Whether it is settled.
        """
        name, pace = detector.rule.name, self._paces[detector.rule.name]
        is_long = pace.is_long(part)
        follow_us = () if all(one.is_after for one in owed.values()) else detector.follow_us
        try:
            return self._look(detector, part, list(owed), round_, is_whole=not is_long, follow_us=follow_us)
        except QueryCancelled:
            raise
        except Exception as error:
            if is_long:
                pace.halve(part)
            if not (is_long and is_too_much(error)):
                self._fail(name, owed, round_.now_us)
            raise

    def _fail(self, name: str, owed: dict[Span, Owed], now: int) -> None:
        attempts = max(one.attempts for one in owed.values()) + 1
        if attempts >= MAX_ATTEMPTS:
            self._book.settle(name, owed)
            self._file.count_up("unjudged", len(owed))
        else:
            self._book.put_off(name, owed, now + wait_us(attempts))

    def _look(
        self,
        detector: Detector,
        part: Span,
        spans: list[Span],
        round_: Round,
        *,
        is_whole: bool = True,
        follow_us: tuple[int, ...] = (),
    ) -> bool:
        """Have a detector look, and keep what it found together with the note that it looked: both, or neither.

        Args:
            detector: which.
            part: what it looks at.
            spans: what is owed of it.
            round_: the round.
            is_whole: whether that is all though there was more than it could look at; else it stays owed.
            follow_us: when it is to look again.

        Returns:
            Whether nothing of it is left.
        """
        name, rule = detector.rule.name, detector.rule
        looked, found = self._looks.of(detector, part, round_.seen_us)
        is_settled = is_whole or not looked.is_cut
        with self._file.transaction():
            if is_settled:
                self._book.settle(name, spans)
                if follow_us:
                    self._book.owe_after(name, part, follow_us)
            self._known.keep(name, looked.decided)
            least_us = detector.every_us + MINUTE_US if detector.every_us else 0
            self._alerts.apply(rule, detector.fields, detector.limit, found, least_resolve_us=least_us)
            until = part[1] if detector.every_us else round_.now_us
            self._book.evaluated(name, until)
        if not is_settled:
            self._paces[name].halve(part)
        with self._lock:
            self._until[name] = until
        round_.did += 1
        round_.is_cut = round_.is_cut or looked.is_cut
        return is_settled
