"""What a processor counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from logmill.record import Lane


class Metrics:
    """The processor's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "logmill_processor_records",
            "Records by result: stored, duplicate, rejected, expired (of a day that storage dropped)",
            ["result"],
            registry=self.registry,
        )
        self.messages = Counter(
            "logmill_processor_messages",
            "Messages settled, by lane and result: acknowledged, dead",
            ["lane", "result"],
            registry=self.registry,
        )
        self.parsed = Counter(
            "logmill_processor_parsed",
            "Logs whose message was parsed, by format; no_room: left as they were, since metadata would be too long",
            ["format"],
            registry=self.registry,
        )
        self.redelivered = Counter(
            "logmill_processor_redelivered", "Messages that had been delivered before", registry=self.registry
        )
        self.step_seconds = Histogram(
            "logmill_processor_step_seconds",
            "Time per block and step: decode, stages, encode, store",
            ["step"],
            registry=self.registry,
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.block_rows = Histogram(
            "logmill_processor_block_rows",
            "Rows per block",
            registry=self.registry,
            buckets=(1, 10, 100, 1000, 5000, 10_000, 25_000, 50_000, 100_000),
        )

    def watch(
        self,
        states: Callable[[], dict[str, str]],
        paused: Callable[[], Mapping[Lane, float]],
        redacted: Mapping[str, int],
    ) -> None:
        """Show what the processor waits for, which lanes it has paused, and how much was redacted.

        Args:
            states: "ready", or what is amiss, by the name of what it is about.
            paused: the paused lanes.
            redacted: how many texts of each kind; it may grow.
        """
        self.registry.register(_Redacted(redacted))
        waiting = Gauge(
            "logmill_processor_waiting",
            "1 where the processor waits for this: broker, storage, lanes (paused)",
            ["for"],
            registry=self.registry,
        )
        for name in states():
            waiting.labels(name).set_function(partial(lambda name: float(states()[name] != "ready"), name))
        lanes = Gauge(
            "logmill_processor_lane_paused", "1 where the breaker paused the lane", ["lane"], registry=self.registry
        )
        for lane in Lane:
            lanes.labels(lane).set_function(partial(lambda lane: float(lane in paused()), lane))


class _Redacted(Collector):
    """Counts that others keep."""

    def __init__(self, redacted: Mapping[str, int]) -> None:
        self._redacted = redacted

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily("logmill_processor_redacted", "Sensitive texts redacted, by kind", labels=["kind"])
        for kind, count in dict(self._redacted).items():
            family.add_metric([kind], count)
        yield family
