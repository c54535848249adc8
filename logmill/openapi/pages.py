"""/openapi.json, and /docs: Swagger UI from its package, on a page of ours that runs no script but its files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec
from flask import Flask, Response, send_from_directory
from werkzeug.exceptions import NotFound

from logmill.openapi.document import document
from logmill.openapi.operation import DOCUMENTATION, Answer, Parameter, describe

_OURS = Path(str(files("logmill.openapi"))) / "static"
_THEIRS = Path(str(files("flask_swagger_ui"))) / "dist"
_FILES = {
    "start.js": _OURS,
    "swagger-ui-bundle.js": _THEIRS,
    "swagger-ui.css": _THEIRS,
    "favicon-32x32.png": _THEIRS,
}
_MAX_AGE_S = 3600
# Scripts and styles are its files and ours alone, and it talks to this service alone.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_TEXT = {"type": "string"}


def add_pages(app: Flask, *, title: str, has_key: bool, is_open: Callable[[str], bool]) -> None:
    """Give `app` these routes; the arguments are those of `document`, which is made when it is first asked for."""

    @cache
    def encoded() -> bytes:
        return msgspec.json.encode(document(app, title=title, has_key=has_key, is_open=is_open))

    @app.get("/openapi.json")
    @describe("This document", tag=DOCUMENTATION, answers={200: Answer("OpenAPI 3.1", {"type": "object"})})
    def openapi() -> Response:
        return Response(encoded(), mimetype="application/json")

    @app.get("/docs")
    @describe("This document for people", tag=DOCUMENTATION, answers={200: Answer("Swagger UI", _TEXT, ("text/html",))})
    def docs() -> Response:
        response = send_from_directory(_OURS, "docs.html", max_age=0)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.get("/docs/<name>")
    @describe(
        "The files of that page",
        tag=DOCUMENTATION,
        parameters=[Parameter("name", "one of its files", {"type": "string", "enum": list(_FILES)}, "path")],
        answers={200: Answer("the file", {}, ("text/javascript", "text/css", "image/png"))},
        errors={404: "it has no such file"},
    )
    def docs_file(name: str) -> Response:
        if name not in _FILES:
            raise NotFound("the page has no such file")
        response = send_from_directory(_FILES[name], name, max_age=_MAX_AGE_S)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
