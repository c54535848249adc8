"""Taking logs in: POST /ingest for blocks of columns, POST /logs for JSON."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import structlog
from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import Refused
from logmill.ids import new_batch_id
from logmill.ingest import ARROW_STREAM, CHECK_HEADER
from logmill.intake import NDJSON, NDJSON_TYPES, Limits
from logmill.openapi import Answer, Body, Parameter, describe
from logmill.openapi.operation import JSON
from logmill.openapi.records import LINES
from logmill.request_bodies import read_body
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import blocks, shapes, submitted
from storage.log_schemas import ProcessedLog, ProcessedLogs
from storage.metrics import Metrics
from storage.pipeline.activity import Activity
from storage.store import Store, Stored
from storage.submitted import Submission

log = structlog.get_logger()

# What a processor may make of a text that was not too long: `<email>` takes more room than `a@b.de`.
_LONGER = 4
_TAG = "Taking logs in"
_CHECK = Parameter(
    CHECK_HEADER,
    "Whether the block may have been stored before and is to be looked for: anything but 0 says yes.",
    {"type": "string"},
    "header",
)
_JSON_TYPES = frozenset({JSON, *NDJSON_TYPES})
_FORMS = {JSON: (ProcessedLog, ProcessedLogs), NDJSON: LINES}
_EXAMPLE = {JSON: {"level": "ERROR", "service": "auth", "message": "login failed", "severity": 70}}
_LOGS = Body("One log, an array of logs, or a log a line.", _FORMS, _EXAMPLE)
_BLOCK = Body(
    "Processed logs as columns; or as JSON: one log, an array of logs, or a log a line.",
    {ARROW_STREAM: {"type": "string", "format": "binary"}, **_FORMS},
    _EXAMPLE,
)


def blueprint(store: Store, metrics: Metrics, activity: Activity, settings: Settings) -> Blueprint:
    """The routes."""
    routes = Blueprint("ingest", __name__)
    accepted = Limits.of(settings)
    limits = Limits(
        accepted.max_batch_records, accepted.max_message_bytes * _LONGER, accepted.max_metadata_bytes * _LONGER
    )

    def count(table: pa.Table, result: Stored) -> None:
        metrics.blocks.inc()
        metrics.logs.inc(result.stored)
        metrics.duplicates.inc(result.duplicates)
        activity.note(table, result.stored)
        if result.expired:
            metrics.expired.inc(result.expired)
            activity.note_expired(result.expired)
            log.warning("block expired: its day was dropped", logs=result.expired)
            return
        log.info("block stored", logs=result.stored, duplicates=result.duplicates)

    @routes.post("/ingest")
    @describe(
        "Store a block",
        tag=_TAG,
        parameters=[_CHECK],
        body=_BLOCK,
        answers={201: Answer("it is on disk", (shapes.StoredBlock, shapes.StoredLogs))},
        errors=shapes.STORE_FULL,
        help="How processors hand logs over. A block is stored whole or not at all, and once however often it is sent; "
        "so are logs as JSON that have ids of ours. JSON is taken as POST /logs takes it.",
    )
    def ingest() -> Response:
        if request.mimetype in _JSON_TYPES:
            return web.answer(_counts_of_logs(*store_json()), 201)
        if request.mimetype != ARROW_STREAM:
            message = f"Content-Type must be {ARROW_STREAM}, {JSON} or {NDJSON}"
            raise Refused(message, code="unsupported", status=415)
        check = request.headers.get(CHECK_HEADER, "") not in {"", "0"}
        with store.tails.storing():
            body = read_body(settings.max_ingest_bytes)
            with metrics.ingest_seconds.time():
                table, stream = blocks.decode(body)
                result = store.insert(table, stream, check=check)
        count(table, result)
        return web.answer({"status": "success", **_counts(result)}, 201)

    @routes.post("/logs")
    @describe(
        "Store processed logs",
        tag=_TAG,
        body=_LOGS,
        answers={201: Answer("they are on disk", (shapes.StoredLog, shapes.StoredLogs))},
        errors=shapes.STORE_FULL,
        help="All or none of them. Logs of applications go to the producer, which has the broker keep them.",
    )
    def post_logs() -> Response:
        found, result = store_json()
        if len(found.ids) == 1:
            return web.answer({"status": "success", "id": found.ids[0]}, 201)
        return web.answer(_counts_of_logs(found, result), 201)

    def store_json() -> tuple[Submission, Stored]:
        request.max_content_length = settings.max_body_bytes
        body = read_body(settings.max_decoded_bytes)
        found = submitted.read(body, limits, batch_id=new_batch_id(), now_us=now_us())
        with metrics.ingest_seconds.time():
            result = store.insert(found.table, check=found.has_given_ids)
        count(found.table, result)
        return found, result

    return routes


def _counts_of_logs(found: Submission, result: Stored) -> dict[str, Any]:
    """What became of logs, for JSON."""
    return {"status": "success", "count": len(found.ids), **_counts(result), "ids": found.ids}


def _counts(result: Stored) -> dict[str, int]:
    """What became of a block, for JSON."""
    counts = {"stored": result.stored, "duplicates": result.duplicates}
    return {**counts, "expired": result.expired} if result.expired else counts
