"""The small server of a service that has no Flask: /health, /ready, /metrics, and what the service adds to them.

It keeps to what `logmill.web` promises: one JSON shape for errors, the API key where one is set, and where none is,
only names of LOGMILL_TRUSTED_HOSTS. /health and /ready tell nothing and are open, as are a page and its files.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Self

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from logmill.errors import Retry
from logmill.keys import host_name, may_pass, trusted_names
from logmill.lifecycle import open_listener
from logmill.page.files import Files, Sent
from logmill.settings import Settings

log = structlog.get_logger()

# How long a client may be silent, and how many may be there at a time: the oldest makes room for one more.
REQUEST_TIMEOUT_S = 5
MAX_CONNECTIONS = 64
_encode = msgspec.json.Encoder().encode

Route = Callable[[], Sent]


def json_answer(body: Any, status: int = 200, **headers: str) -> Sent:
    """An answer in JSON; of the names of headers an underscore becomes a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent(status, {"Content-Type": "application/json", "Cache-Control": "no-store", **named}, _encode(body))


class StatusServer:
    """Serves on threads of its own from construction to `close`; nothing where the port is 0.

    Args:
        service: its name, as /health says it.
        address: host and port to listen on.
        settings: those in force.
        registry: the metrics that /metrics shows.
        readiness: "ready", or in a few words what the service waits for.
        routes: what the service adds, by path; asked on several threads at a time.
        files: a page for `/`, and its files.

    Raises:
        ConfigError: it would listen beyond loopback without a key.
        AlreadyRunning: the port is in use.
    """

    def __init__(
        self,
        service: str,
        address: tuple[str, int],
        settings: Settings,
        *,
        registry: CollectorRegistry,
        readiness: Callable[[], str],
        routes: Mapping[str, Route] = MappingProxyType({}),
        files: Files | None = None,
    ) -> None:
        self._server: _Server | None = None
        host, port = address
        if port == 0:
            return
        every: dict[str, Route] = {
            "/health": lambda: json_answer({"status": "healthy", "service": service}),
            "/ready": partial(_ready, service, readiness),
            "/metrics": lambda: Sent(200, {"Content-Type": CONTENT_TYPE_LATEST}, generate_latest(registry)),
            **routes,
        }
        handler = partial(_Handler, _Answers(every, files, settings))
        self._server = _Server(open_listener(host, port, settings), handler)
        threading.Thread(target=self._server.serve_forever, name="status", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ready(service: str, readiness: Callable[[], str]) -> Sent:
    state = readiness()
    if state == "ready":
        return json_answer({"status": "ready", "service": service})
    return _error(503, "unavailable", state, Retry_After="1")


def _error(status: int, code: str, message: str, field: str | None = None, **headers: str) -> Sent:
    body = {"status": "error", "code": code, "message": message}
    return json_answer(body if field is None else {**body, "field": field}, status, **headers)


class _Answers:
    """From a path and headers to an answer."""

    _OPEN = frozenset({"/health", "/ready"})

    def __init__(self, routes: Mapping[str, Route], files: Files | None, settings: Settings) -> None:
        self._routes = routes
        self._files = files
        self._key = settings.api_key
        self._trusted = trusted_names(settings.trusted_hosts)

    def to(self, path: str, headers: Message[str, str]) -> Sent:
        found = self._page(path, headers)
        if found is not None:
            return found
        route = self._routes.get(path)
        if route is None:
            paths = [*(["/"] if self._files else []), *self._routes]
            return _error(404, "not_found", f"there are {', '.join(paths)}")
        refused = None if path in self._OPEN else self._refusal(headers)
        return refused or route()

    def _page(self, path: str, headers: Message[str, str]) -> Sent | None:
        if self._files is None:
            return None
        negotiated = headers.get("Accept-Encoding", ""), headers.get("If-None-Match", "")
        if path == "/":
            return self._files.send_page(*negotiated)
        folder, _, rest = path.removeprefix("/").partition("/")
        version, _, name = rest.partition("/")
        return self._files.send_asset(version, name, *negotiated) if folder == "static" else None

    def _refusal(self, headers: Message[str, str]) -> Sent | None:
        """The answer to a request that may not have what it asks for."""
        if self._key:
            if may_pass(self._key, headers.get("Authorization", ""), headers.get("X-Api-Key", "")):
                return None
            message = "send the API key as `Authorization: Bearer KEY`"
            return _error(401, "unauthorized", message, WWW_Authenticate="Bearer")
        name = host_name(headers.get("Host", ""))
        # Metrics are often asked for by address, of each replica. A page cannot pass for one: it has a name of its own.
        if name in self._trusted or "*" in self._trusted or _is_address(name):
            return None
        message = f"the host {name[:100]!r} is not among LOGMILL_TRUSTED_HOSTS, and no API key is asked for"
        return _error(421, "untrusted_host", message, "Host")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


class _Server(ThreadingHTTPServer):
    """A thread for each connection, of a bounded number."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._lock = threading.Lock()
        self._open: OrderedDict[socket.socket, None] = OrderedDict()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[request] = None
            if len(self._open) > MAX_CONNECTIONS:
                oldest, _ = self._open.popitem(last=False)
                # Its own thread closes it.
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class has them
        """Say so in our log; a client that has gone is no error of ours."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.error("status request failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_TIMEOUT_S
    server_version = "logmill"
    sys_version = ""

    def __init__(self, answers: _Answers, *arguments: Any) -> None:
        self._answers = answers
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        try:
            sent = self._answers.to(path, self.headers)
        except Retry as error:
            sent = _error(503, "unavailable", str(error), Retry_After=str(max(1, round(error.retry_after_s))))
        except Exception:
            log.exception("request failed", path=path)
            sent = _error(500, "internal", "an unexpected error; the service's log has the details")
        self._send(sent)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - as the base class has it
        """What is no request, in the one shape of errors."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send(_error(405, "method_not_allowed", "there are GET and HEAD only", Allow="GET, HEAD"))
        else:
            status = HTTPStatus(code)
            self._send(_error(status, status.name.lower(), (message or status.phrase)[:200]))

    def _send(self, sent: Sent) -> None:
        self.send_response(sent.status)
        for name, value in sent.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep requests for metrics out of our logs."""
