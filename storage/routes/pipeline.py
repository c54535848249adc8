"""How the pipeline is doing, and its dead letters, which storage has the producer look after."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import Refused, Retry
from storage.pipeline.overview import Overview
from storage.pipeline.producer import BadAnswer, Passed, ProducerClient

# A little more than the producer takes before it gives up by itself.
LOOK_TIMEOUT_S = 8.0
# Less: a request must not keep storage from stopping within LOGMILL_DRAIN_TIMEOUT_S.
ACT_TIMEOUT_S = 25.0
# Each keeps a thread of storage until the producer answers; it takes no more of them at a time itself.
MAX_AT_ONCE = 2
# Ten thousand ids.
MAX_BODY_BYTES = 1024 * 1024
_MAX_LIMIT_CHARACTERS = 20
# What ids look like; anything else might be a path.
_LETTER_ID = re.compile(r"[0-9A-Za-z-]{1,100}")


def blueprint(overview: Overview, producer: ProducerClient) -> Blueprint:
    """The routes."""
    routes = Blueprint("pipeline", __name__)
    letters = _Letters(producer)

    @routes.get("/pipeline")
    def pipeline() -> Response:
        return web.answer({"status": "success", **overview.answer()})

    routes.add_url_rule("/pipeline/dead", "dead", letters.get_dead)
    routes.add_url_rule("/pipeline/dead/<letter_id>", "letter", letters.get_letter)
    routes.add_url_rule("/pipeline/dead/replay", "replay", lambda: letters.act("/dead/replay"), methods=["POST"])
    routes.add_url_rule("/pipeline/dead/purge", "purge", lambda: letters.act("/dead/purge"), methods=["POST"])
    return routes


class _Letters:
    """Passes requests for dead letters on to the producer, MAX_AT_ONCE at a time, and its answers back."""

    def __init__(self, producer: ProducerClient) -> None:
        self._producer = producer
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    def get_dead(self) -> Response:
        """Dead letters, and how many there are."""
        limit = request.args.get("limit")
        # The producer says what is wrong with it.
        params = {} if limit is None else {"limit": limit[:_MAX_LIMIT_CHARACTERS]}
        return self._passed(lambda: self._producer.get("/dead", params, LOOK_TIMEOUT_S))

    def get_letter(self, letter_id: str) -> Response:
        """One letter with its content."""
        if not _LETTER_ID.fullmatch(letter_id):
            message = f"there is no dead letter {letter_id[:100]!r}"
            return web.error_answer(404, "no_such_letter", message, field="id")
        return self._passed(lambda: self._producer.get(f"/dead/{letter_id}", {}, LOOK_TIMEOUT_S))

    def act(self, path: str) -> Response:
        """Replay or purge letters."""
        # Asked for, since a page of another site can send any other type without the browser asking us first.
        if request.mimetype != "application/json":
            raise Refused("Content-Type must be application/json", code="unsupported_media_type", status=415)
        request.max_content_length = MAX_BODY_BYTES
        body = web.read_body(MAX_BODY_BYTES)
        return self._passed(lambda: self._producer.post(path, body, ACT_TIMEOUT_S))

    def _passed(self, ask: Callable[[], Passed]) -> Response:
        try:
            with self._place():
                passed = ask()
        except BadAnswer as error:
            return web.error_answer(502, "bad_gateway", str(error))
        return Response(passed.body, passed.status, passed.headers, mimetype="application/json")

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few at a time.

        Raises:
            Retry: all are taken.
        """
        if not self._places.acquire(blocking=False):
            raise Retry(f"{MAX_AT_ONCE} other requests for dead letters are being answered")
        try:
            yield
        finally:
            self._places.release()
