"""A writer counts only a whole answer, and its own faults do not pass unseen."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.faults.oracle import Outcome
from tests.faults.writers import Writers
from tests.support.waiting import wait_until


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that reads a bit of each request, says this, and closes; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):  # the listener is closed
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(5)
                        connection.recv(65536)
                        connection.sendall(answer)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def writing(port: int, until: Callable[[Writers], bool]) -> Writers:
    writers = Writers(port, "unit", rate=1000, keyed_share=0, count=1)
    try:
        wait_until(lambda: until(writers), what="an answer")
    finally:
        writers.stop()
    return writers


@pytest.mark.parametrize("headers", [b"Content-Type: applica", b"Content-Length: "])
def test_an_answer_that_ends_within_its_headers_is_none(headers: bytes) -> None:
    with answering(b"HTTP/1.1 201 CREATED\r\n" + headers) as port:
        writers = writing(port, lambda writers: writers.load.oracle.counts()[Outcome.UNKNOWN] > 3)
    assert writers.load.oracle.counts()[Outcome.ACKNOWLEDGED] == 0
    assert not writers.load.odd


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_writer_is_noted() -> None:
    with answering(b"HTTP/1.1 201 CREATED\r\nContent-Length: 8\r\n\r\nnonsense") as port:
        writers = writing(port, lambda writers: bool(writers.load.odd))
    assert [words for words in writers.load.odd if "a writer failed" in words]
