"""What `make bench-query` asks of storage: each question with its limit, never twice with the same values."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

# No record has these: six letters that no word of theirs has.
_NOWHERE = "bdfhjkmqvwxz"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the records in the store.

    Attributes:
        ids: of some of them, from its whole time.
        request_ids: of some of them.
    """

    ids: tuple[str, ...]
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of question.

    Attributes:
        group: under which it is shown.
        name: what it asks.
        limit_ms: what half of the answers shall stay below.
        path: the path and query of one such question.
    """

    group: str
    name: str
    limit_ms: int
    path: Callable[[random.Random, Known], str]


def _logs(**parameters: str) -> str:
    return "/logs?" + urlencode({"limit": 100, **parameters})


def _search(text: str) -> str:
    return _logs(q=text)


def _nowhere(rng: random.Random) -> str:
    return "".join(rng.choices(_NOWHERE, k=10))


_NEWEST = "newest 100"
_WORDS = "words"
_COUNTS = "counts over all"
_ATTRIBUTES = "metadata and attributes"
QUESTIONS = (
    Question(_NEWEST, "of all", 50, lambda _r, _k: _logs()),
    Question(_NEWEST, "level=error", 50, lambda _r, _k: _logs(level="error")),
    Question(
        _NEWEST,
        "level=critical, one service",
        50,
        lambda r, _k: _logs(level="critical", service=r.choice(("auth-service", "payment-service", "api-gateway"))),
    ),
    Question(_NEWEST, "a day ago and older, level=error", 50, lambda r, _k: _logs(level="error", until=_ago(r))),
    Question(_NEWEST, "status_code=503", 50, lambda _r, _k: _logs(status_code="503")),
    Question(_NEWEST, "tag=payment", 50, lambda _r, _k: _logs(tag="payment")),
    Question(_NEWEST, "anomaly, min_severity=80", 50, lambda _r, _k: _logs(anomaly="true", min_severity="80")),
    Question(_NEWEST, "method and status range", 50, lambda _r, _k: _search("method:DELETE AND status_code:>=500")),
    Question(_NEWEST, "one user of 10,000", 50, lambda r, _k: _logs(user_id=f"user-{r.randrange(10_000)}")),
    Question(_NEWEST, "one path of 200,000", 50, lambda r, _k: _logs(path=f"/api/v1/users/{r.randrange(100_000)}")),
    Question(_NEWEST, "one request", 50, lambda r, k: _logs(request_id=r.choice(k.request_ids))),
    Question(_NEWEST, "a user that is nowhere", 50, lambda r, _k: _logs(user_id=_nowhere(r))),
    Question(_WORDS, "a frequent word", 50, lambda _r, _k: _search("replica")),
    Question(_WORDS, "a word that is nowhere", 50, lambda r, _k: _search(_nowhere(r))),
    Question(_WORDS, "a phrase", 50, lambda _r, _k: _search('"accepted for order"')),
    Question(_WORDS, "a number", 50, lambda r, _k: _search(f"order {r.randrange(100_000)}")),
    Question(_WORDS, "one request's id in the message", 50, lambda r, k: _search(r.choice(k.request_ids))),
    Question(_WORDS, "count of a word, by level", 50, lambda _r, _k: "/logs/facets?field=level&q=replica"),
    Question("one log", "by its id", 50, lambda r, k: f"/logs/{r.choice(k.ids)}"),
    Question(
        _COUNTS,
        "by level, service, priority",
        50,
        lambda _r, _k: "/logs/facets?field=level&field=service&field=priority",
    ),
    Question(_COUNTS, "60 buckets by level", 50, lambda _r, _k: "/logs/histogram?buckets=60"),
    Question(_COUNTS, "60 buckets by level, one service", 50, lambda _r, _k: "/logs/histogram?service=auth-service"),
    Question(
        _COUNTS,
        "facets: level, service, priority, tags, status, host",
        50,
        lambda _r, _k: "/logs/facets",
    ),
    Question(_COUNTS, "the same of level=error", 50, lambda _r, _k: "/logs/facets?level=error"),
    Question(_ATTRIBUTES, "a metadata value", 200, lambda _r, _k: _search("metadata.region:eu-1")),
    Question(
        _ATTRIBUTES, "a metadata value that is nowhere", 200, lambda r, _k: _search(f"metadata.zone:{_nowhere(r)}")
    ),
    Question(_ATTRIBUTES, "facet by method", 200, lambda _r, _k: "/logs/facets?field=method"),
    Question(_ATTRIBUTES, "facet by user (10,000)", 200, lambda _r, _k: "/logs/facets?field=user_id"),
    Question(_ATTRIBUTES, "facet by path (300,000)", 200, lambda _r, _k: "/logs/facets?field=path"),
    Question("substring", "that is nowhere", 500, lambda r, _k: _search(f"*{_nowhere(r)}*")),
    Question("substring", "expression that is nowhere", 500, lambda r, _k: _search(f"/{_nowhere(r)}[0-9]+/")),
    Question("beyond what was asked", "patterns", 5000, lambda _r, _k: "/logs/patterns?limit=20"),
    Question("beyond what was asked", "statistics", 1000, lambda _r, _k: "/logs/stats"),
)


def _ago(rng: random.Random) -> str:
    return f"now-{24 * 60 + rng.randrange(60)}m"
