"""A small HTTP server that answers as it is told, and stalls when it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Reply:
    """What a request is answered with.

    Attributes:
        status: of HTTP; 0 closes the connection without an answer.
        body: JSON.
        headers: beside the usual ones.
        after_s: how long it takes.
    """

    status: int = 201
    body: bytes = b'{"accepted": 1, "rejected": 0}'
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0


class AnsweringServer:
    """Serves on a free port of loopback while it is entered.

    Args:
        reply: what the request with this number, from 0 on, is answered with.

    Attributes:
        arrived_s: when each request came, by the monotonic clock.
        bodies: of the requests.
        keys: their Authorization.
        stalled_s: from when until when it answered nothing, by the same clock; where it was told to stall.
    """

    def __init__(self, reply: Callable[[int], Reply] = lambda _number: Reply()) -> None:
        self._reply = reply
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self.arrived_s: list[float] = []
        self.bodies: list[bytes] = []
        self.keys: set[str | None] = set()
        self.stalled_s: tuple[float, float] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                found = server._arrived(body, self.headers.get("Authorization"))
                if found.status == 0:
                    self.close_connection = True
                    return
                self.send_response(found.status)
                for name, value in {**found.headers, "Content-Length": str(len(found.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(found.body)

            do_GET = do_POST = answer  # noqa: N815 - the names that the library calls

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: object) -> None:
                pass  # a client that gave up

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _arrived(self, body: bytes, key: str | None) -> Reply:
        with self._lock:
            number = len(self.arrived_s)
            self.arrived_s.append(time.monotonic())
            self.bodies.append(body)
            self.keys.add(key)
        reply = self._reply(number)
        time.sleep(reply.after_s)
        self._open.wait(120)
        return reply

    @property
    def is_stalled(self) -> bool:
        """Whether it answers nothing just now."""
        return not self._open.is_set()

    def stall(self, after_s: float, time_s: float) -> None:
        """Answer nothing, from a time from now on and for a while."""

        def stalled() -> None:
            time.sleep(after_s)
            self._open.clear()
            begin_s = time.monotonic()
            time.sleep(time_s)
            self.stalled_s = (begin_s, time.monotonic())
            self._open.set()

        threading.Thread(target=stalled, daemon=True).start()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._open.set()
        self._server.shutdown()
        self._server.server_close()
