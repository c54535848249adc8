"""Dead letters over HTTP: GET /dead, GET /dead/<id>, POST /dead/replay, POST /dead/purge."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec
from flask import Flask, Response, request

from logmill import dead_letters
from logmill.broker import Broker
from logmill.coerce import MALFORMED, malformed
from logmill.dead_letters import Done
from logmill.errors import InvalidField
from logmill.openapi import Answer, describe, letters
from logmill.parameters import whole_number
from logmill.places import Places
from logmill.request_bodies import read_body, require_json
from logmill.settings import Settings
from logmill.web import answer

# Each keeps a thread, and a long queue of letters keeps it for long: logs need the others.
MAX_AT_ONCE = 2
LOOK_TIMEOUT_S = 5.0
ACT_TIMEOUT_S = 30.0
_AWAY = {503: f"the broker is away, or {MAX_AT_ONCE} such requests are being answered"}


class DeadRoutes:
    """Shows dead letters, and has them replayed or purged; looks at the broker for the time of one request only.

    Of these requests MAX_AT_ONCE are answered at a time, and none for longer than its timeout.
    """

    def __init__(self, broker: Broker, settings: Settings) -> None:
        self._broker = broker
        self._places = Places(MAX_AT_ONCE, "requests for dead letters")
        self._max_body_bytes = settings.max_decoded_bytes

    @describe(
        "Show dead letters",
        tag=letters.TAG,
        parameters=[letters.LIMIT],
        answers={200: Answer("the oldest", letters.Letters)},
        errors={400: "limit is none", **_AWAY},
    )
    def get_dead(self) -> Response:
        """Dead letters, and how many there are."""
        limit = _limit()
        with self._places.one():
            found = dead_letters.listing(self._broker, limit, LOOK_TIMEOUT_S)
        return answer({"status": "success", "count": found.count, "letters": found.letters})

    @describe(
        "Show one dead letter",
        tag=letters.TAG,
        parameters=[letters.LETTER_ID],
        answers={200: Answer("the letter with its content", letters.OneLetter)},
        errors={**letters.NONE, **_AWAY},
    )
    def get_letter(self, letter_id: str) -> Response:
        """One letter with its content."""
        with self._places.one():
            letter = dead_letters.show(self._broker, letter_id, LOOK_TIMEOUT_S)
        return answer({"status": "success", "letter": letter})

    @describe(
        "Send dead letters on their way again",
        tag=letters.TAG,
        body=letters.CHOSEN,
        answers={200: Answer("what was done", letters.Replayed)},
        errors={**letters.NONE, **_AWAY},
    )
    def post_replay(self) -> Response:
        """Send letters on their way again."""
        return self._act(dead_letters.replay, "replayed")

    @describe(
        "Remove dead letters for good",
        tag=letters.TAG,
        body=letters.CHOSEN,
        answers={200: Answer("what was done", letters.Purged)},
        errors={**letters.NONE, **_AWAY},
    )
    def post_purge(self) -> Response:
        """Remove letters for good."""
        return self._act(dead_letters.purge, "purged")

    def _act(self, act: Callable[[Broker, Collection[str] | None, float], Done], what: str) -> Response:
        chosen = self._chosen()
        with self._places.one():
            done = act(self._broker, chosen, ACT_TIMEOUT_S)
        body = {"status": "success", what: done.count, "missing": done.missing}
        return answer(body if done.searched is None else {**body, "searched": done.searched})

    def _chosen(self) -> list[str] | None:
        """The ids that the body names, None for all."""
        require_json()
        body = read_body(self._max_body_bytes)
        try:
            chosen = msgspec.json.decode(body, type=letters.Chosen)
        except msgspec.ValidationError as error:
            raise InvalidField("ids", f"the body must be {{'ids': [...]}} or {{'all': true}}: {error}") from None
        except MALFORMED as error:
            raise malformed(error, body) from None
        if chosen.all == bool(chosen.ids):
            raise InvalidField("ids", "name the letters in ids, or say all: true")
        return None if chosen.all else chosen.ids


def _limit() -> int:
    return whole_number("limit", request.args.get("limit", str(letters.DEFAULT_LIMIT)), 1, letters.MAX_LIMIT)


def add_dead_routes(app: Flask, broker: Broker, settings: Settings) -> None:
    """Give `app` these endpoints."""
    routes = DeadRoutes(broker, settings)
    app.add_url_rule("/dead", view_func=routes.get_dead)
    app.add_url_rule("/dead/<letter_id>", view_func=routes.get_letter)
    app.add_url_rule("/dead/replay", view_func=routes.post_replay, methods=["POST"])
    app.add_url_rule("/dead/purge", view_func=routes.post_purge, methods=["POST"])
