"""What the producer counts."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from logmill.record import Lane
from logmill.web import over_processes

_ACCEPTED = "logmill_producer_accepted"


class Metrics:
    """The producer's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "logmill_producer_records",
            "Records by result: accepted, rejected, unavailable, replayed (known by their Idempotency-Key)",
            ["result"],
            registry=self.registry,
        )
        accepted = Counter(_ACCEPTED, "Records accepted, by lane", ["lane"], registry=self.registry)
        self.accepted = {lane: accepted.labels(lane) for lane in Lane}
        self.confirm_seconds = Histogram(
            "logmill_producer_confirm_seconds",
            "From handing records over to the broker's confirm, seconds",
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        for result in ("accepted", "rejected", "unavailable", "replayed"):
            self.records.labels(result)

    def accepted_by_lane(self) -> dict[str, int]:
        """Records accepted since the service was started, by lane, of all its processes."""
        counts = dict.fromkeys(map(str, Lane), 0)
        for family in over_processes(self.registry).collect():
            if family.name == _ACCEPTED:
                for sample in family.samples:
                    if sample.name == f"{_ACCEPTED}_total":
                        counts[sample.labels["lane"]] = int(sample.value)
        return counts

    def watch_buffer(self, unconfirmed_bytes: Callable[[], float]) -> None:
        """Show how much waits for the broker's confirm."""
        gauge = Gauge(
            "logmill_producer_unconfirmed_bytes",
            "Bytes of records that the broker has not confirmed",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        gauge.set_function(unconfirmed_bytes)
