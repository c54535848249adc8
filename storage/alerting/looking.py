"""One look of a detector at the store: what it found, and how that came about."""

from __future__ import annotations

from storage import counting
from storage.alerting.detector import Detector, Held, Looked
from storage.alerting.spans import MINUTE_US, Span
from storage.alerting.states import Alerts, Found
from storage.engine.protocol import Engine
from storage.reading import Reading, in_force
from storage.search.filters import both

MAX_BYTES = 64 * 1024 * 1024
TREND_BUCKETS = 30
_MAX_TRENDS = 20


class Looks:
    """Looks, one at a time, by one thread; `cancel` is safe for others.

    Args:
        engine: where the logs are.
        alerts: what is known already.
        timeout_s: how long one may take.
    """

    def __init__(self, engine: Engine, alerts: Alerts, timeout_s: float) -> None:
        self._engine, self._alerts, self._timeout_s = engine, alerts, timeout_s
        self._reading: Reading | None = None

    def of(self, detector: Detector, span: Span, now_us: int) -> tuple[Looked, list[Found]]:
        """What came of a look, and what held with what is shown of it.

        Raises:
            LogmillError: the store cannot say, or not in time.
        """
        self._reading = reading = Reading(self._timeout_s, MAX_BYTES)
        with in_force(reading):
            looked = detector.look(self._engine, span, now_us)
            return looked, self._with_trends(detector.rule.name, looked)

    def cancel(self) -> None:
        """End the one that is under way; to be repeated until it has."""
        reading = self._reading
        if reading is not None:
            reading.cancel()

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
