"""Answering questions about logs: pages of the newest, one by its id; and clearing them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pyarrow as pa
import structlog
from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import InvalidField, Refused
from logmill.ids import parse_log_id
from logmill.parameters import whole_number
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import pages, render
from storage.metrics import Metrics
from storage.search.filters import And, AnyOf, Filter, both
from storage.search.parameters import single
from storage.store import Store

log = structlog.get_logger()

_MAX_REASONS = 1000
# Logs that are shown on each side of one.
MAX_CONTEXT = 200


def blueprint(store: Store, metrics: Metrics, settings: Settings, *, may_clear: bool) -> Blueprint:
    """The routes."""
    routes = Blueprint("logs", __name__)
    _add_pages(routes, store, metrics, settings.max_limit)
    _add_single(routes, store)
    routes.add_url_rule("/logs/clear", "clear", lambda: _clear(store, may_clear=may_clear), methods=["DELETE"])
    return routes


def _add_pages(routes: Blueprint, store: Store, metrics: Metrics, max_limit: int) -> None:
    def page(*others: Filter) -> tuple[dict[str, Any], Filter]:
        start_s = time.perf_counter()
        asked = pages.parse(request.args.to_dict(flat=False), max_limit, now_us())
        wanted = both(asked.wanted, And(others))
        rows, answered_by = store.newest(wanted, asked.limit + 1, asked.before)
        found = pages.shown(rows, asked)
        metrics.query_seconds.labels(answered_by).observe(time.perf_counter() - start_s)
        return found, wanted

    @routes.get("/logs")
    def newest() -> Response:
        return web.answer(page()[0])

    @routes.get("/logs/anomalies")
    def anomalies() -> Response:
        found, wanted = page(AnyOf("anomaly", (True,)))
        reasons = store.top(wanted, "anomaly_reasons", _MAX_REASONS + 1)
        shown = dict(reasons[:_MAX_REASONS])
        is_truncated = found["truncated"] or len(reasons) > _MAX_REASONS
        return web.answer({**found, "truncated": is_truncated, "by_reason": shown})


def _add_single(routes: Blueprint, store: Store) -> None:
    @routes.get("/logs/<path:text>")
    def one(text: str) -> Response:
        asked = single(request.args.to_dict(flat=False), "context")
        count = whole_number("context", asked, 0, MAX_CONTEXT) if asked else None
        row = store.find(*_parse(text))
        found = render.logs(row)
        if not found:
            return web.error_answer(404, "not_found", "there is no log with this id")
        around = {} if count is None else {"context": _context(store, row, count)}
        return web.answer({"status": "success", "log": found[0], **around})

    @routes.get("/logs/<text>/status")
    def status(text: str) -> Response:
        identity = _parse(text)
        found = render.logs(store.find(*identity))
        if found:
            return web.answer({"status": "success", "state": "stored", "log": found[0]})
        rejection = store.rejection(*identity)
        if rejection.num_rows:
            reason, code = (rejection[name][0].as_py() for name in ("reason", "code"))
            return web.answer({"status": "success", "state": "rejected", "reason": reason, "code": code})
        return web.answer({"status": "success", "state": "unknown"})


def _context(store: Store, row: pa.Table, count: int) -> dict[str, list[render.Log]]:
    before, after = store.around(row, count) if count else (row.slice(1), row.slice(1))
    return {"before": render.logs(before), "after": render.logs(after)}


def _clear(store: Store, *, may_clear: bool) -> Response:
    if not may_clear:
        message = "clearing is forbidden here; LOGMILL_ALLOW_CLEAR=true allows it"
        raise Refused(message, code="forbidden", field="allow_clear", status=403)
    store.clear()
    log.warning("store cleared")
    return web.answer({"status": "success", "message": "All logs cleared"})


def _parse(text: str) -> tuple[UUID, int]:
    identity = parse_log_id(text)
    if identity is None:
        raise InvalidField("id", f"{text[:100]!r} is no log id; one looks like <batch id>-<number>")
    return identity
