"""How the pipeline is doing, and its dead letters, which storage has the producer look after."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Blueprint, Response, request

from logmill import web
from logmill.openapi import describe, letters
from logmill.openapi.operation import STATE
from logmill.places import Places
from logmill.request_bodies import read_body, require_json
from storage import shapes
from storage.pipeline.overview import Overview
from storage.pipeline.producer import BadAnswer, Passed, ProducerClient
from storage.pipeline.shapes import Pipeline
from storage.search.described import COMMON

# A little more than the producer takes before it gives up by itself.
LOOK_TIMEOUT_S = 8.0
# Less: a request must not keep storage from stopping within LOGMILL_DRAIN_TIMEOUT_S.
ACT_TIMEOUT_S = 25.0
# Each keeps a thread of storage until the producer answers; it takes no more of them at a time itself.
MAX_AT_ONCE = 2
# Ten thousand ids.
MAX_BODY_BYTES = 1024 * 1024
_MAX_LIMIT_CHARACTERS = 20
_PASSED = {
    502: "the producer answers something else, or does not let storage in",
    503: f"the producer or its broker is away, or {MAX_AT_ONCE} such requests are being answered",
}
# What ids look like; anything else might be a path.
_LETTER_ID = re.compile(r"[0-9A-Za-z-]{1,100}")


def blueprint(overview: Overview, producer: ProducerClient) -> Blueprint:
    """The routes."""
    routes = Blueprint("pipeline", __name__)
    dead = _Letters(producer)

    @routes.get("/pipeline")
    @describe(
        "How the pipeline is doing",
        tag=STATE,
        parameters=COMMON,
        answers=shapes.found(Pipeline, "what is known; nothing fails for what is not"),
        errors=shapes.ENGINE_ERRORS,
    )
    def pipeline() -> Response:
        return web.answer({"status": "success", **overview.answer()})

    routes.add_url_rule("/pipeline/dead", "dead", dead.get_dead)
    routes.add_url_rule("/pipeline/dead/<letter_id>", "letter", dead.get_letter)
    routes.add_url_rule("/pipeline/dead/replay", "replay", dead.post_replay, methods=["POST"])
    routes.add_url_rule("/pipeline/dead/purge", "purge", dead.post_purge, methods=["POST"])
    return routes


class _Letters:
    """Passes requests for dead letters on to the producer, MAX_AT_ONCE at a time, and its answers back."""

    def __init__(self, producer: ProducerClient) -> None:
        self._producer = producer
        self._places = Places(MAX_AT_ONCE, "requests for dead letters")

    @describe(
        "Show dead letters",
        tag=letters.TAG,
        parameters=[letters.LIMIT, *COMMON],
        answers=shapes.found(letters.Letters, "the oldest"),
        errors={**_PASSED, 400: "a parameter has no such value"},
    )
    def get_dead(self) -> Response:
        """Dead letters, and how many there are."""
        limit = request.args.get("limit")
        # The producer says what is wrong with it.
        params = {} if limit is None else {"limit": limit[:_MAX_LIMIT_CHARACTERS]}
        return self._passed(lambda: self._producer.get("/dead", params, LOOK_TIMEOUT_S))

    @describe(
        "Show one dead letter",
        tag=letters.TAG,
        parameters=[letters.LETTER_ID, *COMMON],
        answers=shapes.found(letters.OneLetter, "the letter with its content"),
        errors={**_PASSED, 400: "a parameter has no such value", **letters.NONE},
    )
    def get_letter(self, letter_id: str) -> Response:
        """One letter with its content."""
        if not _LETTER_ID.fullmatch(letter_id):
            message = f"there is no dead letter {letter_id[:100]!r}"
            return web.error_answer(404, "no_such_letter", message, field="id")
        return self._passed(lambda: self._producer.get(f"/dead/{letter_id}", {}, LOOK_TIMEOUT_S))

    @describe(
        "Send dead letters on their way again",
        tag=letters.TAG,
        body=letters.CHOSEN,
        answers=shapes.found(letters.Replayed, "what was done"),
        errors={**_PASSED, **letters.NONE},
    )
    def post_replay(self) -> Response:
        """Send letters on their way again."""
        return self._act("/dead/replay")

    @describe(
        "Remove dead letters for good",
        tag=letters.TAG,
        body=letters.CHOSEN,
        answers=shapes.found(letters.Purged, "what was done"),
        errors={**_PASSED, **letters.NONE},
    )
    def post_purge(self) -> Response:
        """Remove letters for good."""
        return self._act("/dead/purge")

    def _act(self, path: str) -> Response:
        require_json()
        request.max_content_length = MAX_BODY_BYTES
        body = read_body(MAX_BODY_BYTES)
        return self._passed(lambda: self._producer.post(path, body, ACT_TIMEOUT_S))

    def _passed(self, ask: Callable[[], Passed]) -> Response:
        try:
            with self._places.one():
                passed = ask()
        except BadAnswer as error:
            return web.error_answer(502, "bad_gateway", str(error))
        return Response(passed.body, passed.status, passed.headers, mimetype="application/json")
