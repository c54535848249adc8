"""The dashboard at `/` and its files below `/static/`: they hold no data, so no key is asked for; what they ask for is.

The page may run no script and use no style but its own files, load from and send to nobody but this server, and be
shown in no frame. Trusted Types keep even our own scripts from making HTML of text.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, request

from logmill import web
from logmill.openapi import Answer, Parameter, describe
from storage.dashboard import files
from storage.dashboard.files import Asset

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TAG = "dashboard"
_TEXT = {"type": "string"}
_VERSION = re.compile(r"[0-9a-f]{16}")
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def blueprint() -> Blueprint:
    """The routes."""
    routes = Blueprint("dashboard", __name__)
    found = files.load()

    @routes.get("/")
    @describe("The dashboard", tag=_TAG, answers={200: Answer("its page", _TEXT, ("text/html",))})
    def page() -> Response:
        return _answer(found.page, _ASK_AGAIN)

    @routes.get("/static/<version>/<path:name>")
    @describe(
        "The files of the dashboard",
        tag=_TAG,
        parameters=[
            Parameter("version", "As the page has it.", {**_TEXT, "pattern": f"^{_VERSION.pattern}$"}, "path"),
            Parameter("name", "One of its files.", {**_TEXT, "enum": list(found.assets)}, "path"),
        ],
        answers={200: Answer("the file", {}, ("text/javascript", "text/css", "image/svg+xml"))},
        errors={404: "it has no such file"},
    )
    def asset(version: str, name: str) -> Response:
        wanted = found.assets.get(name) if _VERSION.fullmatch(version) else None
        if wanted is None:
            return web.error_answer(404, "not_found", "the dashboard has no such file")
        # An older page, still open while storage was renewed, gets the newer file, but must not keep it by that name.
        return _answer(wanted, _FOR_EVER if version == found.version else _ASK_AGAIN)

    return routes


def _answer(asset: Asset, caching: str) -> Response:
    headers = {**_HEADERS, "Cache-Control": caching, "Vary": "Accept-Encoding"}
    is_zipped = asset.zipped is not None and request.accept_encodings.quality("gzip") > 0
    # The two forms differ in their bytes, so they have names of their own.
    tag = f"{asset.etag}-gzip" if is_zipped else asset.etag
    if request.if_none_match.contains(tag):
        response = Response(status=304, headers=headers)
    else:
        body = asset.zipped if is_zipped and asset.zipped is not None else asset.content
        response = Response(body, headers=headers, content_type=asset.content_type)
        if is_zipped:
            response.headers["Content-Encoding"] = "gzip"
    response.set_etag(tag)
    return response
