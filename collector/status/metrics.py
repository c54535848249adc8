"""What the collector counts, for Prometheus; every label has a bounded number of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.status.document import Status
from collector.status.windows import Counted

_PREFIX = "logmill_collector"


def registry_of(status: Callable[[], Status]) -> CollectorRegistry:
    """The metrics, read anew each time they are asked for."""
    registry = CollectorRegistry()
    registry.register(_Metrics(status))
    return registry


class _Metrics(Collector):
    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def describe(self) -> Iterator[Metric]:
        """Nothing: asked at registration, when nothing was counted yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        found = self._status()
        totals = found.totals
        yield _counter("records", "Records made, by level", "level", _pairs(found.levels))
        yield _counter("formats", "Events recognised, by format", "format", _pairs(found.formats))
        yield _counter("tags", "Records with a tag", "tag", _pairs(found.tags))
        yield _counter("read_bytes", "Bytes read", "", [("", totals.read_bytes)])
        yield _counter("filtered", "Events that a filter left out", "", [("", totals.filtered)])
        yield _counter("faults", "Events with a fault, sent as text", "", [("", totals.faults)])
        yield _counter("accepted_records", "Records that the producer accepted", "", [("", totals.accepted)])
        yield _counter("accepted_bytes", "Bytes of bodies that it accepted", "", [("", totals.accepted_bytes)])
        yield _counter("refused_records", "Records that it refused for good", "", [("", totals.refused)])
        by_result = [("accepted", totals.requests), ("retried", totals.retried)]
        yield _counter("requests", "Requests by result: accepted, retried", "result", by_result)
        yield _gauge("files", "Files that are followed", "", [("", found.lag.files)])
        yield _gauge("lag_bytes", "Bytes of all files that are not accepted yet", "", [("", found.lag.bytes)])
        lags = ((one.path, one.lag_bytes) for one in found.files if one.lag_bytes is not None)
        yield _gauge("file_lag_bytes", "The same by file, of the 1,000 that lag most", "file", lags)
        yield _gauge("batches_in_flight", "Batches not accepted yet", "", [("", found.in_flight.batches)])
        oldest = [("", found.in_flight.oldest_s)]
        yield _gauge("oldest_in_flight_seconds", "For how long the oldest of them is there", "", oldest)
        away = [("", found.producer.away_s)]
        yield _gauge("producer_away_seconds", "For how long the producer has taken nothing; 0: it does", "", away)


def _pairs(counted: Iterable[Counted]) -> Iterator[tuple[str, float]]:
    return ((one.name, one.count) for one in counted)


def _counter(name: str, help_: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}_{name}", help_, labels=[label] if label else [])
    return _filled(family, label, values)


def _gauge(name: str, help_: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", help_, labels=[label] if label else [])
    return _filled(family, label, values)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    """With one value for each label: a file and the one rotated away from its name have the same."""
    sums: dict[str, float] = {}
    for name, value in values:
        sums[name] = sums.get(name, 0) + value
    for name, value in sums.items():
        family.add_metric([name] if label else [], value)
    return family
