"""Body limits, keys and the one shape of errors."""

from __future__ import annotations

import gzip
import io

import pytest
import zstandard
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, NoMoreData
from prometheus_client import CollectorRegistry

from logmill.errors import BrokerFull, InvalidField, Refused
from logmill.request_bodies import decompress, read_body
from logmill.settings import load
from logmill.web import answer, make_app

TEXT = b"hello " * 1000
BIG = zstandard.compress(bytes(range(256)) * 2000 + TEXT)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("GZIP ", gzip.compress(TEXT[:3000]) + gzip.compress(TEXT[3000:])),
        ("zstd", zstandard.compress(TEXT)),
        ("zstd", zstandard.compress(TEXT[:3000]) + zstandard.compress(TEXT[3000:])),
    ],
)
def test_bodies_are_decompressed(encoding, body):
    assert decompress(body, encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused_before_it_unfolds(compress):
    bomb = compress(b"\0" * (64 * 1024 * 1024))
    assert len(bomb) < 100_000
    encoding = "gzip" if compress is gzip.compress else "zstd"
    with pytest.raises(Refused) as caught:
        decompress(bomb, encoding, 1024 * 1024)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", b"no gzip", 400), ("gzip", gzip.compress(TEXT)[:-9], 400), ("zstd", b"no zstd", 400),
        ("br", TEXT, 415), ("zstd", BIG[: len(BIG) // 2], 400), ("zstd", BIG[:-1], 400), ("zstd", BIG + b"tail", 400),
    ],
)  # fmt: skip
def test_a_body_that_is_not_what_it_says_is_refused(encoding, body, status):
    with pytest.raises(Refused) as caught:
        decompress(body, encoding, 1024 * 1024)
    assert caught.value.status == status


def test_many_small_members_take_linear_time():
    import time

    started = time.process_time()
    body = gzip.compress(b"") * 40_000
    assert decompress(body, "gzip", 100) == b""
    assert time.process_time() - started < 5


def test_a_name_of_somebody_else_is_not_served_where_no_key_is_asked_for():
    for host, status in (("localhost:5000", 200), ("127.0.0.1", 200), ("[::1]:5000", 200), ("evil.example:5000", 421)):
        assert _client().get("/health", headers={"Host": host}).status_code == status
    assert _client(api_key="k").get("/health", headers={"Host": "evil.example"}).status_code == 200
    assert _client(trusted_hosts="*").get("/health", headers={"Host": "evil.example"}).status_code == 200


def _client(**overrides):
    app = make_app("test", load({}, **overrides), readiness=lambda: "waiting for x", registry=CollectorRegistry())

    @app.get("/boom/<kind>")
    def boom(kind: str):
        raise {"field": InvalidField("level", "bad"), "full": BrokerFull("full", 3), "bug": ZeroDivisionError()}[kind]

    @app.post("/body")
    def body():
        return answer({"bytes": len(read_body(100))})

    return app.test_client()


class Broken(io.BytesIO):
    """What gunicorn hands over of a body that does not come whole: `read` raises after the first piece."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__(b"first piece")
        self._error = error

    def readinto(self, buffer) -> int:
        count = super().readinto(buffer)
        if not count and self._error is not None:
            raise self._error
        return count


def post_broken(error: Exception | None, **environ: str):
    overrides = {"wsgi.input_terminated": True, **environ}
    return _client().post("/body", input_stream=Broken(error), environ_overrides=overrides)


@pytest.mark.parametrize("length", [{"CONTENT_LENGTH": "12"}, {}])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NoMoreData(), 400, "truncated"),
        (ConnectionResetError(), 400, "truncated"),
        (ChunkMissingTerminator(b""), 400, "truncated"),
        (InvalidChunkSize(b"x"), 400, "truncated"),
        (BlockingIOError(), 408, "timeout"),
        (TimeoutError(), 408, "timeout"),
    ],
)
def test_a_body_that_breaks_off_or_stalls_is_said_and_not_taken_as_it_is(length, error, status, code):
    answered = post_broken(error, **length)
    assert (answered.status_code, answered.json["code"]) == (status, code)


def test_a_body_is_as_long_as_it_says_or_refused():
    for length, status in (("11", 200), ("12", 400), ("1000000", 400)):
        answered = post_broken(None, CONTENT_LENGTH=length)
        assert answered.status_code == status
    assert answered.json["code"] == "truncated"


def test_every_error_has_the_one_shape():
    client = _client()
    for path, status in (("/boom/field", 400), ("/boom/full", 503), ("/boom/bug", 500), ("/nowhere", 404)):
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.json["status"] == "error"
        assert set(answer.json) >= {"status", "code", "message"}
    assert client.get("/boom/field").json["field"] == "level"
    assert client.get("/boom/full").headers["Retry-After"] == "3"
    assert "Zero" not in client.get("/boom/bug").text
    assert client.post("/health").status_code == 405


def test_a_key_is_asked_for_everywhere_but_at_health_and_ready():
    client = _client(api_key="secret")
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-Api-Key": "schlüssel"}):
        assert client.get("/metrics", headers=headers).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert client.get("/metrics", headers={"X-Api-Key": "secret"}).status_code == 200


def test_readiness_says_what_is_waited_for():
    answer = _client().get("/ready")
    assert (answer.status_code, answer.json["message"]) == (503, "waiting for x")


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"


@pytest.mark.parametrize(
    ("accept", "is_browser"), [(BROWSER, True), ("text/html", True), (PROMETHEUS, False), ("*/*", False), ("", False)]
)
def test_a_browser_that_asks_for_metrics_is_shown_the_page_and_others_get_the_text(accept, is_browser):
    made = {"readiness": lambda: "ready", "registry": CollectorRegistry()}
    settings = load({}, api_key="secret")
    client = make_app("test", settings, live_page="./?tab=live", **made).test_client()
    found = client.get("/metrics", headers={"Accept": accept})
    assert (found.status_code, found.headers.get("Location")) == ((303, "./?tab=live") if is_browser else (401, None))
    keyed = client.get("/metrics", headers={"Accept": accept, "X-Api-Key": "secret"})
    assert keyed.status_code == (303 if is_browser else 200)
    elsewhere = client.get("/health", headers={"Accept": accept})
    assert elsewhere.status_code == 200
    without = make_app("test", settings, **made).test_client()
    assert without.get("/metrics", headers={"Accept": accept, "X-Api-Key": "secret"}).status_code == 200
