"""What each Flask app of Logmill needs: one JSON shape for errors, API keys, health, readiness, metrics.

Every error answer is `{"status": "error", "code", "message"}`, with `field` where one field is at fault and
`errors` (each with `index`, `field`, `code`, `message`) where items of a batch are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from werkzeug.exceptions import HTTPException

from logmill.cors import allowed_origins, cors_headers
from logmill.errors import Refused, Retry
from logmill.keys import host_name, may_pass, trusted_names
from logmill.openapi import Answer, Shape, describe
from logmill.openapi.operation import STATE
from logmill.openapi.pages import add_pages
from logmill.settings import Settings, metrics_folder

log = structlog.get_logger()

# What no key is asked for: nothing of it is data.
OPEN_PATHS = frozenset({"/", "/health", "/ready", "/openapi.json", "/docs"})
OPEN_FOLDERS = ("/docs/", "/static/")
_encode = msgspec.json.Encoder().encode


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer; `body` may hold `msgspec.Raw`."""
    return Response(_encode(body), status=status, headers=headers, mimetype="application/json")


def error_answer(
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """An error answer in the one shape."""
    body: dict[str, Any] = {"status": "error", "code": code, "message": message}
    if field is not None:
        body["field"] = field
    return answer({**body, **more}, status, headers)


def unavailable(message: str, retry_after_s: float) -> Response:
    """503 with Retry-After in whole seconds, at least one."""
    return error_answer(503, "unavailable", message, headers={"Retry-After": str(max(1, round(retry_after_s)))})


class State(Shape):
    """How a service is.

    Attributes:
        status: healthy or ready.
        service: its name.
    """

    status: str
    service: str


class _App(Flask):
    """Flask, with an answer to OPTIONS that says it has no body."""

    def make_default_options_response(self) -> Response:
        response = super().make_default_options_response()
        response.status_code = 204
        del response.headers["Content-Type"]
        return response


def make_app(
    service: str,
    settings: Settings,
    *,
    readiness: Callable[[], str],
    registry: CollectorRegistry,
    live_page: str = "",
) -> Flask:
    """A Flask app with what every service has.

    Args:
        service: its name, as /health says it.
        settings: those in force.
        readiness: "ready", or in a few words what the service waits for.
        registry: the metrics that /metrics shows.
        live_page: where people see them: a browser that asks for /metrics is sent there. "" for nowhere.

    Raises:
        ConfigError: LOGMILL_CORS_ORIGINS cannot be what it is.
    """
    app = _App(service, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.register_error_handler(Refused, _on_refused)
    app.register_error_handler(Retry, lambda error: unavailable(str(error), error.retry_after_s))
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_bug)
    if live_page:
        # No key is asked for that: it says nothing but where the page is.
        app.before_request(lambda: _to_page(live_page))
    app.before_request(_key_check(settings.api_key) if settings.api_key else _host_check(settings.trusted_hosts))
    origins = allowed_origins(settings)
    if origins:
        app.after_request(cors_headers(origins))
    add_pages(app, title=f"Logmill {service}", has_key=bool(settings.api_key), is_open=is_open)

    @app.get("/health")
    @describe("Whether it runs", tag=STATE, answers={200: Answer("it does", State)})
    def health() -> Response:
        return answer({"status": "healthy", "service": service})

    @app.get("/ready")
    @describe(
        "Whether it can do its work",
        tag=STATE,
        answers={200: Answer("it can", State)},
        errors={503: "what it waits for"},
    )
    def ready() -> Response:
        state = readiness()
        if state == "ready":
            return answer({"status": "ready", "service": service})
        return unavailable(state, 1)

    @app.get("/metrics")
    @describe(
        "Counters and gauges",
        tag=STATE,
        answers={
            200: Answer("Prometheus' text format", {"type": "string"}, ("text/plain",)),
            **({303: Answer("for a browser: the page that shows them")} if live_page else {}),
        },
    )
    def metrics() -> Response:
        return Response(render_metrics(registry), content_type=CONTENT_TYPE_LATEST)

    return app


def _to_page(live_page: str) -> Response | None:
    """Sends browsers that ask for /metrics to the page; curl and Prometheus get the text."""
    if request.path != "/metrics" or request.method not in {"GET", "HEAD"}:
        return None
    if request.accept_mimetypes.best_match(["text/plain", "text/html"]) != "text/html":
        return None
    response = Response(status=303, headers={"Location": live_page, "Vary": "Accept"})
    del response.headers["Content-Type"]
    return response


def render_metrics(registry: CollectorRegistry) -> bytes:
    """The metrics of this service in Prometheus' text format, summed over its processes where it has several."""
    return generate_latest(over_processes(registry))


def over_processes(registry: CollectorRegistry) -> CollectorRegistry:
    """This registry, or where the service has several processes one that gives the sums over them."""
    if metrics_folder() is None:
        return registry
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
    return merged


def is_open(path: str) -> bool:
    """Whether no key is asked for at this path."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def _key_check(key: str) -> Callable[[], Response | None]:
    def check() -> Response | None:
        headers = request.headers
        if is_open(request.path) or may_pass(key, headers.get("Authorization", ""), headers.get("X-Api-Key", "")):
            return None
        if request.method == "OPTIONS":  # a browser asks without the key whether it may send it; it reads nothing
            return None
        return error_answer(
            401,
            "unauthorized",
            "send the API key as `Authorization: Bearer KEY`",
            headers={"WWW-Authenticate": "Bearer"},
        )

    return check


def _host_check(trusted: str) -> Callable[[], Response | None]:
    names = trusted_names(trusted)

    def check() -> Response | None:
        name = host_name(request.headers.get("Host", ""))
        if name in names or "*" in names:
            return None
        message = f"the host {name[:100]!r} is not among LOGMILL_TRUSTED_HOSTS, and no API key is asked for"
        return error_answer(421, "untrusted_host", message, field="Host")

    return check


def _on_refused(error: Refused) -> Response:
    return error_answer(error.status, error.code, str(error), field=error.field, **dict[str, Any](error.more))


def _on_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    code = (error.name or "error").lower().replace(" ", "_")
    headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    return error_answer(status, code, error.description or error.name, headers=headers)


def _on_bug(error: Exception) -> Response:
    log.error("request failed", method=request.method, path=request.path, exc_info=error)
    return error_answer(500, "internal", "an unexpected error; the service's log has the details")
