"""The producer's own endpoints: POST /logs, POST /logs/batch, GET /task/<id>."""

from __future__ import annotations

import time
from typing import Any

import requests
from flask import Flask, Response, request

from logmill.errors import Retry
from logmill.ids import parse_log_id
from logmill.intake import Taken
from logmill.settings import Settings
from logmill.submitted import Limits
from logmill.timestamps import now_us
from logmill.web import answer, error_answer, read_body
from producer.batching import LaneBatcher, Submission
from producer.bodies import read
from producer.metrics import Metrics
from producer.status import StatusClient


class LogRoutes:
    """Takes records from request bodies, has them published, and answers."""

    def __init__(self, batcher: LaneBatcher, settings: Settings, metrics: Metrics) -> None:
        self._batcher = batcher
        self._settings = settings
        self._limits = Limits.of(settings)
        self._metrics = metrics

    def post_log(self) -> Response:
        """One record; 201 once the broker has it on disk."""
        taken, size_bytes = self._take(batch=False)
        if len(taken.columns) != 1 or taken.rejected:  # NDJSON of several lines
            return self._batch_answer(taken, size_bytes)
        log_id = self._publish(taken, size_bytes).log_ids()[0]
        message = "Log queued for processing"
        return answer({"status": "success", "message": message, "log_id": log_id, "task_id": log_id}, 201)

    def post_batch(self) -> Response:
        """Many records; the good ones are taken, the bad ones named by index."""
        return self._batch_answer(*self._take(batch=True))

    def _take(self, *, batch: bool) -> tuple[Taken, int]:
        """What came of the body, and the body's size in bytes when decompressed."""
        body = read_body(self._settings.max_decoded_bytes)
        return read(body, request.mimetype, request.args, self._limits, now_us=now_us(), batch=batch), len(body)

    def _publish(self, taken: Taken, size_bytes: int) -> Submission:
        started = time.perf_counter()
        try:
            submission = self._batcher.submit(taken.columns, size_bytes)
            submission.wait(self._settings.confirm_timeout_s)
        except Retry:
            self._metrics.records.labels("unavailable").inc(len(taken.columns))
            raise
        self._metrics.confirm_seconds.observe(time.perf_counter() - started)
        self._metrics.records.labels("accepted").inc(len(taken.columns))
        return submission

    def _batch_answer(self, taken: Taken, size_bytes: int) -> Response:
        accepted, rejected = len(taken.columns), len(taken.rejected)
        if rejected:
            self._metrics.records.labels("rejected").inc(rejected)
        if accepted == 0:
            first = taken.rejected[0]
            message = f"none of the {rejected} logs can be taken; the first: {first.message}"
            more: dict[str, Any] = {"accepted": 0, "rejected": rejected, "errors": taken.rejected}
            return error_answer(400, "all_rejected", message, field=first.field, **more)
        submission = self._publish(taken, size_bytes)
        body: dict[str, Any] = {
            "status": "success",
            "message": f"{accepted} logs queued for processing",
            "accepted": accepted,
            "rejected": rejected,
        }
        if rejected:
            body["errors"] = taken.rejected
        if request.args.get("ids") in {"1", "true"}:
            body["log_ids"] = submission.log_ids()
        return answer(body, 201)


class TaskRoute:
    """What became of a log: PENDING, SUCCESS or FAILURE."""

    def __init__(self, settings: Settings) -> None:
        self._status = StatusClient(settings)

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


def add_routes(app: Flask, batcher: LaneBatcher, settings: Settings, metrics: Metrics) -> None:
    """Give `app` the producer's endpoints."""
    logs = LogRoutes(batcher, settings, metrics)
    app.add_url_rule("/logs", view_func=logs.post_log, methods=["POST"])
    app.add_url_rule("/logs/batch", view_func=logs.post_batch, methods=["POST"])
    app.add_url_rule("/task/<task_id>", view_func=TaskRoute(settings).get_task)
