"""The collector's status server: the live page at `/`, /status.json, /metrics, /health, /ready."""

from __future__ import annotations

from pathlib import Path

from collector.status.document import Reporter
from collector.status.following import Following
from collector.status.metrics import registry_of
from collector.status.statistics import Statistics
from logmill.cached import Cached
from logmill.page.files import load
from logmill.settings import Settings
from logmill.status_server import StatusServer, json_answer

FOLDER = Path(__file__).parent / "page"
# However many look, figures are put together once a second.
_MAX_AGE_S = 1.0
_WAIT_S = 5.0


def serve(settings: Settings, statistics: Statistics, following: Following) -> StatusServer:
    """Serve on threads of its own until it is closed; nothing where LOGMILL_COLLECT_PORT is 0.

    Raises:
        ConfigError: it would listen beyond loopback without a key.
        AlreadyRunning: the port is in use.
    """
    reporter = Reporter(settings, statistics, following)
    status = Cached(reporter.status, _MAX_AGE_S, _WAIT_S)
    return StatusServer(
        "collector",
        (settings.collect_listen_host, settings.collect_port),
        settings,
        registry=registry_of(status.get),
        readiness=reporter.readiness,
        routes={"/status.json": lambda: json_answer(status.get())},
        files=load(FOLDER),
    )
