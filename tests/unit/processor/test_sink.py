"""What a processor makes of storage's answers: a block is given up only where storage itself will never take it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from logmill.errors import Refused, StorageUnavailable
from logmill.lifecycle import StopSignal
from logmill.settings import load
from processor.drain import Drain
from processor.sink import StorageSink


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the test says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(
    ("statuses", "error"),
    [
        ((401, 403, 404, 408, 425, 429, 499, 500, 502, 503, 504), StorageUnavailable),
        ((400, 409, 413, 415, 422), Refused),
    ],
)
def test_a_block_is_held_at_answers_that_say_not_now_and_given_up_at_those_that_say_never(
    server: ThreadingHTTPServer, statuses: tuple[int, ...], error: type[Exception]
) -> None:
    stop = StopSignal()
    stop.set()  # so that it is tried once
    settings = load({}, storage_url=f"http://127.0.0.1:{server.server_address[1]}")
    for status in statuses:
        server.status = status  # type: ignore[attr-defined]
        sink = StorageSink(settings, Drain(stop, 0.0))
        with pytest.raises(error, match=f"storage answered {status}"):
            sink.store(b"", may_be_known=False)
        sink.close()
