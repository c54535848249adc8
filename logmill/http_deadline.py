"""Connections whose answers must be whole within a time, however slowly they drip; without a thread that watches."""

from __future__ import annotations

import http.client
import io
import socket
import time
from functools import partial
from typing import Any

from requests.adapters import HTTPAdapter


class _Reader(io.RawIOBase):
    """Reads a socket until a time; then it fails as one whose own timeout is over."""

    def __init__(self, raw: Any, connection: socket.socket, deadline_s: float) -> None:
        self._raw = raw
        self._connection = connection
        self._deadline_s = deadline_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        # The timeout of a socket is between two bytes.
        self._connection.settimeout(left_s)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """As the original, read through a `_Reader`."""

    def __init__(self, sock: socket.socket, *args: Any, deadline_s: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        buffered: Any = self.fp
        self.fp = io.BufferedReader(_Reader(buffered.detach(), sock, deadline_s))


def within(connection_class: type[Any], timeout_s: float) -> type[Any]:
    """A class of connections as this one of urllib3's, whose answers end or fail with its ReadTimeoutError in time.

    Args:
        connection_class: for the `ConnectionCls` of a pool.
        timeout_s: from the end of the request to the end of the answer.
    """

    class Bounded(connection_class):  # type: ignore[misc]
        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:
                # What was left for the answer before is not all there is for this request.
                self.sock.settimeout(timeout_s)
            super().request(*args, **kwargs)

        def getresponse(self) -> Any:
            self.response_class = partial(_Response, deadline_s=time.monotonic() + timeout_s)
            return super().getresponse()

    return Bounded


class DeadlineAdapter(HTTPAdapter):
    """For a session of `requests`: see `within`. Connections are kept."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As the original."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = within(pool.ConnectionCls, self._timeout_s)
        return pool
