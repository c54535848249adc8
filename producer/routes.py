"""Taking logs, and what became of them: POST /logs, POST /logs/batch, GET /task/<id>; and GET /, which names all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from flask import Flask, Response, request

from logmill import __version__
from logmill.ids import parse_log_id
from logmill.intake import Taken
from logmill.openapi import Answer, Parameter, describe
from logmill.openapi.document import path_of
from logmill.openapi.document import routes as described_routes
from logmill.openapi.operation import COMMON_TAGS, DOCUMENTATION
from logmill.parameters import flag
from logmill.request_bodies import read_body
from logmill.settings import Settings
from logmill.submitted import Limits
from logmill.timestamps import now_us
from logmill.web import answer, error_answer
from producer import shapes
from producer.accepting import Accepted, Acceptor
from producer.bodies import read
from producer.idempotency import HEADER, digest_of, key_of
from producer.metrics import Metrics
from producer.pieces import RequestKey, cut
from producer.status import StatusClient


@dataclass(frozen=True, slots=True)
class _Request:
    """What came of a request.

    Attributes:
        taken: its records.
        size_bytes: of its body when decompressed.
        key: its Idempotency-Key, if it has one.
        with_ids: whether the answer to a batch names all ids.
    """

    taken: Taken
    size_bytes: int
    key: RequestKey | None
    with_ids: bool


class LogRoutes:
    """Takes records from request bodies, has them published, and answers."""

    def __init__(self, acceptor: Acceptor, settings: Settings, metrics: Metrics) -> None:
        self._acceptor = acceptor
        self._settings = settings
        self._limits = Limits.of(settings)
        self._metrics = metrics

    @describe(
        "Take one log",
        tag="Logs",
        parameters=shapes.OPTIONS,
        body=shapes.ONE,
        answers={201: shapes.accepted((shapes.Accepted, shapes.BatchAccepted))},
        errors={**shapes.KEY_REUSED, 503: shapes.AWAY},
        help=f"NDJSON of several lines is answered as POST /logs/batch does. {shapes.ALSO_TAKEN}",
    )
    def post_log(self) -> Response:
        """One record; 201 once the broker has it on disk."""
        sent = self._read(batch=False)
        if len(sent.taken.columns) != 1 or sent.taken.rejected:  # NDJSON of several lines
            return self._batch_answer(sent)
        accepted = self._accept(sent)
        log_id = accepted.submission.log_ids()[0]
        message = "Log queued for processing"
        body = {"status": "success", "message": message, "log_id": log_id, "task_id": log_id}
        return answer(body, 201, accepted.headers)

    @describe(
        "Take many logs",
        tag="Logs",
        parameters=shapes.OPTIONS,
        body=shapes.MANY,
        answers={201: shapes.accepted(shapes.BatchAccepted)},
        errors={**shapes.KEY_REUSED, 503: shapes.AWAY},
        help=f"The good ones are accepted, the bad ones named by index; 400 where none is good. {shapes.ALSO_TAKEN}",
    )
    def post_batch(self) -> Response:
        """Many records; the good ones are taken, the bad ones named by index."""
        return self._batch_answer(self._read(batch=True))

    def _read(self, *, batch: bool) -> _Request:
        text = key_of(request.headers.get(HEADER))
        with_ids = flag("ids", request.args.get("ids") or "false")
        body = read_body(self._settings.max_decoded_bytes)
        taken = read(body, request.mimetype, request.args, self._limits, now_us=now_us(), batch=batch)
        key = None
        if text is not None:
            digest = digest_of(request.path, request.mimetype, request.args, body)
            key = RequestKey(text, digest, [item.index for item in taken.rejected])
        return _Request(taken, len(body), key, with_ids)

    def _accept(self, sent: _Request) -> Accepted:
        return self._acceptor.accept(cut(sent.taken.columns, sent.size_bytes, sent.taken.lanes), sent.key)

    def _batch_answer(self, sent: _Request) -> Response:
        faults = sent.taken.rejected
        accepted, rejected = len(sent.taken.columns), len(faults)
        if rejected:
            self._metrics.records.labels("rejected").inc(rejected)
        if accepted == 0:
            message = f"none of the {rejected} logs can be taken; the first: {faults[0].message}"
            more: dict[str, Any] = {"accepted": 0, "rejected": rejected, "errors": faults}
            return error_answer(400, "all_rejected", message, field=faults[0].field, **more)
        result = self._accept(sent)
        body: dict[str, Any] = {
            "status": "success",
            "message": f"{accepted} {'logs' if accepted > 1 else 'log'} queued for processing",
            "accepted": accepted,
            "rejected": rejected,
        }
        if rejected:
            body["errors"] = faults
        if sent.with_ids:
            body["log_ids"] = result.submission.log_ids()
        return answer(body, 201, result.headers)


class TaskRoute:
    """What became of a log: PENDING, SUCCESS or FAILURE."""

    def __init__(self, settings: Settings) -> None:
        self._status = StatusClient(settings)

    @describe(
        "What became of a log",
        tag="Logs",
        parameters=[Parameter("task_id", "The log_id that POST /logs answered.", {"type": "string"}, "path")],
        answers={200: Answer("what is known of it", shapes.Task)},
        errors={404: "this is no id of a log", 503: "storage is away"},
    )
    def get_task(self, task_id: str) -> Response:
        """The state of one log; PENDING also where nobody knows it (yet)."""
        if parse_log_id(task_id) is None:
            message = "a task id is the log_id that POST /logs answered"
            return error_answer(404, "no_such_task", message, field="task_id")
        try:
            found = self._status.of(task_id)
        except requests.RequestException:
            return error_answer(503, "unavailable", "storage is away", headers={"Retry-After": "1"})
        if found.state == "stored":
            return answer({"task_id": task_id, "status": "SUCCESS", "result": found.log})
        if found.state == "rejected":
            return answer({"task_id": task_id, "status": "FAILURE", "result": None, "reason": found.reason})
        return answer({"task_id": task_id, "status": "PENDING", "result": None})


def _add_index(app: Flask) -> None:
    @app.get("/")
    @describe("What there is", tag=DOCUMENTATION, answers={200: Answer("the endpoints", shapes.Index)})
    def index() -> Response:
        # What takes logs first, what every service has last.
        described = sorted(described_routes(app), key=lambda found: found[2].tag in COMMON_TAGS)
        endpoints = [
            {"method": method, "path": path_of(rule), "summary": operation.summary}
            for rule, method, operation in described
            if rule.rule != "/"
        ]
        paths = sorted({one["path"] for one in endpoints if one["method"] == "GET"})
        links = {path.removeprefix("/"): path for path in paths if "{" not in path}
        known = {"service": app.name, "version": __version__, "endpoints": endpoints, "links": links}
        return answer({"status": "success", **known})


def add_routes(app: Flask, acceptor: Acceptor, settings: Settings, metrics: Metrics) -> None:
    """Give `app` these endpoints."""
    logs = LogRoutes(acceptor, settings, metrics)
    app.add_url_rule("/logs", view_func=logs.post_log, methods=["POST"])
    app.add_url_rule("/logs/batch", view_func=logs.post_batch, methods=["POST"])
    app.add_url_rule("/task/<task_id>", view_func=TaskRoute(settings).get_task)
    _add_index(app)
