"""Taking whole files of test results: POST /files."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from logmill.errors import Refused
from logmill.intake import Rejection
from logmill.openapi import describe
from logmill.record import Lane
from logmill.request_bodies import read_body
from logmill.results.model import counted
from logmill.settings import Settings
from logmill.submitted import Limits, known_lane
from logmill.web import answer, error_answer
from producer import shapes_files as shapes
from producer.accepting import Acceptor
from producer.files import TakenFile, digest_body, take, uploads_of
from producer.idempotency import HEADER, digest_of, key_of
from producer.metrics import Metrics
from producer.pieces import RequestKey


class FileRoute:
    """Takes files, has each published as one message, and answers."""

    def __init__(self, acceptor: Acceptor, settings: Settings, metrics: Metrics) -> None:
        self._acceptor = acceptor
        self._settings = settings
        self._limits = Limits.of(settings)
        self._metrics = metrics

    @describe(
        "Take files of test results",
        tag="Test results",
        parameters=shapes.PARAMETERS,
        body=shapes.FILES,
        answers={201: shapes.accepted((shapes.FileAccepted, shapes.FilesAccepted))},
        errors={**shapes.KEY_REUSED, 503: shapes.AWAY},
        help=shapes.HELP,
    )
    def post_files(self) -> Response:
        """Whole files; 201 once the broker has each of them on disk."""
        text = key_of(request.headers.get(HEADER))
        lane = known_lane(request.args.get("lane")) or Lane.NORMAL
        body = read_body(self._settings.max_decoded_bytes)
        boundary = request.mimetype_params.get("boundary", "")
        uploads = uploads_of(body, request.mimetype, boundary, request.args)
        service = request.args.get("service", "")
        taken: list[TakenFile] = []
        refused: list[Rejection] = []
        for index, upload in enumerate(uploads):
            try:
                taken.append(take(upload, len(taken), service, lane, self._limits))
            except Refused as error:
                if len(uploads) == 1:
                    self._metrics.records.labels("rejected").inc()
                    raise
                refused.append(Rejection.of(error, index))
        self._metrics.records.labels("rejected").inc(len(refused))
        if not taken:
            message = f"none of the {len(refused)} files can be taken; the first: {refused[0].message}"
            more: dict[str, Any] = {"accepted": 0, "rejected": len(refused), "errors": refused}
            return error_answer(400, "all_rejected", message, **more)
        key = None
        if text is not None:
            digest = digest_of(request.path, request.mimetype, request.args, digest_body(uploads))
            key = RequestKey(text, digest, [item.index for item in refused])
        accepted = self._acceptor.accept([one.piece for one in taken], key)
        log_ids = accepted.submission.log_ids()
        files = [_shown(one, log_ids[place]) for place, one in enumerate(taken)]
        if len(uploads) == 1:
            found = taken[0]
            problems = f"; {counted(found.problem_count, 'problem')}" if found.problem_count else ""
            message = f"File with {counted(found.results, 'result')} queued for processing{problems}"
            return answer({"status": "success", "message": message, **files[0]}, 201, accepted.headers)
        whole: dict[str, Any] = {
            "status": "success",
            "message": f"{counted(len(taken), 'file')} queued for processing",
            "accepted": len(taken),
            "rejected": len(refused),
            "files": files,
        }
        if refused:
            whole["errors"] = refused
        return answer(whole, 201, accepted.headers)


def _shown(one: TakenFile, log_id: str) -> dict[str, Any]:
    return {
        "file": one.name,
        "format": one.format,
        "results": one.results,
        **{str(result): count for result, count in one.counts.items()},
        "problem_count": one.problem_count,
        "problems": one.problems,
        "log_id": log_id,
        "task_id": log_id,
    }


def add_file_route(app: Flask, acceptor: Acceptor, settings: Settings, metrics: Metrics) -> None:
    """Give `app` this endpoint."""
    route = FileRoute(acceptor, settings, metrics)
    app.add_url_rule("/files", view_func=route.post_files, methods=["POST"])
