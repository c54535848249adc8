"""What a processor counts, and the small server that shows it beside /health and /ready."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from logmill.keys import may_pass
from logmill.record import Lane
from logmill.settings import Settings

REQUEST_TIMEOUT_S = 5


class Metrics:
    """The processor's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "logmill_processor_records",
            "Records by result: stored, duplicate, rejected",
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


class StatusServer:
    """Serves /health, /ready and /metrics on a thread; nothing where the port is 0.

    Args:
        readiness: "ready", or in a few words what the worker waits for.
    """

    def __init__(self, settings: Settings, metrics: Metrics, readiness: Callable[[], str]) -> None:
        self._server: ThreadingHTTPServer | None = None
        if settings.processor_metrics_port == 0:
            return
        address = (settings.processor_metrics_host, settings.processor_metrics_port)
        self._server = ThreadingHTTPServer(address, _handler(metrics.registry, readiness, settings.api_key))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="status", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _handler(registry: CollectorRegistry, readiness: Callable[[], str], key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path == "/metrics" and not may_pass(key, self.headers.get("Authorization", "")):
                message = "send the API key as `Authorization: Bearer KEY`"
                self._json(401, {"status": "error", "code": "unauthorized", "message": message})
            elif self.path == "/metrics":
                self._send(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif self.path == "/health":
                self._json(200, {"status": "healthy", "service": "processor"})
            elif self.path == "/ready":
                state = readiness()
                ready = {"status": "ready", "service": "processor"}
                waits = {"status": "error", "code": "unavailable", "message": state}
                self._json(*((200, ready) if state == "ready" else (503, waits)))
            else:
                message = "there are /health, /ready and /metrics"
                self._json(404, {"status": "error", "code": "not_found", "message": message})

        def _json(self, status: int, body: dict[str, str]) -> None:
            self._send(status, json.dumps(body).encode(), "application/json")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Keep requests for metrics out of our logs."""

    return Handler
