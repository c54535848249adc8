"""All of alerting in one place: the rules, their thread, the alerts, the silences, the webhook."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import structlog

from logmill.errors import LogmillError
from logmill.rules.detectors import Detector as Rule
from logmill.rules.ruleset import Placed
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import render
from storage.alerting import showing
from storage.alerting.arrivals import Arrivals
from storage.alerting.book import Book, KnownPatterns
from storage.alerting.compiling import compiled
from storage.alerting.evaluation import Evaluation
from storage.alerting.file import StateFile
from storage.alerting.silencing import Silences
from storage.alerting.states import Alerts
from storage.alerting.webhook import Webhook
from storage.engine.protocol import Engine

log = structlog.get_logger()

_CLOSE_S = 20.0
# Looking at the store may take a fifth of the time: storing and answering have the rest, however many logs come.
_REST = 4.0
_LONGEST_REST_S = 60.0
_LOOK_AGAIN_S = 0.05


class Alerting:
    """Detectors over the store and their alerts; safe for threads.

    Args:
        engine: where the logs are.
        folder: where the alerts are kept.
        rules: the detectors in force.
        settings: those in force.
        clock: the time now, microseconds.

    Raises:
        ConfigError: a rule cannot be what it is; with its file and line.
        StorageUnavailable: the file of the alerts cannot be opened.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        rules: Sequence[Placed[Rule]],
        settings: Settings,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self.clock = clock
        self.file = StateFile(folder)
        try:
            known = KnownPatterns(self.file)
            self.detectors = compiled(rules, known, clock())
            self.arrivals = Arrivals(self.file, clock)
            self.silences = Silences(self.file)
            self.alerts = Alerts(
                self.file, self.silences, tells=bool(settings.alert_webhook_url), body=showing.message, clock=clock
            )
            self.evaluation = Evaluation(
                engine,
                self.detectors,
                self.file,
                self.arrivals,
                self.alerts,
                known,
                timeout_s=min(settings.alert_rule_timeout_s, settings.query_timeout_s),
                clock=clock,
            )
        except BaseException:
            self.file.close()
            raise
        self.webhook = Webhook(
            self.file,
            settings.alert_webhook_url,
            settings.alert_webhook_secret,
            settings.alert_webhook_give_up_s,
            clock=clock,
        )
        self._interval_s = settings.alert_interval_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerting", daemon=True)

    def arriving(self, table: pa.Table) -> AbstractContextManager[None]:
        """While these rows are written."""
        # Where nobody looks, nothing is noted.
        return self.arrivals.of(table) if self._interval_s else nullcontext()

    def start(self) -> None:
        """Begin to evaluate, and to deliver."""
        if self._interval_s:
            self._thread.start()
        self.webhook.start()

    def stop(self) -> None:
        """End both; what was not done is done after the next start. What is stored is still noted, until `close`."""
        if self._closed.is_set():
            return
        self._closed.set()
        until_s = time.monotonic() + _CLOSE_S
        while self._thread.is_alive() and time.monotonic() < until_s:
            self.evaluation.stop()
            self._thread.join(_LOOK_AGAIN_S)
        self.webhook.close()

    def close(self) -> None:
        """End both, and let go of the file; nothing can be stored any more."""
        self.stop()
        if not self.webhook.is_running and not self._thread.is_alive():
            self.file.close()

    def rules(self) -> list[dict[str, Any]]:
        """Every rule and how it is doing, for JSON."""
        status = self.evaluation.status()
        open_by_rule: dict[str, int] = {}
        for (state, rule), count in self.counts().items():
            if state != "resolved":
                open_by_rule[rule] = open_by_rule.get(rule, 0) + count
        return [self._rule(detector, *status[detector.rule.name], open_by_rule) for detector in self.detectors]

    def is_known(self, rule: str) -> bool:
        """Whether this is the name of a detector, or of one that was and has alerts still."""
        return any(one.rule.name == rule for one in self.detectors) or any(name == rule for _, name in self.counts())

    def counts(self) -> dict[tuple[str, str], int]:
        """How many alerts there are, by state and rule."""
        return {(row["state"], row["rule"]): row["alerts"] for row in self.file.rows("count_by_state")}

    def webhook_state(self) -> dict[str, Any]:
        """How the webhook is doing, for JSON."""
        found = self.webhook.deliveries()
        return {
            "enabled": self.webhook.is_enabled,
            "waiting": found.waiting,
            "delivered": found.delivered,
            "given_up": found.given_up,
            "last_error": found.error,
        }

    def _rule(self, detector: Any, status: Any, until_us: int | None, open_by_rule: dict[str, int]) -> dict[str, Any]:
        rule = detector.rule
        return {
            "name": rule.name,
            "kind": rule.__struct_config__.tag,
            "severity": rule.severity,
            "description": rule.description,
            "q": rule.q,
            "group_by": list(detector.fields),
            "limit": detector.limit,
            "open": open_by_rule.get(rule.name, 0),
            "evaluated_at": None if status.evaluated_us is None else render.time_text(status.evaluated_us),
            "evaluated_until": None if until_us is None else render.time_text(until_us),
            "duration_s": status.duration_s,
            "evaluations": status.evaluations,
            "failures": status.failures,
            "last_error": status.error,
            "truncated": status.is_cut,
            "behind": status.is_behind,
            "waiting": 0 if detector.every_us else Book(self.file).count(rule.name) + self.arrivals.waiting,
        }

    def _run(self) -> None:
        took_s = 0.0
        while not self._closed.wait(pause_s(self._interval_s, took_s)):
            started_s = time.monotonic()
            try:
                self.evaluation.once()
            except LogmillError as error:
                log.warning("alerts cannot be evaluated", reason=str(error))
            except Exception:
                # One round must not end all others.
                log.exception("the evaluation of alerts failed")
            took_s = time.monotonic() - started_s
            self.webhook.wake()


def pause_s(interval_s: float, took_s: float) -> float:
    """How long to wait after a round that took so long: the interval, or more where rounds would take much of it.

    Args:
        interval_s: from one round's end to the next one's begin, where rounds are short.
        took_s: how long the last one took.
    """
    return max(interval_s, min(_REST * took_s, _LONGEST_REST_S))
