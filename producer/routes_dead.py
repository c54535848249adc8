"""Dead letters over HTTP: GET /dead, GET /dead/<id>, POST /dead/replay, POST /dead/purge."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated

import msgspec
from flask import Flask, Response, request
from msgspec import Meta

from logmill import dead_letters
from logmill.broker import Broker
from logmill.dead_letters import Done
from logmill.errors import InvalidField, Refused, Undecodable
from logmill.settings import Settings
from logmill.web import answer, read_body

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_IDS = 10_000


class _Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """The body of replay and purge: which letters."""

    ids: Annotated[list[str], Meta(max_length=MAX_IDS)] = []
    all: bool = False


class DeadRoutes:
    """Shows dead letters, and has them replayed or purged; looks at the broker for the time of one request only."""

    def __init__(self, broker: Broker, settings: Settings) -> None:
        self._broker = broker
        self._max_body_bytes = settings.max_decoded_bytes

    def get_dead(self) -> Response:
        """Dead letters, and how many there are."""
        found = dead_letters.listing(self._broker, _limit())
        return answer({"status": "success", "count": found.count, "letters": found.letters})

    def get_letter(self, letter_id: str) -> Response:
        """One letter with its content."""
        return answer({"status": "success", "letter": dead_letters.show(self._broker, letter_id)})

    def post_replay(self) -> Response:
        """Send letters on their way again."""
        return self._act(dead_letters.replay, "replayed")

    def post_purge(self) -> Response:
        """Remove letters for good."""
        return self._act(dead_letters.purge, "purged")

    def _act(self, act: Callable[[Broker, Collection[str] | None], Done], what: str) -> Response:
        done = act(self._broker, self._chosen())
        return answer({"status": "success", what: done.count, "missing": done.missing})

    def _chosen(self) -> list[str] | None:
        """The ids that the body names, None for all."""
        # Asked for, since a page of another site can send any other type without the browser asking us first.
        if request.mimetype != "application/json":
            raise Refused("Content-Type must be application/json", code="unsupported_media_type", status=415)
        try:
            chosen = msgspec.json.decode(read_body(self._max_body_bytes), type=_Chosen)
        except msgspec.ValidationError as error:
            raise InvalidField("ids", f"the body must be {{'ids': [...]}} or {{'all': true}}: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Undecodable(f"the body is no valid JSON: {error}") from None
        if chosen.all == bool(chosen.ids):
            raise InvalidField("ids", "name the letters in ids, or say all: true")
        return None if chosen.all else chosen.ids


def _limit() -> int:
    text = request.args.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise InvalidField("limit", f"limit must be a number from 1 to {MAX_LIMIT}")
    return int(text)


def add_dead_routes(app: Flask, broker: Broker, settings: Settings) -> None:
    """Give `app` these endpoints."""
    routes = DeadRoutes(broker, settings)
    app.add_url_rule("/dead", view_func=routes.get_dead)
    app.add_url_rule("/dead/<letter_id>", view_func=routes.get_letter)
    app.add_url_rule("/dead/replay", view_func=routes.post_replay, methods=["POST"])
    app.add_url_rule("/dead/purge", view_func=routes.post_purge, methods=["POST"])
