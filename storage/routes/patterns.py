"""What logs say and how often: GET /logs/patterns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from logmill import web
from logmill.ids import log_id
from logmill.openapi import Parameter, describe
from logmill.parameters import flag, whole_number
from logmill.timestamps import now_us
from storage import number_shapes, render, shapes
from storage.patterns import Pattern, cut
from storage.search.described import filters
from storage.search.parameters import filter_of, single
from storage.store import Store

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
DEFAULT_BUCKETS = 30
MAX_BUCKETS = 200
# Of one pattern; as many as a search for them takes.
MAX_FINGERPRINTS = 100


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
            Parameter(
                "cluster",
                "Whether fingerprints whose messages are similar are one pattern.",
                {"type": "boolean", "default": False},
            ),
        ],
        answers=shapes.found(number_shapes.Patterns),
        errors=shapes.QUERY_ERRORS,
    )
    def patterns() -> Response:
        args = request.args.to_dict(flat=False)
        wanted = filter_of(args, now_us(), "limit", "buckets", "cluster")
        limit = whole_number("limit", single(args, "limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)
        count = whole_number("buckets", single(args, "buckets", str(DEFAULT_BUCKETS)), 1, MAX_BUCKETS)
        is_clustered = flag("cluster", single(args, "cluster") or "false")
        found, rows = store.patterns(wanted, limit, count, is_clustered=is_clustered)
        masked = rows["masked"].to_pylist()
        examples = {log["id"]: (log, cut(text)) for log, text in zip(render.logs(rows), masked, strict=True)}
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
                "patterns": [_shown(pattern, found.total, examples) for pattern in found.shown],
            }
        )

    return routes


def _shown(pattern: Pattern, total: int, examples: dict[str, tuple[render.Log, str]]) -> dict[str, Any]:
    """A pattern; its example is null where that was cleared meanwhile."""
    newest, group = pattern.newest, pattern.group
    example, masked = examples.get(log_id(UUID(bytes=newest.batch_id), newest.ordinal), (None, ""))
    fingerprints = [render.fingerprint_text(one) for one in group.fingerprints[:MAX_FINGERPRINTS]]
    return {
        "template": masked if group.template is None else group.template,
        "fingerprint": fingerprints[0],
        "fingerprints": fingerprints,
        "fingerprint_count": len(group.fingerprints),
        "count": pattern.logs,
        # Logs that came since they were counted are in the one number and not in the other.
        "share": min(1.0, pattern.logs / total),
        "trend": pattern.trend,
        "first_seen": render.time_text(pattern.oldest_us),
        "last_seen": render.time_text(pattern.newest_us),
        "levels": pattern.levels,
        "services": pattern.services,
        "example": example,
    }
