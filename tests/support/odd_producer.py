"""A small HTTP server in the place of a producer, which misbehaves as a test tells it to."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What a producer answers to GET /pipeline.
GOOD = {
    "status": "success",
    "ready": True,
    "reason": "",
    "broker": {"kind": "embedded", "reachable": True, "reason": ""},
    "age_s": 0.1,
    "lanes": [{"lane": "urgent", "messages": 1, "unacknowledged": None, "bytes": 20, "accepted": 300}],
    "dead": {"count": 4},
    "of a newer version": [1],
}
Respond = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Notes each request, and answers as the test says."""

    server: Server

    def do_GET(self) -> None:
        """Any request."""
        length = int(self.headers.get("Content-Length", "0"))
        self.server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        self.server.respond(self)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def send(self, status: int, body: object, **headers: str) -> None:
        """An answer: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is said of requests."""


class Server(ThreadingHTTPServer):
    """Answers as `respond` does; `seen` has method, path, headers and body of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.respond: Respond = lambda handler: handler.send(200, GOOD)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what is tested."""
