"""Which pages of other sites may ask a service from a browser (CORS): those of LOGMILL_CORS_ORIGINS and no others.

Own lines, since a library that is told of one origin leaves out `Vary: Origin` where it allows nothing, and takes
`http://[::1]:3000` for a regular expression. Credentials are never allowed: no cookie stands for the API key, so a
page that another site shows can only use a key that it has itself.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, request

from logmill.errors import ConfigError
from logmill.settings import Settings

REQUEST_HEADERS = ("Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "X-Api-Key")
ANSWER_HEADERS = ("Content-Disposition", "Idempotency-Replayed", "Retry-After", "WWW-Authenticate")
# How long a browser may remember a preflight's answer.
_MAX_AGE_S = 600
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ANY = "*"


def allowed_origins(settings: Settings) -> frozenset[str]:
    """The origins that LOGMILL_CORS_ORIGINS names; "*" stands for any.

    Raises:
        ConfigError: one of them no browser would send; or any may ask, and no API key is asked for: then each page
            that somebody on this machine looks at could read the logs.
    """
    names = [name.strip() for name in settings.cors_origins.split(",") if name.strip()]
    for name in names:
        if name != _ANY and not _is_origin(name):
            raise ConfigError(
                f"LOGMILL_CORS_ORIGINS: {name!r} is no origin as browsers send it: scheme://host, or "
                "scheme://host:port where it is not the usual port, in lower case and without a path"
            )
    if _ANY in names and not settings.api_key:
        raise ConfigError("LOGMILL_CORS_ORIGINS: * needs an API key (LOGMILL_API_KEY); else name the origins")
    return frozenset(names)


def cors_headers(allowed: frozenset[str]) -> Callable[[Response], Response]:
    """What adds the headers to each answer, errors too, for `Flask.after_request`.

    Args:
        allowed: from `allowed_origins`.
    """

    def add(response: Response) -> Response:
        # Also where it is not allowed: a cache must not hand one origin's answer to another.
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if not origin or not (origin in allowed or _ANY in allowed):
            return response
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = ", ".join(ANSWER_HEADERS)
        if is_preflight():
            headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
            headers["Access-Control-Allow-Headers"] = ", ".join(REQUEST_HEADERS)
            headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
        return response

    return add


def is_preflight() -> bool:
    """Whether the request at hand is a browser's question whether it may send another."""
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _is_origin(name: str) -> bool:
    try:
        parts = urlsplit(name)
        port = parts.port
    except ValueError:
        return False
    is_plain = name == f"{parts.scheme}://{parts.netloc}" and "@" not in name and name == name.lower()
    return is_plain and bool(parts.hostname) and port != _DEFAULT_PORTS.get(parts.scheme, -1)
