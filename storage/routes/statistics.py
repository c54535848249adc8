"""Numbers about logs: a histogram, facets, and statistics of all; each of the logs that pass the filter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import InvalidField
from logmill.openapi import Parameter, describe
from logmill.parameters import whole_number
from logmill.timestamps import now_us
from storage import counting, number_shapes, render, shapes
from storage.search.described import filters
from storage.search.fields import FIELDS, Holds, field_of
from storage.search.filters import Between, Bounds, Exists, Filter, both, highest, lowest
from storage.search.parameters import filter_of, single
from storage.store import Store

DEFAULT_BUCKETS = 60
MAX_BUCKETS = 2000
DEFAULT_FACETS = ("level", "service", "priority", "tags", "status_code", "host")
DEFAULT_SIZE = 10
MAX_SIZE = 1000
MAX_FACETS = 30
# The most names of /logs/stats, and the most numbers of a histogram.
_MAX_NAMES = 1000
_MAX_CELLS = 50_000
# Rates are given for the time since so many seconds ago.
_RATES_S = {"last_minute": 60, "last_5_minutes": 300, "last_hour": 3600}
_COUNTABLE = tuple(name for name, field in FIELDS.items() if field.holds not in {Holds.MESSAGE, Holds.TIME})
_TAG = "Numbers"
_NAMES = {"type": "string", "examples": ["level"]}


def blueprint(store: Store) -> Blueprint:
    """The routes."""
    routes = Blueprint("statistics", __name__)

    @routes.get("/logs/histogram")
    @describe(
        "Logs that pass, over time",
        tag=_TAG,
        parameters=[
            *filters(),
            Parameter("by", f"The field to count by: {', '.join(_COUNTABLE)}.", {**_NAMES, "default": "level"}),
            Parameter(
                "buckets", "How many pieces of time, one more at most.", shapes.upto(MAX_BUCKETS, DEFAULT_BUCKETS)
            ),
        ],
        answers=shapes.found(number_shapes.Histogram),
        errors=shapes.QUERY_ERRORS,
    )
    def histogram() -> Response:
        args = request.args.to_dict(flat=False)
        wanted = filter_of(args, now_us(), "by", "buckets")
        by = _column("by", single(args, "by", "level"))
        count = whole_number("buckets", single(args, "buckets", str(DEFAULT_BUCKETS)), 1, MAX_BUCKETS)
        return web.answer({"status": "success", "by": by, **_histogram(store, wanted, by, count)})

    @routes.get("/logs/facets")
    @describe(
        "The most frequent values of fields among the logs that pass",
        tag=_TAG,
        parameters=[
            *filters(),
            Parameter(
                "field",
                f"The fields, {', '.join(DEFAULT_FACETS)} where none is given.",
                {"type": "array", "items": _NAMES, "maxItems": MAX_FACETS},
            ),
            Parameter("size", "How many values of each.", shapes.upto(MAX_SIZE, DEFAULT_SIZE)),
        ],
        answers=shapes.found(number_shapes.Facets),
        errors=shapes.QUERY_ERRORS,
    )
    def facets() -> Response:
        args = request.args.to_dict(flat=False)
        wanted = filter_of(args, now_us(), "field", "size")
        size = whole_number("size", single(args, "size", str(DEFAULT_SIZE)), 1, MAX_SIZE)
        columns = [_column("field", name) for name in args.get("field", DEFAULT_FACETS)]
        if len(columns) > MAX_FACETS:
            raise InvalidField("field", f"field is given {len(columns)} times, {MAX_FACETS} at most")
        found = store.top(wanted, columns, size + 1)
        return web.answer(
            {
                "status": "success",
                "facets": {
                    column: [
                        {"value": render.counted_text(column, value), "count": logs} for value, logs in values[:size]
                    ]
                    for column, values in found.items()
                },
                **_truncated(column for column, values in found.items() if len(values) > size),
            }
        )

    @routes.get("/logs/stats")
    @describe(
        "Totals of the logs that pass, and what is on disk",
        tag=_TAG,
        parameters=filters(),
        answers=shapes.found(number_shapes.Statistics),
        errors=shapes.QUERY_ERRORS,
    )
    def stats() -> Response:
        args = request.args.to_dict(flat=False)
        return web.answer({"status": "success", **_stats(store, filter_of(args, now_us()), now_us())})

    return routes


def _histogram(store: Store, wanted: Filter, by: str, count: int) -> dict[str, Any]:
    since_us, until_us = lowest(wanted, "timestamp"), highest(wanted, "timestamp")
    if since_us is None or until_us is None:
        extent = store.extent_us(wanted)
        if extent is None:
            return {"total": 0, "bucket_ms": None, "since": None, "until": None, "truncated": False, "buckets": []}
        since_us = extent[0] if since_us is None else since_us
        until_us = extent[1] if until_us is None else until_us
    buckets, table = store.histogram(wanted, by, int(since_us), max(int(until_us), int(since_us)) + 1, count)
    counted = counting.by_bucket(table)
    shown, is_truncated = counting.most_frequent(table, max(1, _MAX_CELLS // buckets.count))
    values: list[dict[str, int]] = [{} for _ in range(buckets.count)]
    for row in shown.to_pylist():
        if 0 <= row["bucket"] < buckets.count:
            values[row["bucket"]][render.counted_text(by, row["value"])] = row["logs"]
    totals = [counted.get(number, 0) for number in range(buckets.count)]
    start_us, width_us = buckets.start_us, buckets.width_us
    return {
        "total": sum(totals),
        "bucket_ms": width_us // 1000,
        "since": render.time_text(start_us),
        "until": render.time_text(start_us + width_us * buckets.count),
        "truncated": is_truncated,
        "buckets": [
            {"start": render.time_text(start_us + width_us * number), "count": total, "values": of_bucket}
            for number, (total, of_bucket) in enumerate(zip(totals, values, strict=True))
        ],
    }


def _stats(store: Store, wanted: Filter, now: int) -> dict[str, Any]:
    """Reference A's counts, and what else is asked about a store."""
    found = store.top(wanted, ("level", "service", "priority"), _MAX_NAMES + 1)
    by = {f"by_{name}": dict(values[:_MAX_NAMES]) for name, values in found.items()}
    # The most frequent, without the logs that have none.
    named = {name: store.top(both(wanted, Exists(name)), (name,), DEFAULT_SIZE + 1)[name] for name in ("host", "file")}
    by |= {f"by_{name}": dict(values[:DEFAULT_SIZE]) for name, values in named.items()}
    extent = store.extent_us(wanted)
    rates = {}
    for name, span_s in _RATES_S.items():
        since = Between("timestamp", Bounds(now - span_s * 1_000_000, now))
        rates[name] = round(store.count(both(wanted, since)) / span_s, 3)
    disk = store.disk_use()
    return {
        "total_logs": sum(by["by_level"].values()),
        **by,
        **_truncated(f"by_{name}" for name, values in (found | named).items() if len(values) > len(by[f"by_{name}"])),
        "logs_per_s": rates,
        "oldest": None if extent is None else render.time_text(extent[0]),
        "newest": None if extent is None else render.time_text(extent[1]),
        "disk": {
            "bytes": disk["bytes"],
            "parts": disk["parts"],
            "bytes_per_log": round(disk["bytes"] / disk["logs"], 1) if disk["logs"] else None,
        },
    }


def _truncated(fields: Iterable[str]) -> dict[str, Any]:
    """What an answer says of the fields that have more values than are shown."""
    names = list(fields)
    return {"truncated": bool(names), "truncated_fields": names}


def _column(parameter: str, name: str) -> str:
    field = field_of(name)
    if field is None or field.name not in _COUNTABLE:
        raise InvalidField(parameter, f"{name[:100]!r} cannot be counted by; known are {', '.join(_COUNTABLE)}")
    return field.name
