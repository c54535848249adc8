"""Services ask one another directly, with the key of the settings, whatever the environment says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from logmill import http_client
from logmill.lifecycle import StopSignal
from logmill.probing import probe
from logmill.settings import load
from logmill.storage_client import StorageClient
from processor.drain import Drain
from processor.sink import StorageSink
from producer.status import StatusClient
from storage.pipeline.producer import ProducerClient
from tests.support.ports import free_port

KEY = "the-key-of-all"


class Handler(BaseHTTPRequestHandler):
    """Says that all is well, and notes who asked with what."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.seen.append(self.headers.get("Authorization"))  # type: ignore[attr-defined]
        body = b'{"state": "unknown", "stored": 1, "duplicates": 0, "logs": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_neither_a_proxy_nor_netrc_of_the_environment_comes_between_services(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login stranger password theirs")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with pytest.raises(requests.exceptions.ProxyError):  # else this test proves nothing
        requests.get(url, timeout=5)
    settings = load({}, producer_url=url, storage_url=url, api_key=KEY)
    sink = StorageSink(settings, Drain(StopSignal(), 5))
    assert sink.store(b"", may_be_known=False).stored == 1
    sink.close()
    assert StatusClient(settings).of("x").state == "unknown"
    assert ProducerClient(settings).get("/dead", {}, 5).status == 200
    assert len(list(StorageClient(url, KEY).pages([], 1))) == 1
    assert server.seen == [f"Bearer {KEY}"] * 4  # type: ignore[attr-defined]
    assert probe(url)[0]


def test_the_certificates_that_the_environment_names_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/of/the/house.pem")
    assert http_client.session().verify == "/of/the/house.pem"
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert http_client.session().verify is True
