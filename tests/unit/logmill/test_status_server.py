"""The small status server: what it answers to whom, and that no client can hold it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter

from logmill.errors import AlreadyRunning, ConfigError, Retry
from logmill.page.files import load
from logmill.settings import load as settings_of
from logmill.status_server import MAX_CONNECTIONS, StatusServer, json_answer
from storage.routes.dashboard import FOLDER
from tests.support.ports import free_port
from tests.support.waiting import wait_until

TIMEOUT_S = 10


def broken():
    raise ZeroDivisionError


def waiting():
    raise Retry("being looked up", 3)


@pytest.fixture
def serve():
    """Starts a server on a free port with these settings: `serve(api_key="k")`; its address."""
    with contextlib.ExitStack() as stack:

        def started(state="ready", files=None, **settings):
            registry = CollectorRegistry()
            Counter("logmill_test", "of this test", registry=registry).inc(7)
            port = free_port()
            server = StatusServer(
                "tester",
                ("127.0.0.1", port),
                settings_of({}, **settings),
                registry=registry,
                readiness=lambda: state,
                routes={"/more.json": lambda: json_answer({"more": 1}), "/broken": broken, "/waiting": waiting},
                files=files,
            )
            stack.callback(server.close)
            return f"http://127.0.0.1:{port}"

        yield started


def get(url, **headers):
    return requests.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=10)


def test_it_answers_what_every_service_does_and_what_is_added(serve):
    url = serve()
    assert get(f"{url}/health").json() == {"status": "healthy", "service": "tester"}
    assert get(f"{url}/ready").json() == {"status": "ready", "service": "tester"}
    assert "logmill_test_total 7.0" in get(f"{url}/metrics?x=1").text
    assert get(f"{url}/more.json").json() == {"more": 1}
    assert get(f"{url}/more.json").headers["Cache-Control"] == "no-store"
    head = requests.head(f"{url}/health", timeout=TIMEOUT_S)
    assert (head.status_code, head.content) == (200, b"")


def test_what_is_waited_for_is_said(serve):
    answer = get(f"{serve('the producer is away')}/ready")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json() == {"status": "error", "code": "unavailable", "message": "the producer is away"}


def test_every_error_has_the_one_shape(serve):
    url = serve()
    missing = get(f"{url}/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert "/more.json" in missing.json()["message"]
    posted = requests.post(f"{url}/metrics", data=b"x", timeout=TIMEOUT_S)
    assert (posted.status_code, posted.json()["code"], posted.headers["Allow"]) == (
        405,
        "method_not_allowed",
        "GET, HEAD",
    )
    failed = get(f"{url}/broken")
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    later = get(f"{url}/waiting")
    assert (later.status_code, later.json()["message"], later.headers["Retry-After"]) == (503, "being looked up", "3")
    long = get(f"{url}/{'a' * 70_000}")
    assert (long.status_code, long.json()["status"]) == (414, "error")


def test_a_key_is_asked_for_where_one_is_set_but_not_for_health_and_the_page(serve):
    url = serve(api_key="sesame", files=load(FOLDER))
    for path in ("/metrics", "/more.json"):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"X_Api_Key": "wrong"}):
            refused = get(url + path, **headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert get(url + path, Authorization="Bearer sesame").status_code == 200
        assert get(url + path, X_Api_Key="sesame").status_code == 200
    for path in ("/health", "/ready", "/"):
        assert get(url + path).status_code == 200


def test_without_a_key_only_trusted_names_and_addresses_get_data(serve):
    url = serve(trusted_hosts="localhost,status.example")
    for host in ("localhost:5201", "status.example", "STATUS.EXAMPLE:80", "127.0.0.1:9", "[::1]:5201", "172.18.0.4"):
        assert get(f"{url}/metrics", Host=host).status_code == 200
    for host in ("evil.example", "evil.example:5201", "127.0.0.1.evil.example", "localhost.evil.example:80"):
        refused = get(f"{url}/more.json", Host=host)
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (421, "untrusted_host", "Host")
    assert get(f"{url}/health", Host="evil.example").status_code == 200
    assert get(f"{serve(trusted_hosts='*')}/metrics", Host="evil.example").status_code == 200


def test_a_page_and_its_files_are_answered_and_nothing_else_of_their_folder(serve):
    found = load(FOLDER)
    url = serve(files=found)
    page = get(f"{url}/")
    assert page.content == found.page.content
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    script = get(f"{url}/static/{found.version}/js/dom.js")
    assert (script.headers["Content-Type"], script.headers["Content-Encoding"]) == (
        "text/javascript; charset=utf-8",
        "gzip",
    )
    assert script.content == found.assets["js/dom.js"].content
    assert get(f"{url}/", If_None_Match=page.headers["ETag"]).status_code == 304
    for path in ("index.html", f"static/{found.version}/../index.html", "static/x/js/dom.js", "static", "static/"):
        # What is asked for exactly as it stands here.
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), TIMEOUT_S) as client:
            client.sendall(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
            assert client.makefile("rb").readline().split()[1] == b"404"


def test_it_listens_beyond_loopback_only_with_a_key_and_says_which_setting_a_taken_port_has(serve):
    settings = settings_of({})
    parts = {"registry": CollectorRegistry(), "readiness": lambda: "ready"}
    with pytest.raises(ConfigError, match="LOGMILL_API_KEY"):
        StatusServer("tester", ("0.0.0.0", free_port()), settings, **parts)
    port = int(serve().rpartition(":")[2])
    with pytest.raises(AlreadyRunning, match="LOGMILL_COLLECT_PORT"):
        StatusServer("tester", ("127.0.0.1", port), settings_of({}, collect_port=port), **parts)
    StatusServer("tester", ("127.0.0.1", 0), settings, **parts).close()


def test_clients_that_say_nothing_neither_pile_up_nor_keep_others_out(serve):
    url = serve()
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(address, TIMEOUT_S)) for _ in range(MAX_CONNECTIONS * 2)]
        began_s = time.monotonic()
        assert get(f"{url}/health").status_code == 200
        assert time.monotonic() - began_s < 4
        assert silent[0].recv(1) == b""
        wait_until(lambda: 0 < threads() <= MAX_CONNECTIONS, TIMEOUT_S, "only so many threads")
    assert get(f"{url}/health").status_code == 200


def threads():
    """How many of this process serve a connection."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())
