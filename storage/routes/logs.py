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
from logmill.openapi import Parameter, describe
from logmill.parameters import whole_number
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import pages, render, shapes
from storage.metrics import Metrics
from storage.search.described import COMMON, FIELDS, filters
from storage.search.filters import And, AnyOf, Filter, both
from storage.search.parameters import refuse_unknown, single
from storage.store import Store

log = structlog.get_logger()

_TAG = "Logs"
_MAX_REASONS = 1000
# Logs that are shown on each side of one.
MAX_CONTEXT = 200
_CONTEXT = Parameter(
    "context",
    "How many logs before and after it, of the same service, host and file, are shown with it.",
    {"type": "integer", "minimum": 0, "maximum": MAX_CONTEXT},
    may_be_empty=True,
)


def blueprint(store: Store, metrics: Metrics, settings: Settings, *, may_clear: bool) -> Blueprint:
    """The routes."""
    routes = Blueprint("logs", __name__)
    _add_pages(routes, store, metrics, settings.max_limit)
    _add_single(routes, store)
    _add_clear(routes, store, may_clear=may_clear)
    return routes


def _page_parameters(max_limit: int) -> list[Parameter]:
    limit = shapes.upto(max_limit, min(pages.DEFAULT_LIMIT, max_limit))
    return [
        *filters(),
        Parameter("limit", "How many logs at most.", limit),
        FIELDS,
        Parameter("cursor", "next_cursor of the answer before, with the same parameters.", {"type": "string"}),
    ]


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
    @describe(
        "The newest logs that pass",
        tag=_TAG,
        parameters=_page_parameters(max_limit),
        answers=shapes.found(shapes.LogPage),
        errors=shapes.QUERY_ERRORS,
    )
    def newest() -> Response:
        return web.answer(page()[0])

    @routes.get("/logs/anomalies")
    @describe(
        "The newest anomalies that pass, and how many there are by reason",
        tag=_TAG,
        parameters=_page_parameters(max_limit),
        answers=shapes.found(shapes.AnomalyPage),
        errors=shapes.QUERY_ERRORS,
    )
    def anomalies() -> Response:
        found, wanted = page(AnyOf("anomaly", (True,)))
        reasons = store.top(wanted, ("anomaly_reasons",), _MAX_REASONS + 1)["anomaly_reasons"]
        shown = dict(reasons[:_MAX_REASONS])
        is_truncated = found["truncated"] or len(reasons) > _MAX_REASONS
        return web.answer({**found, "truncated": is_truncated, "by_reason": shown})


def _add_single(routes: Blueprint, store: Store) -> None:
    @routes.get("/logs/<path:log_id>")
    @describe(
        "One log",
        tag=_TAG,
        parameters=[shapes.LOG_ID, _CONTEXT, *COMMON],
        answers=shapes.found(shapes.OneLog, "the log"),
        errors={**shapes.ENGINE_ERRORS, 400: "this is no id of a log", 404: "there is no log with this id"},
    )
    def one(log_id: str) -> Response:
        args = request.args.to_dict(flat=False)
        refuse_unknown(args, ("context",))
        asked = single(args, "context")
        count = whole_number("context", asked, 0, MAX_CONTEXT) if asked else None
        row = store.find(*_parse(log_id))
        found = render.logs(row)
        if not found:
            return web.error_answer(404, "not_found", "there is no log with this id")
        around = {} if count is None else {"context": _context(store, row, count)}
        return web.answer({"status": "success", "log": found[0], **around})

    @routes.get("/logs/<log_id>/status")
    @describe(
        "What became of a log",
        tag=_TAG,
        parameters=[shapes.LOG_ID, *COMMON],
        answers=shapes.found((shapes.StoredState, shapes.RejectedState, shapes.UnknownState), "what is known of it"),
        errors={**shapes.ENGINE_ERRORS, 400: "this is no id of a log"},
    )
    def status(log_id: str) -> Response:
        identity = _parse(log_id)
        found = render.logs(store.find(*identity))
        if found:
            return web.answer({"status": "success", "state": "stored", "log": found[0]})
        rejection = store.rejections.of(*identity)
        if rejection.num_rows:
            reason, code = (rejection[name][0].as_py() for name in ("reason", "code"))
            return web.answer({"status": "success", "state": "rejected", "reason": reason, "code": code})
        return web.answer({"status": "success", "state": "unknown"})


def _context(store: Store, row: pa.Table, count: int) -> dict[str, list[render.Log]]:
    before, after = store.around(row, count) if count else (row.slice(1), row.slice(1))
    return {"before": render.logs(before), "after": render.logs(after)}


def _add_clear(routes: Blueprint, store: Store, *, may_clear: bool) -> None:
    @routes.delete("/logs/clear")
    @describe(
        "Remove all logs",
        tag=_TAG,
        answers=shapes.found(shapes.Cleared, "they are gone"),
        errors={403: "LOGMILL_ALLOW_CLEAR does not allow it", 503: "the store cannot do it for now"},
    )
    def clear() -> Response:
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
