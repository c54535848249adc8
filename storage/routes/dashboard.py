"""The dashboard at `/` and its files below `/static/`: they hold no data, so no key is asked for; what they ask is."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request

from logmill import web
from logmill.openapi import Answer, Parameter, describe
from logmill.page.files import VERSION, Sent, load

FOLDER = Path(__file__).parent.parent / "dashboard"
_TAG = "dashboard"
_TEXT = {"type": "string"}


def blueprint() -> Blueprint:
    """The routes."""
    routes = Blueprint("dashboard", __name__)
    found = load(FOLDER)

    @routes.get("/")
    @describe("The dashboard", tag=_TAG, answers={200: Answer("its page", _TEXT, ("text/html",))})
    def page() -> Response:
        return _answer(found.send_page(*_negotiated()))

    @routes.get("/static/<version>/<path:name>")
    @describe(
        "The files of the dashboard",
        tag=_TAG,
        parameters=[
            Parameter("version", "As the page has it.", {**_TEXT, "pattern": f"^{VERSION.pattern}$"}, "path"),
            Parameter("name", "One of its files.", {**_TEXT, "enum": list(found.assets)}, "path"),
        ],
        answers={200: Answer("the file", {}, ("text/javascript", "text/css", "image/svg+xml"))},
        errors={404: "it has no such file"},
    )
    def asset(version: str, name: str) -> Response:
        sent = found.send_asset(version, name, *_negotiated())
        return _answer(sent) if sent else web.error_answer(404, "not_found", "the dashboard has no such file")

    return routes


def _negotiated() -> tuple[str, str]:
    return request.headers.get("Accept-Encoding", ""), request.headers.get("If-None-Match", "")


def _answer(sent: Sent) -> Response:
    response = Response(sent.body, status=sent.status)
    # Flask's own type would stand beside the one that is given.
    del response.headers["Content-Type"]
    response.headers.update(sent.headers)
    return response
