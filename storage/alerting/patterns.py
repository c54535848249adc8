"""Patterns of messages that the store never had before."""

from __future__ import annotations

from typing import Protocol

from logmill.rules.detectors import NewPattern, seconds
from storage import render
from storage.alerting.detector import GRACE_US, MAX_FOUND, Held, Looked, Manner
from storage.alerting.spans import SECOND_US, Span
from storage.engine.protocol import Engine
from storage.search.filters import And, AnyOf, Between, Bounds, Filter
from storage.search.sql import condition
from storage.statements import statement

# A pattern is compared by the times of so many of its first logs.
MAX_AT_LEAST = 1000
# So many patterns are looked up at a time.
_PER_LOOK = 500
_EXAMPLE_CHARS = 160


class Known(Protocol):
    """Which patterns were decided on before, so that each is looked up once."""

    def unknown(self, rule: str, fingerprints: list[int]) -> list[int]:
        """Those of these that were not."""


def is_old(first_us: list[int], span_start_us: int, window_us: int) -> bool:
    """Whether a pattern was there before the span, and so long that nothing about it is open."""
    return first_us[0] < span_start_us - window_us


def is_reached(first_us: list[int], at_least: int, window_us: int) -> bool:
    """Whether so many logs came within the window that begins with the first; its first times are given, in order."""
    return len(first_us) >= at_least and first_us[at_least - 1] < first_us[0] + window_us


class NewPatternDetector(Manner):
    """A rule about new patterns, compiled; see `Detector`."""

    def __init__(self, rule: NewPattern, wanted: Filter, known: Known) -> None:
        self.rule = rule
        self.fields = ("service", "fingerprint")
        self.limit = f"{rule.at_least} logs of a new pattern within {rule.window}"
        self.needs_history = True
        self._wanted, self._known = wanted, known
        self._window_us = seconds(rule.window) * SECOND_US
        self._learn_us = seconds(rule.learn) * SECOND_US

    def ready_us(self, end_us: int) -> int:
        """As `Detector.ready_us`."""
        return 0 if self.rule.at_least == 1 else end_us + GRACE_US

    def look(self, engine: Engine, span: Span, now_us: int) -> Looked:
        """As `Detector.look`."""
        where, params = condition(And((Between("timestamp", Bounds(span[0], span[1], with_high=False)), self._wanted)))
        table = engine.select(statement("alerts", "patterns_there", where=where), {**params, "most": MAX_FOUND})
        services = {row["fingerprint"]: row["service"] for row in table.to_pylist()}
        asked = self._known.unknown(self.rule.name, list(services))
        held, decided = [], []
        began = self._services_since(engine, sorted({services[one] for one in asked})) if asked else {}
        for at in range(0, len(asked), _PER_LOOK):
            where, params = condition(self._wanted)
            params |= {"fingerprints": [str(one) for one in asked[at : at + _PER_LOOK]], "at_least": self.rule.at_least}
            for row in engine.select(statement("alerts", "patterns_since", where=where), params).to_pylist():
                fingerprint, first_us = row["fingerprint"], row["first_us"]
                service = services[fingerprint]
                if is_old(first_us, span[0], self._window_us):
                    decided.append(fingerprint)
                elif is_reached(first_us, self.rule.at_least, self._window_us):
                    decided.append(fingerprint)
                    if first_us[0] >= began.get(service, first_us[0]) + self._learn_us:
                        held.append(self._held(service, fingerprint, first_us, row["example"]))
                elif now_us > max(first_us[0], span[1]) + self._window_us + GRACE_US:
                    decided.append(fingerprint)
        return Looked(held, table.num_rows >= MAX_FOUND, tuple(decided))

    @staticmethod
    def _services_since(engine: Engine, services: list[str]) -> dict[str, int]:
        found = engine.select(statement("alerts", "services_since"), {"services": services}).to_pylist()
        return {row["value"]: row["first_s"] * SECOND_US for row in found}

    def _held(self, service: str, fingerprint: int, first_us: list[int], example: str) -> Held:
        shown = render.fingerprint_text(fingerprint)
        at_us = first_us[self.rule.at_least - 1]
        text = example if len(example) <= _EXAMPLE_CHARS else f"{example[:_EXAMPLE_CHARS]}…"
        return Held(
            group=(service, shown),
            start_us=first_us[0],
            end_us=at_us,
            value=float(len(first_us)),
            since_us=first_us[0],
            summary=f"never seen before: {text}",
            logs=AnyOf("fingerprint", (fingerprint,)),
            q=f"fingerprint:{shown}",
        )
