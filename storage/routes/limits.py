"""Puts the limits of each read in force: its time, which a request may lower, and that its client is still there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from flask import Flask, Response, g, request

from logmill import web
from logmill.errors import InvalidField
from logmill.parameters import finite_number
from logmill.settings import Settings
from storage.errors import QueryCancelled, QueryTimeout
from storage.metrics import Metrics
from storage.reading import Reading, in_force, put_in_force
from storage.search.parameters import single
from storage.watching import Watcher

log = structlog.get_logger()

PARAMETER = "timeout"
_LEAST_S = 0.1
# As nginx has it: the client closed the request. Nobody reads the answer, but for one that closed its half only.
_CLIENT_CLOSED = 499


class Limits:
    """What every read of this service is held to.

    Args:
        settings: those in force.
        metrics: where reads that were cut short are counted.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._query_timeout_s = settings.query_timeout_s
        self._metrics = metrics
        self._watcher = Watcher()
        self._own: set[str] = set()

    def install(self, app: Flask) -> None:
        """Have them hold for every GET of the app, and those that pass them answered."""
        app.before_request(self._begin)
        app.teardown_request(self._end)
        app.register_error_handler(QueryTimeout, self._on_timeout)
        app.register_error_handler(QueryCancelled, self._on_cancelled)

    def leave_out(self, endpoint: str) -> None:
        """This endpoint sees to its own limits."""
        self._own.add(endpoint)

    def reading(self, most_s: float, max_bytes: int | None = None) -> Reading:
        """The limits of the request at hand: `most_s`, or less where it says so.

        Raises:
            InvalidField: its `timeout` is no number of seconds, or more than there are.
        """
        text = single(request.args.to_dict(flat=False), PARAMETER)
        if not text:
            return Reading(most_s, max_bytes)
        timeout_s = finite_number(text)
        if timeout_s is None or not min(_LEAST_S, most_s) <= timeout_s <= most_s:
            raise InvalidField(
                PARAMETER,
                f"{PARAMETER} must be a number of seconds from {_LEAST_S:g} to {most_s:g}, not {text[:100]!r}",
            )
        return Reading(timeout_s, max_bytes)

    @contextmanager
    def held(self, reading: Reading, connection: Any) -> Iterator[None]:
        """Have the limits hold for a while, as long as the client stays at this connection."""
        with in_force(reading):
            if connection is not None:
                self._watcher.add(reading, connection)
            try:
                yield
            finally:
                self._watcher.remove(reading)

    def count(self, error: QueryTimeout | QueryCancelled) -> None:
        """Note that a read was cut short."""
        counter = self._metrics.timeouts if isinstance(error, QueryTimeout) else self._metrics.cancelled
        counter.inc()

    def close(self) -> None:
        """Look at no more connections."""
        self._watcher.close()

    def _begin(self) -> None:
        put_in_force(None)
        if request.method not in {"GET", "HEAD"} or request.endpoint in self._own:
            return
        g.reading = reading = self.reading(self._query_timeout_s)
        put_in_force(reading)
        connection = client_connection()
        if connection is not None:
            self._watcher.add(reading, connection)

    def _end(self, _error: BaseException | None) -> None:
        put_in_force(None)
        reading = g.pop("reading", None)
        if reading is not None:
            self._watcher.remove(reading)

    def _on_timeout(self, error: QueryTimeout) -> Response:
        self.count(error)
        return web.error_answer(504, "query_timeout", str(error))

    def _on_cancelled(self, error: QueryCancelled) -> Response:
        self.count(error)
        after_s = round(g.reading.age_s, 3) if "reading" in g else None
        log.info("query cancelled: its client has gone", path=request.path, after_s=after_s)
        return web.error_answer(_CLIENT_CLOSED, "cancelled", str(error))


def client_connection() -> Any:
    """The socket of the request at hand; None where the server does not give it."""
    return request.environ.get("gunicorn.socket")
