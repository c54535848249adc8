"""Taking logs in: POST /ingest for blocks of columns, POST /logs for JSON."""

from __future__ import annotations

import pyarrow as pa
import structlog
from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import Refused
from logmill.ids import new_batch_id
from logmill.ingest import ARROW_STREAM, CHECK_HEADER
from logmill.intake import Limits
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import blocks, submitted
from storage.metrics import Metrics
from storage.pipeline.activity import Activity
from storage.store import Store, Stored

log = structlog.get_logger()


def blueprint(store: Store, metrics: Metrics, activity: Activity, settings: Settings) -> Blueprint:
    """The routes."""
    routes = Blueprint("ingest", __name__)
    limits = Limits.of(settings)

    def count(table: pa.Table, result: Stored) -> None:
        metrics.blocks.inc()
        metrics.logs.inc(result.stored)
        metrics.duplicates.inc(result.duplicates)
        activity.note(table, result.stored)
        log.info("block stored", logs=result.stored, duplicates=result.duplicates)

    @routes.post("/ingest")
    def ingest() -> Response:
        if request.mimetype != ARROW_STREAM:
            raise Refused(f"Content-Type must be {ARROW_STREAM}", code="unsupported", status=415)
        check = request.headers.get(CHECK_HEADER, "") not in {"", "0"}
        with store.tails.storing():
            body = web.read_body(settings.max_ingest_bytes)
            with metrics.ingest_seconds.time():
                table, stream = blocks.decode(body)
                result = store.insert(table, stream, check=check)
        count(table, result)
        return web.answer({"status": "success", "stored": result.stored, "duplicates": result.duplicates}, 201)

    @routes.post("/logs")
    def post_logs() -> Response:
        request.max_content_length = settings.max_body_bytes
        body = web.read_body(settings.max_decoded_bytes)
        found = submitted.read(body, limits, batch_id=new_batch_id(), now_us=now_us())
        with metrics.ingest_seconds.time():
            result = store.insert(found.table, check=found.has_given_ids)
        count(found.table, result)
        if len(found.ids) == 1:
            return web.answer({"status": "success", "id": found.ids[0]}, 201)
        counts = {"count": len(found.ids), "stored": result.stored, "duplicates": result.duplicates}
        return web.answer({"status": "success", **counts, "ids": found.ids}, 201)

    return routes
