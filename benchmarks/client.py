"""A small client that costs little itself: kept connections, bodies made beforehand, one thread a connection."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

TIMEOUT_S = 60.0
RECEIVE_BYTES = 64 * 1024
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


class Connection:
    """One kept connection to one service, for one thread.

    Speaks just the HTTP/1.1 that our services answer (a Content-Length, no chunks): the client shares the cores with
    what it measures, and `http.client` takes three times as much of them.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = f"{parts.hostname}:{parts.port}".encode()
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        head = b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._socket.sendall(head % (path.encode(), self._host, len(body)) + body)
        return self._answer()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._socket.sendall(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (path.encode(), self._host))
        return self._answer()

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()

    def _answer(self) -> tuple[int, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, body = received[:end], received[end + 4 :]
        length = int(_LENGTH.search(head)[1])  # type: ignore[index]
        while len(body) < length:
            body += self._receive()
        return int(head[9:12]), body

    def _receive(self) -> bytes:
        part = self._socket.recv(RECEIVE_BYTES)
        if not part:
            raise ConnectionError("the service closed the connection")
        return part


def in_threads(count: int, work: Callable[[int], None]) -> float:
    """Run `work(number)` in `count` threads at once; seconds until the last has ended.

    Raises:
        RuntimeError: where one of them raised; carries the first error.
    """
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - told to the caller below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(f"{len(errors)} of {count} client threads failed: {errors[0]!r}") from errors[0]
    return time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of `values` do not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]
