"""How one service asks another over HTTP: with nothing of the environment between them, and at need within a time."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter


def session(api_key: str = "") -> requests.Session:
    """A session that goes where its addresses say, and sends the key and no other credentials.

    Proxies and .netrc of the environment, with which `requests` would replace the key, do not hold; its certificates
    (REQUESTS_CA_BUNDLE) do.

    Args:
        api_key: Logmill's own, "" for none.
    """
    found = requests.Session()
    # The address matters to proxies alone, which are not taken.
    found.verify = found.merge_environment_settings("http://localhost", {}, None, None, None)["verify"]
    found.trust_env = False
    if api_key:
        found.headers["Authorization"] = f"Bearer {api_key}"
    return found


class Cuttable(HTTPAdapter):
    """Connections that another thread can cut, for one request at a time.

    The timeouts of `requests` are between two bytes: against what drips they do not hold.

    Attributes:
        is_sent: whether there was a connection, so that all or part of a request may have arrived.
        is_cut: whether it was cut; what is being read then fails, or ends early.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_sent = False
        self.is_cut = False
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As the original, with connections that tell of their socket."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not getattr(pool.ConnectionCls, "tells", False):
            pool.ConnectionCls = self._telling(pool.ConnectionCls)
        return pool

    def cut(self) -> None:
        """Have the request under way fail, and those that follow until `renew`."""
        with self._lock:
            self.is_cut = True
            if self._connection is not None:
                _shut(self._connection)

    def renew(self) -> None:
        """Let requests through again."""
        with self._lock:
            self.is_cut = False

    def forget(self) -> None:
        """Know of no connection any more: what is cut from now on is that of a later request."""
        with self._lock:
            self._connection = None

    def _telling(self, kind: Any) -> Any:
        adapter = self

        class Telling(kind):  # type: ignore[misc]
            tells = True

            def connect(self) -> None:
                super().connect()
                adapter._connected(self.sock)

        return Telling

    def _connected(self, connection: socket.socket) -> None:
        with self._lock:
            self.is_sent = True
            self._connection = connection
            if self.is_cut:
                _shut(connection)


class Call(Cuttable):
    """One request on one connection, which is cut when its time is up.

    Args:
        api_key: as in `session`.
    """

    def __init__(self, api_key: str = "") -> None:
        super().__init__()
        self._api_key = api_key

    @contextmanager
    def within(self, timeout_s: float) -> Iterator[requests.Session]:
        """A session whose connection is cut once the time is up.

        Raises:
            requests.ConnectionError: there is no thread left to watch over it.
        """
        timer = threading.Timer(timeout_s, self.cut)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:
            raise requests.ConnectionError("no thread can be started") from None
        try:
            with session(self._api_key) as found:
                found.mount("http://", self)
                found.mount("https://", self)
                yield found
        finally:
            timer.cancel()
            self.forget()


def _shut(connection: socket.socket) -> None:
    """Have whoever reads or writes it in another thread fail at once."""
    with contextlib.suppress(OSError):
        # Not the method of a TLS socket, which would take the cipher from under the reader.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
