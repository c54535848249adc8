"""What storage counts and times, for /metrics."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from logmill.cached import Cached
from logmill.errors import LogmillError
from storage.alerting.service import Alerting
from storage.pipeline.activity import Activity
from storage.recent import Recent
from storage.retention.figures import Figures
from storage.retention.service import Retention
from storage.store import Store

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Three gauges make one query, which others may be making already.
_DISK_USE_AGE_S, _DISK_USE_WAIT_S = 5.0, 2.5


class Metrics:
    """The counters of one storage service, in a registry of its own."""

    def __init__(self, store: Store, activity: Activity, alerting: Alerting, kept: Figures) -> None:
        self.registry = registry = CollectorRegistry()
        self.logs = Counter("logmill_storage_logs", "Logs stored.", registry=registry)
        self.duplicates = Counter("logmill_storage_duplicates", "Logs that were stored before.", registry=registry)
        self.expired = Counter(
            "logmill_storage_expired", "Logs of days that were dropped, which are not stored.", registry=registry
        )
        self.blocks = Counter("logmill_storage_blocks", "Blocks taken.", registry=registry)
        self.rejections = Counter("logmill_storage_rejections", "Rejections reported.", registry=registry)
        self.ingest_seconds = Histogram(
            "logmill_storage_ingest_seconds", "Time to store a block.", buckets=_SECONDS, registry=registry
        )
        self.query_seconds = Histogram(
            "logmill_storage_query_seconds", "Time to answer.", ["answered_by"], buckets=_SECONDS, registry=registry
        )
        self.cancelled = Counter(
            "logmill_storage_queries_cancelled", "Queries ended early: their client had gone.", registry=registry
        )
        self.timeouts = Counter(
            "logmill_storage_query_timeouts", "Queries ended early: their time was up.", registry=registry
        )
        self.exports = Counter("logmill_storage_exports", "Exports, by how they ended.", ["outcome"], registry=registry)
        for name, words, tier in (
            ("recent", "logs", store.memory.recent),
            ("recent_error", "ERROR and CRITICAL logs", store.memory.errors),
        ):
            self._gauge(f"logmill_storage_{name}_logs", f"The newest {words} in memory.", partial(_records, tier))
            self._gauge(f"logmill_storage_{name}_bytes", f"Bytes of the newest {words}.", partial(_bytes, tier))
        self._gauge("logmill_storage_free_bytes", "Room left on the disk.", lambda: store.free_bytes)
        self._gauge("logmill_storage_tails", "Live tails that are open.", lambda: len(store.tails))
        disk = Cached(store.disk_use, _DISK_USE_AGE_S, _DISK_USE_WAIT_S).get
        self._gauge("logmill_storage_disk_bytes", "Bytes of logs on disk.", partial(_known, disk, "bytes"))
        self._gauge("logmill_storage_disk_logs", "Logs on disk.", partial(_known, disk, "logs"))
        for name, words in (("p50", "half"), ("p99", "99 % of"), ("max", "all")):
            self._gauge(
                f"logmill_storage_lag_{name}_seconds",
                f"From accepted to searchable, {words} the logs of the last minute are faster; NaN where none came.",
                partial(_lag, activity, f"{name}_s"),
            )
        self._gauge("logmill_storage_parts", "Parts on disk that are not merged yet.", partial(_known, disk, "parts"))
        self._add_retention(kept.retention, kept)
        for name, words, read in (
            ("firing", "Alerts that fire.", partial(_alerts, alerting, "firing")),
            ("acknowledged", "Alerts that somebody looks after.", partial(_alerts, alerting, "acknowledged")),
            ("rules_failing", "Detectors whose last evaluation failed.", partial(_failing, alerting)),
            ("rules_behind", "Detectors that have still to look at more.", partial(_behind, alerting)),
            ("unjudged", "Spans of time that were given up.", partial(_count, alerting, "unjudged")),
            ("left_out", "Groups beyond those that a detector may have.", partial(_count, alerting, "left_out")),
            ("webhook_waiting", "Messages that wait for the webhook.", partial(_webhook, alerting, "waiting")),
            (
                "webhook_given_up",
                "Messages to the webhook that were given up.",
                partial(_webhook, alerting, "given_up"),
            ),
        ):
            self._gauge(f"logmill_alerts_{name}", words, read)

    def _add_retention(self, retention: Retention, figures: Figures) -> None:
        for name, words in (
            ("days", "Days of logs that were dropped, ever."),
            ("logs", "Logs that were dropped with their days, ever."),
            ("bytes", "What those took on disk."),
        ):
            self._gauge(f"logmill_retention_dropped_{name}", words, partial(_entry, retention, name))
        for name, words, read in (
            ("failing", "1 where the last look failed; the log says why.", lambda: bool(retention.status.error)),
            (
                "over_bytes",
                "By how much logs exceed their bound though nothing more may be dropped.",
                lambda: retention.status.over_bytes,
            ),
            ("archived_logs", "Dropped logs that were archived.", partial(_entry, retention, "archived_logs")),
            ("archive_files", "Files of the archive.", figures.archive_files),
            ("archive_bytes", "What those take.", figures.archive_bytes),
            ("archive_pruned_files", "Files deleted for want of room.", partial(_entry, retention, "pruned_files")),
            ("archive_pruned_bytes", "What those took.", partial(_entry, retention, "pruned_bytes")),
        ):
            self._gauge(f"logmill_retention_{name}", words, read)

    def _gauge(self, name: str, help_: str, read: Callable[[], float]) -> None:
        Gauge(name, help_, registry=self.registry).set_function(partial(_or_none, read))


def _entry(retention: Retention, name: str) -> float:
    found: int = getattr(retention.entries, name)
    return found


def _alerts(alerting: Alerting, state: str) -> float:
    return sum(count for (one, _), count in alerting.counts().items() if one == state)


def _failing(alerting: Alerting) -> float:
    return sum(status.error is not None for status, _ in alerting.evaluation.status().values())


def _behind(alerting: Alerting) -> float:
    return sum(status.is_behind for status, _ in alerting.evaluation.status().values())


def _count(alerting: Alerting, name: str) -> float:
    return alerting.file.counts().get(name, 0)


def _webhook(alerting: Alerting, name: str) -> float:
    found: int = getattr(alerting.webhook.deliveries(), name)
    return found


def _lag(activity: Activity, name: str) -> float:
    lag_s: float | None = getattr(activity.lag(), name)
    return float("nan") if lag_s is None else lag_s


def _records(tier: Recent) -> float:
    return tier.records


def _bytes(tier: Recent) -> float:
    return tier.size_bytes


def _known(read: Callable[[], dict[str, int]], name: str) -> float:
    return read()[name]


def _or_none(read: Callable[[], float]) -> float:
    """A reading; not a number where it cannot be taken, so that the other metrics still show."""
    try:
        return read()
    except LogmillError:
        return float("nan")
