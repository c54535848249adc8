"""A reader of server-sent events, strict and with a deadline for each, on a socket of its own."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

WAIT_S = 20.0
Event = tuple[str, str, Any]


class TailClient:
    """Asks on construction, and has the answer's status and headers then. Use it as a context manager.

    Args:
        port: of storage on this machine.
        receive_bytes: how much the kernel keeps for it; 0: as much as it likes.
        params: of the request.
    """

    def __init__(self, port: int, *, receive_bytes: int = 0, headers: str = "", **params: object) -> None:
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(WAIT_S)
        self.socket.connect(("127.0.0.1", port))
        query = urlencode(params, doseq=True)
        self.socket.sendall(f"GET /logs/tail?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        self._file = self.socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self._left = b""
        self.ended = False
        if self.status == 200:
            assert self._block() == [b": open", b"retry: 2000"]

    def events(self) -> Iterator[Event]:
        """Each event as it comes, its kind, id and decoded data; ends with the stream.

        Raises:
            TimeoutError: none came for WAIT_S.
        """
        deadline_s = time.monotonic() + WAIT_S
        while True:
            lines = self._block()
            if lines is None:
                return
            if all(line.startswith(b":") for line in lines):
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"no event for {WAIT_S} s")
                continue
            deadline_s = time.monotonic() + WAIT_S
            fields = [line.partition(b": ") for line in lines]
            names = [name for name, _, _ in fields]
            assert names in ([b"event", b"id", b"data"], [b"event", b"data"]), lines
            found = {name: value.decode() for name, _, value in fields}
            yield found[b"event"], found.get(b"id", ""), json.loads(found[b"data"])

    def take(self, count: int) -> list[Any]:
        """The data of the next `count` events."""
        stream = self.events()
        return [next(stream)[2] for _ in range(count)]

    def comment(self) -> str:
        """The next thing that comes, which must be a comment of one line."""
        [line] = self._block() or []
        assert line.startswith(b":")
        return line.decode()

    def body(self) -> Any:
        """The JSON of an answer that is no stream."""
        return json.loads(self._file.read(int(self.headers["content-length"])))

    def _block(self) -> list[bytes] | None:
        """The lines up to the next empty one; None at the end of the stream, which must lie between blocks."""
        while b"\n\n" not in self._left:
            chunk = self._chunk()
            if chunk is None:
                assert self._left == b""
                return None
            self._left += chunk
        block, _, self._left = self._left.partition(b"\n\n")
        assert b"\r" not in block
        return block.split(b"\n")

    def _chunk(self) -> bytes | None:
        """The next piece of a chunked body (RFC 9112, section 7.1), None at its end."""
        line = self._file.readline()
        if not line:
            raise ConnectionError("cut within the stream")
        size = int(line, 16)
        data = self._file.read(size)
        if len(data) < size:
            raise ConnectionError("cut within a piece")
        assert self._file.readline() == b"\r\n"
        self.ended = size == 0
        return data or None

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> TailClient:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
