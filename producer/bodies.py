"""Picks the reader of a request body by its content type."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from logmill.errors import InvalidField, Refused
from logmill.intake import NDJSON_TYPES, Taken, from_array, from_lines, from_single
from logmill.submitted import Limits, known_lane
from producer.formats.text import Defaults, from_text

# Parameters of every content type: how many ids the answer names, and the lane.
OPTIONS = ("ids", "lane")


def read(
    body: bytes, content_type: str, query: Mapping[str, str], limits: Limits, *, now_us: int, batch: bool
) -> Taken:
    """The records of a body.

    Args:
        body: decompressed bytes.
        content_type: without parameters, lower case; "" is taken as JSON.
        query: the request's parameters; `level`, `service`, `host` and `file` say it for the lines of a text, `lane`
            for all records that do not say it themselves.
        limits: what is too much.
        now_us: the event time of records that name none.
        batch: whether many records are expected, as /logs/batch does.

    Raises:
        Refused: 415 for another content type, 400 where the body is none of what its type says.
        InvalidField: the one record of a single body is at fault, or a parameter.
    """
    asked = known_lane(query.get("lane"))
    taken = _read(body, content_type, query, limits, now_us, batch=batch)
    if asked is None:
        return taken
    lanes = taken.lanes or [None] * len(taken.columns)
    return Taken(taken.columns, taken.rejected, [lane or asked for lane in lanes])


def _read(
    body: bytes, content_type: str, query: Mapping[str, str], limits: Limits, now_us: int, *, batch: bool
) -> Taken:
    if not body.strip():
        raise Refused("the body is empty", code="empty")
    if content_type in NDJSON_TYPES:
        _refuse_unknown(query, OPTIONS)
        return from_lines(body, limits, now_us=now_us, protocol="http", lanes=True)
    if content_type == "text/plain":
        return _single(from_text(body, limits, now_us=now_us, defaults=_defaults(query), whole=not batch), batch)
    if content_type not in {"", "application/json"} and not content_type.endswith("+json"):
        message = (
            f"Content-Type {content_type!r} is not known; use application/json, application/x-ndjson or text/plain"
        )
        raise Refused(message, code="unsupported_media_type", status=415)
    _refuse_unknown(query, OPTIONS)
    if batch:
        return from_array(body, limits, now_us=now_us, protocol="http", lanes=True)
    return from_single(body, limits, now_us=now_us, protocol="http")


def _defaults(query: Mapping[str, str]) -> Defaults:
    _refuse_unknown(query, (*OPTIONS, *Defaults.__struct_fields__))
    return Defaults(**{name: query[name] for name in Defaults.__struct_fields__ if name in query})


def _refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> None:
    unknown = sorted(set(query) - set(known))
    if unknown:
        name = unknown[0][:100]
        raise InvalidField(
            name, f"there is no parameter {name!r} for this type; known are {', '.join(known)}", code="unknown"
        )


def _single(taken: Taken, batch: bool) -> Taken:
    if not batch and taken.rejected:
        fault = taken.rejected[0]
        raise InvalidField(fault.field or "message", fault.message, code=fault.code)
    return taken
