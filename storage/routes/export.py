"""Every log that passes a filter, streamed to a client however many they are; `storage.walk` says what is promised."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from typing import Any

import structlog
from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import InvalidField, LogmillError, Refused
from logmill.openapi import Answer, Parameter, describe
from logmill.openapi.records import LINES
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import pages, shapes
from storage.errors import QueryCancelled, QueryTimeout, TooManyExports
from storage.exports import FORMS, Form
from storage.log_schemas import ShownLog
from storage.metrics import Metrics
from storage.reading import Reading
from storage.routes.limits import Limits, client_connection
from storage.search.described import FIELDS, filters, timeout
from storage.search.filters import Filter
from storage.search.parameters import filter_of, single
from storage.store import Store
from storage.walk import MAX_ANSWER_BYTES, PIECE_ROWS, Walk

log = structlog.get_logger()

_RETRY_AFTER_S = 5.0
_EXPORTED = Answer(
    "the logs as a file",
    list[ShownLog],
    headers={"Content-Disposition": "the name of the file"},
    others={"application/x-ndjson": LINES, "text/csv": {"type": "string"}},
)


def blueprint(store: Store, metrics: Metrics, settings: Settings, limits: Limits) -> Blueprint:
    """The route."""
    routes = Blueprint("export", __name__)
    limits.leave_out("export.export")
    places = threading.BoundedSemaphore(max(1, min(settings.max_exports, settings.storage_threads - 1)))

    @routes.get("/logs/export")
    @describe(
        "All logs that pass, newest first, without a limit",
        tag="Logs",
        parameters=[
            *filters("timeout"),
            timeout("How long it may take, reading included, in s; at most LOGMILL_EXPORT_TIMEOUT_S."),
            Parameter("format", "How they are written.", {"enum": [*FORMS], "type": "string", "default": "ndjson"}),
            FIELDS,
        ],
        answers={200: _EXPORTED},
        errors={**shapes.QUERY_ERRORS, 505: "the client speaks HTTP/1.0, which cannot tell an end from a failure"},
        help="One that fails on its way, or takes longer than `timeout`, ends the connection without the last chunk.",
    )
    def export() -> Response:
        if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            message = (
                "an export needs HTTP/1.1, in which its end can be told from a failure (nginx: proxy_http_version)"
            )
            raise Refused(message, code="http_version", status=505)
        args = request.args.to_dict(flat=False)
        name = single(args, "format", "ndjson")
        if name not in FORMS:
            raise InvalidField("format", f"format must be one of {', '.join(FORMS)}, not {name[:100]!r}")
        form = FORMS[name](pages.fields_of(args))
        wanted = filter_of(args, now_us(), "format", "fields")
        reading = limits.reading(settings.export_timeout_s, MAX_ANSWER_BYTES)
        if request.method == "HEAD":
            return _answer(name, form, [])
        if not places.acquire(blocking=False):
            raise TooManyExports("as many exports as LOGMILL_MAX_EXPORTS allows are under way", _RETRY_AFTER_S)
        export = Export(store, wanted, form, reading, limits)
        try:
            export.read()  # what is wrong with the question shows now, while there is still an answer to say it in
            found = _answer(name, form, export.stream(metrics))
        except BaseException:
            places.release()
            raise
        found.call_on_close(places.release)
        return found

    @routes.errorhandler(TooManyExports)
    def too_many(error: TooManyExports) -> Response:
        headers = {"Retry-After": str(round(error.retry_after_s))}
        return web.error_answer(503, "too_many_exports", str(error), headers=headers)

    return routes


def _answer(name: str, form: Form, body: Any) -> Response:
    at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"Content-Disposition": f'attachment; filename="logs-{at}.{name}"', "Cache-Control": "no-store"}
    return Response(body, headers=headers, content_type=form.media_type)


class Export:
    """One export: reads pages and writes them.

    Args:
        store: where the logs are.
        wanted: the filter.
        form: how they are written.
        reading: its limits.
        limits: puts them in force.
    """

    def __init__(self, store: Store, wanted: Filter, form: Form, reading: Reading, limits: Limits) -> None:
        self._walk = Walk(store.newest_on_disk, wanted)
        self._form = form
        self._reading = reading
        self._limits = limits
        self._connection = client_connection()
        self._rows: Any = None
        self._logs = 0

    def read(self) -> None:
        """Read the next page.

        Raises:
            LogmillError: as `Engine.select`.
        """
        self._rows = None  # before there is another
        with self._limits.held(self._reading, self._connection):
            self._rows = self._walk.page()

    def stream(self, metrics: Metrics) -> Iterator[bytes]:
        """The export from the page that was read to the end.

        Raises:
            ConnectionResetError: it failed. The server ends the connection without the last chunk, so that what came
                does not look complete.
        """
        outcome = "failed"
        try:
            yield from self._pieces()
            outcome = "complete"
        except GeneratorExit:  # writing to the client failed
            outcome = "left"
            raise
        except LogmillError as error:
            if isinstance(error, QueryTimeout | QueryCancelled):
                self._limits.count(error)
                outcome = "left" if isinstance(error, QueryCancelled) else outcome
            log.warning("export cut short", reason=str(error), logs=self._logs)
            raise ConnectionResetError(errno.ECONNRESET, "the export failed") from None
        finally:
            metrics.exports.labels(outcome).inc()
            log.info("export ended", outcome=outcome, logs=self._logs, took_s=round(self._reading.age_s, 3))

    def _pieces(self) -> Iterator[bytes]:
        begin = self._form.begin()
        if begin:
            yield begin
        while True:
            for start in range(0, self._rows.num_rows, PIECE_ROWS):
                self._reading.check()
                piece = self._rows.slice(start, PIECE_ROWS)
                yield self._form.rows(piece)
                self._logs += piece.num_rows
            if self._walk.is_over:
                break
            self.read()
        end = self._form.end()
        if end:
            yield end
