"""Alerts, the rules that raise them, and silences: GET /alerts and what is below it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, request

from logmill import web
from logmill.coerce import MALFORMED, malformed
from logmill.errors import InvalidField, Refused
from logmill.openapi import Answer, Body, Parameter, describe
from logmill.openapi.operation import JSON
from logmill.parameters import whole_number
from logmill.request_bodies import read_body, require_json
from storage import alert_shapes, render, shapes
from storage.alerting import showing
from storage.alerting.service import Alerting
from storage.alerting.silencing import Silence, Silenced
from storage.search.described import COMMON
from storage.search.parameters import refuse_unknown, single
from storage.search.times import time_us

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_BODY_BYTES = 64 * 1024
_MAX_SILENCE_US = 366 * 86_400 * 1_000_000
_TAG = "Alerts"
_TEXT = {"type": "string"}
_ALERT_ID = Parameter("alert_id", "The id of an alert.", {**_TEXT, "examples": ["0a1b2c3d4e5f60718293a4b5"]}, "path")
_SILENCE_ID = Parameter("silence_id", "The id of a silence.", {**_TEXT, "examples": ["0a1b2c3d4e5f6071"]}, "path")
_NONE = {404: "there is none with this id"}
_BAD_BODY = {400: "the body cannot be read, or a field has no such value"}
_UNAVAILABLE = {503: "the alerts cannot be read or written for now"}
# As msgspec names it: a field that is missing or not known, or the path to one or into it.
_FIELD = re.compile(r"field `(.+)`$|`\$\.([^`\[.]+)[^`]*`$", re.DOTALL)
_Shape = TypeVar("_Shape")


def blueprint(alerting: Alerting) -> Blueprint:
    """The routes."""
    routes = Blueprint("alerts", __name__)

    @routes.get("/alerts")
    @describe(
        "The alerts, newest first",
        tag=_TAG,
        parameters=[
            Parameter(
                "state",
                "Those in this state; open: all that are not resolved. Without it, all.",
                {**_TEXT, "enum": [*showing.STATES, "open"]},
                may_be_empty=True,
            ),
            Parameter("rule", "Those of this rule.", _TEXT, may_be_empty=True),
            Parameter("limit", "How many at most.", shapes.upto(MAX_LIMIT, DEFAULT_LIMIT)),
            Parameter("cursor", "`next_cursor` of the page before.", _TEXT, may_be_empty=True),
            *COMMON,
        ],
        answers=shapes.found(alert_shapes.AlertPage),
        errors=shapes.QUERY_ERRORS,
    )
    def alerts() -> Response:
        args = request.args.to_dict(flat=False)
        refuse_unknown(args, ("state", "rule", "limit", "cursor"))
        state = single(args, "state")
        if state not in {"", "open", *showing.STATES}:
            known = ", ".join((*showing.STATES, "open"))
            raise InvalidField("state", f"state must be one of {known}, not {state[:100]!r}")
        limit = whole_number("limit", single(args, "limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)
        silenced = alerting.silences.held(alerting.clock())
        page = showing.page(alerting.file, silenced, state, single(args, "rule"), limit, single(args, "cursor"))
        return web.answer(
            {
                "status": "success",
                "count": len(page.alerts),
                "truncated": page.next_cursor is not None,
                "counts": _counts(alerting, silenced),
                "alerts": page.alerts,
                "next_cursor": page.next_cursor,
            }
        )

    @routes.get("/alerts/rules")
    @describe(
        "The detectors and how they are doing",
        tag=_TAG,
        parameters=COMMON,
        answers=shapes.found(alert_shapes.AlertRules),
        errors=shapes.QUERY_ERRORS,
    )
    def rules() -> Response:
        refuse_unknown(request.args.to_dict(flat=False), ())
        counts = alerting.file.counts()
        return web.answer(
            {
                "status": "success",
                "rules": alerting.rules(),
                "webhook": alerting.webhook_state(),
                "unjudged": counts.get("unjudged", 0),
                "left_out": counts.get("left_out", 0),
            }
        )

    @routes.get("/alerts/<alert_id>")
    @describe(
        "One alert with its changes",
        tag=_TAG,
        parameters=[_ALERT_ID, *COMMON],
        answers=shapes.found(alert_shapes.OneAlert),
        errors={**shapes.QUERY_ERRORS, **_NONE},
    )
    def alert(alert_id: str) -> Response:
        refuse_unknown(request.args.to_dict(flat=False), ())
        return _one(alerting, alert_id)

    @routes.post("/alerts/<alert_id>/acknowledge")
    @describe(
        "Say that somebody looks after an alert",
        tag=_TAG,
        parameters=[_ALERT_ID],
        body=Body("Who, and what they say; may be {}.", {JSON: alert_shapes.Acknowledgement}),
        answers=shapes.found(alert_shapes.OneAlert, "the alert as it is now; one that does not fire is as it was"),
        errors={**_BAD_BODY, **_NONE, **_UNAVAILABLE},
    )
    def acknowledge(alert_id: str) -> Response:
        body = _read(alert_shapes.Acknowledgement)
        alerting.alerts.acknowledge(alert_id, body.by, body.comment)
        alerting.webhook.wake()
        return _one(alerting, alert_id)

    _add_silences(routes, alerting)
    return routes


def _add_silences(routes: Blueprint, alerting: Alerting) -> None:
    @routes.get("/alerts/silences")
    @describe(
        "The silences that are not over",
        tag=_TAG,
        parameters=COMMON,
        answers=shapes.found(alert_shapes.AlertSilences),
        errors=shapes.QUERY_ERRORS,
    )
    def silences() -> Response:
        refuse_unknown(request.args.to_dict(flat=False), ())
        found = [_silence(one) for one in alerting.silences.all(alerting.clock())]
        return web.answer({"status": "success", "silences": found})

    @routes.post("/alerts/silences")
    @describe(
        "Tell nobody of the alerts of a rule, a group, or both, for a while",
        tag=_TAG,
        body=Body(
            "The silence.",
            {JSON: alert_shapes.NewSilence},
            {JSON: {"until": "now+2h", "rule": "silence", "group": {"service": "batch"}, "comment": "maintenance"}},
        ),
        answers={201: Answer("it is made", alert_shapes.OneSilence)},
        errors={**_BAD_BODY, 409: "there are as many as there may be", **_UNAVAILABLE},
    )
    def silence() -> Response:
        body = _read(alert_shapes.NewSilence)
        if not body.rule and not body.group:
            raise InvalidField("rule", "a silence is for a rule, a group, or both")
        if body.rule and not alerting.is_known(body.rule):
            raise InvalidField("rule", f"there is no detector {body.rule[:100]!r}; GET /alerts/rules has all of them")
        now = alerting.clock()
        until_us = time_us(body.until, now, "until")
        if not now < until_us <= now + _MAX_SILENCE_US:
            raise InvalidField("until", "until must lie ahead, and within a year")
        made = alerting.silences.add(body.rule, body.group, until_us, now, body.by, body.comment)
        return web.answer({"status": "success", "silence": _silence(made)}, 201)

    @routes.delete("/alerts/silences/<silence_id>")
    @describe(
        "End a silence",
        tag=_TAG,
        parameters=[_SILENCE_ID],
        answers=shapes.found(alert_shapes.SilenceRemoved, "it is over"),
        errors={**_NONE, **_UNAVAILABLE},
    )
    def end(silence_id: str) -> Response:
        if not alerting.silences.remove(silence_id):
            message = f"there is no silence {silence_id[:100]!r}"
            return web.error_answer(404, "no_such_silence", message, field="silence_id")
        return web.answer({"status": "success", "id": silence_id})


def _one(alerting: Alerting, alert_id: str) -> Response:
    row = alerting.alerts.find(alert_id)
    if row is None:
        message = f"there is no alert {alert_id[:100]!r}"
        return web.error_answer(404, "no_such_alert", message, field="alert_id")
    return web.answer(
        {
            "status": "success",
            "alert": showing.shown(row, alerting.silences.held(alerting.clock())),
            "history": showing.transitions(alerting.file, alert_id),
        }
    )


def _counts(alerting: Alerting, silenced: Silenced) -> dict[str, int]:
    found = dict.fromkeys(showing.STATES, 0)
    for (state, _), count in alerting.counts().items():
        found[state] += count
    found["silenced"] = min(found["firing"], showing.count_silenced(alerting.file, silenced))
    found["firing"] -= found["silenced"]
    return found


def _silence(one: Silence) -> dict[str, Any]:
    return {
        "id": one.id,
        "rule": one.rule,
        "group": dict(one.group),
        "until": render.time_text(one.until_us),
        "created_at": render.time_text(one.created_us),
        "by": one.by,
        "comment": one.comment,
    }


def _read(shape: type[_Shape]) -> _Shape:
    """The JSON body as this shape.

    Raises:
        Refused: it is none.
    """
    require_json()
    request.max_content_length = MAX_BODY_BYTES
    body = read_body(MAX_BODY_BYTES)
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        found = _FIELD.search(str(error))
        field = next(filter(None, found.groups()), None) if found else None
        raise Refused(f"not as it must be: {error}", code="invalid_field", field=field) from None
    except MALFORMED as error:
        raise malformed(error, body) from None
