"""Following what is stored: GET /logs/tail, a stream of server-sent events."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, request

from logmill import web
from logmill.errors import InvalidField, LogmillError
from logmill.openapi import Answer, Parameter, describe
from logmill.parameters import whole_number
from logmill.settings import Settings
from logmill.timestamps import now_us
from storage import events, render, shapes
from storage.errors import QueryCancelled, QueryTimeout
from storage.routes.limits import Limits, client_connection
from storage.search.described import filters, timeout
from storage.search.filters import Filter
from storage.search.parameters import Args, filter_of, single
from storage.store import Store
from storage.tail import End, Tail, TooManyTails

MAX_BACKLOG = 1000
HEARTBEAT_S = 5.0
# How long the backlog is searched for. Nothing is sent meanwhile, and what is stored meanwhile is kept for the tail.
BACKLOG_TIMEOUT_S = 10.0
NO_BACKLOG = "no_backlog"
# How often a tail looks whether its client is still there.
LOOK_EVERY_S = 0.25
# Between two writes: what is stored meanwhile goes with the next.
_PAUSE_S = 0.02
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_MESSAGES = {
    End.SLOW_READER: "logs come faster than this tail is read; narrow its filter, or open it again",
    End.SHUTDOWN: "storage is stopping; open the tail again in a moment",
}


def blueprint(store: Store, settings: Settings, limits: Limits) -> Blueprint:
    """The route; it keeps a thread for each tail that is open."""
    routes = Blueprint("tail", __name__)
    limits.leave_out("tail.tail")

    @routes.get("/logs/tail")
    @describe(
        "Logs that pass, as they are stored",
        tag="Logs",
        parameters=[
            *filters("since", "until", "timeout"),
            timeout(f"How long the backlog is searched for, in s; never longer than {BACKLOG_TIMEOUT_S:g}."),
            Parameter("backlog", "How many that are there are sent first.", shapes.upto(MAX_BACKLOG, 0, least=0)),
        ],
        answers={200: Answer("server-sent events without end", {"type": "string"}, ("text/event-stream",))},
        errors=shapes.QUERY_ERRORS,
        help=(
            "Each log is an event `log` with its id; `notice` says in `code` that the stream ends and why: "
            f"{' or '.join(End)}. With `{NO_BACKLOG}` it goes on, but without its backlog: the search for it failed, "
            f"or took longer than `timeout`, {BACKLOG_TIMEOUT_S:g} s at most. A comment comes every "
            f"{HEARTBEAT_S:g} s, but not while the backlog is searched for. Too many tails: 503, `too_many_tails`."
        ),
    )
    def tail() -> Response:
        wanted, backlog = _asked(request.args.to_dict(flat=False))
        reading = limits.reading(settings.query_timeout_s)
        reading.timeout_s = min(reading.timeout_s, BACKLOG_TIMEOUT_S)
        if request.method == "HEAD":
            return Response(headers=_HEADERS, mimetype="text/event-stream")
        connection: socket.socket | None = client_connection()
        try:
            opened = store.tails.open(_cutter(connection))
        except TooManyTails as error:
            return web.error_answer(503, "too_many_tails", str(error), headers={"Retry-After": "5"})

        # Called after the tail was opened, so that no log falls between them.
        def search() -> list[render.Log]:
            try:
                with limits.held(reading, connection):
                    return render.logs(store.newest(wanted, backlog)[0])[::-1]
            except (QueryTimeout, QueryCancelled) as error:
                limits.count(error)
                raise

        stream = _stream(opened, wanted, search if backlog else None, _watcher(connection))
        answer = Response(stream, headers=_HEADERS, mimetype="text/event-stream")
        answer.call_on_close(opened.close)
        return answer

    return routes


def _asked(args: Args) -> tuple[Filter, int]:
    """The filter, and how many logs that are there already are sent first.

    Raises:
        InvalidField: names the parameter.
    """
    for name in ("since", "until"):
        if name in args:
            raise InvalidField(name, f"a tail begins now and has no end; {name} is for GET /logs", code="unknown")
    backlog = whole_number("backlog", single(args, "backlog", "0"), 0, MAX_BACKLOG)
    return filter_of(args, now_us(), "backlog"), backlog


def _stream(
    tail: Tail, wanted: Filter, search: Callable[[], list[render.Log]] | None, is_gone: Callable[[], bool]
) -> Iterator[bytes]:
    yield events.OPENING
    shown = set[str]()
    if search is not None:
        try:
            backlog = search()
        except QueryCancelled:
            return
        except LogmillError as error:
            why = "it takes too long to search for" if isinstance(error, QueryTimeout) else str(error)
            yield events.notice(NO_BACKLOG, f"what was there before is not shown: {why}")
        else:
            shown = {log["id"] for log in backlog}
            if backlog:
                yield b"".join(map(events.log_event, backlog))
    yield from _live(tail, wanted, shown, is_gone)
    if tail.end is not None:
        more = {"missed": tail.missed} if tail.end is End.SLOW_READER else {}
        yield events.notice(tail.end, _MESSAGES[tail.end], **more)


def _live(tail: Tail, wanted: Filter, shown: set[str], is_gone: Callable[[], bool]) -> Iterator[bytes]:
    """What is stored from now on, until the tail ends or its client is gone."""
    written_s = time.monotonic()
    while tail.goes_on():
        blocks = tail.take(LOOK_EVERY_S)
        chunks = events.of_blocks(blocks, wanted, tail, shown)
        while blocks:
            with tail.turn():
                chunk = next(chunks, None)
            if chunk is None:
                break
            yield chunk
            written_s = time.monotonic()
        if is_gone():
            return
        if time.monotonic() >= written_s + HEARTBEAT_S:
            yield events.HEARTBEAT
            written_s = time.monotonic()
        if blocks:
            time.sleep(_PAUSE_S)


def _watcher(connection: socket.socket | None) -> Callable[[], bool]:
    """Says whether the client has gone, long before a write to it fails; never where the server does not tell."""
    if connection is None:
        return lambda: False
    poller = select.poll()
    # Only Linux tells of a client that has closed its side while nothing is written.
    poller.register(connection, getattr(select, "POLLRDHUP", 0))
    return lambda: bool(poller.poll(0))


def _cutter(connection: socket.socket | None) -> Callable[[], None]:
    def cut() -> None:
        with contextlib.suppress(OSError):
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)

    return cut
