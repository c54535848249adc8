"""Logs that were accepted and could not be stored: reported by processors, shown to people."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pyarrow as pa
from flask import Blueprint, Response, request

from logmill import web
from logmill.coerce import MALFORMED, malformed
from logmill.errors import InvalidField, Refused
from logmill.openapi import Answer, Body, Parameter, describe
from logmill.openapi.operation import JSON
from logmill.request_bodies import read_body
from logmill.settings import Settings
from logmill.timestamps import now_us, to_us
from storage import pages, render, shapes
from storage.metrics import Metrics
from storage.rejections import WHOLE_BATCH, table_of
from storage.search.described import COMMON
from storage.store import Store

_MAX_ITEMS = 100_000


class Rejected(msgspec.Struct, frozen=True):
    """One rejection as a processor reports it.

    Attributes:
        batch_id: the batch's UUID.
        code: a short stable name of the fault.
        reason: the fault in words.
        ordinal: the log's place in the batch, None for the whole batch.
        lane: where it travelled.
        at: when it was rejected, as text or number; None for now.
    """

    batch_id: UUID
    code: str
    reason: str
    ordinal: int | None = None
    lane: str = ""
    at: str | int | float | None = None


_TAG = "Rejections"
_decode = msgspec.json.Decoder(list[Rejected]).decode


def blueprint(store: Store, metrics: Metrics, settings: Settings) -> Blueprint:
    """The routes."""
    routes = Blueprint("rejections", __name__)

    @routes.post("/rejections")
    @describe(
        "Note logs that could not be stored",
        tag=_TAG,
        body=Body("Rejections, as processors report them.", {JSON: list[Rejected]}),
        answers={201: Answer("they are noted", shapes.RejectionsStored)},
        errors=shapes.STORE_FULL,
    )
    def post() -> Response:
        request.max_content_length = settings.max_body_bytes
        items = _read(read_body(settings.max_decoded_bytes))
        if items:
            store.rejections.insert(_table(items))
            metrics.rejections.inc(len(items))
        return web.answer({"status": "success", "stored": len(items)}, 201)

    @routes.get("/rejections")
    @describe(
        "The newest rejections",
        tag=_TAG,
        parameters=[
            Parameter("limit", "How many at most.", shapes.upto(settings.max_limit, pages.DEFAULT_LIMIT)),
            *COMMON,
        ],
        answers=shapes.found(shapes.RejectionPage),
        errors=shapes.QUERY_ERRORS,
    )
    def get() -> Response:
        args = request.args.to_dict()
        for name in args.keys() - {"limit", "timeout"}:
            message = f"there is no parameter {name[:100]!r}; known are limit, timeout"
            raise InvalidField(name[:100], message, code="unknown")
        limit = pages.parse_limit(args.get("limit", str(pages.DEFAULT_LIMIT)), settings.max_limit)
        rows = store.rejections.newest(limit + 1)
        is_truncated = rows.num_rows > limit
        rows = rows.slice(0, limit)
        times = render.times_us(rows, "at")
        found = [
            {
                **row,
                "batch_id": str(UUID(bytes=row["batch_id"])),
                "ordinal": None if row["ordinal"] == WHOLE_BATCH else row["ordinal"],
                "at": render.time_text(at_us),
            }
            for row, at_us in zip(rows.drop_columns(["at"]).to_pylist(), times, strict=True)
        ]
        return web.answer({"status": "success", "count": len(found), "truncated": is_truncated, "rejections": found})

    return routes


def _read(body: bytes) -> list[Rejected]:
    try:
        items = _decode(body)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$")[2].rstrip("`") or None
        raise Refused(f"not a list of rejections: {error}", code="invalid_field", field=field) from None
    except MALFORMED as error:
        raise malformed(error, body) from None
    if len(items) > _MAX_ITEMS:
        raise Refused(f"{len(items)} rejections, {_MAX_ITEMS} at most", code="too_many", status=413)
    for item in items:
        if item.ordinal is not None and not 0 <= item.ordinal < 1 << 32:
            raise InvalidField("ordinal", "ordinal must be from 0 to 4294967295, or null for the whole batch")
    return items


def _table(items: list[Rejected]) -> pa.Table:
    now = now_us()
    return table_of(
        (
            item.batch_id.bytes,
            WHOLE_BATCH if item.ordinal is None else item.ordinal,
            item.code,
            item.reason,
            item.lane,
            now if item.at is None else to_us(item.at, "at"),
        )
        for item in items
    )
