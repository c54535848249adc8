"""What logs say and how often: GET /logs/patterns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from logmill import web
from logmill.ids import log_id
from logmill.openapi import Parameter, describe
from logmill.parameters import whole_number
from logmill.timestamps import now_us
from storage import number_shapes, render, shapes
from storage.patterns import Pattern
from storage.search.described import filters
from storage.search.parameters import filter_of, single
from storage.store import Store

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
DEFAULT_BUCKETS = 30
MAX_BUCKETS = 200


def blueprint(store: Store) -> Blueprint:
    """The route."""
    routes = Blueprint("patterns", __name__)

    @routes.get("/logs/patterns")
    @describe(
        "What the logs that pass say, and how often",
        tag="Numbers",
        parameters=[
            *filters(),
            Parameter("limit", "How many patterns at most.", shapes.upto(MAX_LIMIT, DEFAULT_LIMIT)),
            Parameter(
                "buckets", "How many pieces of time, one more at most.", shapes.upto(MAX_BUCKETS, DEFAULT_BUCKETS)
            ),
        ],
        answers=shapes.found(number_shapes.Patterns),
        errors=shapes.QUERY_ERRORS,
    )
    def patterns() -> Response:
        args = request.args.to_dict(flat=False)
        wanted = filter_of(args, now_us(), "limit", "buckets")
        limit = whole_number("limit", single(args, "limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)
        count = whole_number("buckets", single(args, "buckets", str(DEFAULT_BUCKETS)), 1, MAX_BUCKETS)
        found, rows = store.patterns(wanted, limit, count)
        examples = {log["id"]: log for log in render.logs(rows)}
        buckets = found.buckets
        end_us = 0 if buckets is None else buckets.start_us + buckets.width_us * buckets.count
        return web.answer(
            {
                "status": "success",
                "total": found.total,
                "count": len(found.shown),
                "truncated": found.is_truncated,
                "since": None if buckets is None else render.time_text(buckets.start_us),
                "until": None if buckets is None else render.time_text(end_us),
                "bucket_ms": None if buckets is None else buckets.width_us // 1000,
                "patterns": [_shown(pattern, examples) for pattern in found.shown],
            }
        )

    return routes


def _shown(pattern: Pattern, examples: dict[str, render.Log]) -> dict[str, Any]:
    """A pattern; its example is null where that was cleared meanwhile."""
    newest = pattern.newest
    return {
        "fingerprint": render.fingerprint_text(pattern.fingerprint),
        "count": pattern.logs,
        "trend": pattern.trend,
        "first_seen": render.time_text(pattern.oldest_us),
        "last_seen": render.time_text(pattern.newest_us),
        "levels": pattern.levels,
        "services": pattern.services,
        "example": examples.get(log_id(UUID(bytes=newest.batch_id), newest.ordinal)),
    }
