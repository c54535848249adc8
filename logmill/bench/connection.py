"""One kept connection to one service: a request and how it ended, which is never an exception."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from logmill import http_client
from logmill.http_deadline import within

CONNECT_TIMEOUT_S = 5.0
# What is kept of an answer; the rest is read and forgotten.
_KEEP_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024
_LONGEST_RETRY_S = 60.0
TIMEOUT, LOST = "timeout", "connection"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send.

    Attributes:
        name: under which it is counted.
        method: of HTTP.
        path: from the root on, with parameters.
        body: JSON; empty for none.
        logs: how many are in it.
    """

    name: str
    method: str
    path: str
    body: bytes = b""
    logs: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended.

    Attributes:
        status: of HTTP; 0 where there was no whole answer.
        body: at most a megabyte of it.
        received_bytes: of the body.
        retry_after_s: what it said; 0 where it said nothing.
        trouble: why there is no answer: TIMEOUT or LOST; "" where there is one.
    """

    status: int = 0
    body: bytes = b""
    received_bytes: int = 0
    retry_after_s: float = 0.0
    trouble: str = ""


class Connection:
    """Sends requests one after the other; nothing is sent twice, and no redirect followed.

    `requests` takes twice as much CPU a request, which would be that of the service where both share a machine.

    Args:
        url: of the service.
        key: the API key, "" for none.
        timeout_s: how long an answer may take.
    """

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self._prefix = urlsplit(url).path.rstrip("/")
        self._timeout_s = timeout_s
        self._timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, timeout_s), read=timeout_s)
        self._headers = {"User-Agent": "logmill-bench", "Accept-Encoding": "identity"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        # The certificates that all of Logmill's requests go by.
        verify = http_client.session().verify
        more: dict[str, Any] = {"ca_certs": verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH}
        self._pool: Any = urllib3.connection_from_url(
            url, maxsize=1, retries=False, **(more if url.startswith("https") else {})
        )
        self._pool.ConnectionCls = within(self._pool.ConnectionCls, timeout_s)

    def ask(self, request: Request) -> Answer:
        """Send a request, and wait until it has ended."""
        headers = {**self._headers, "Content-Type": "application/json"} if request.body else self._headers
        deadline_s = time.monotonic() + self._timeout_s
        try:
            response = self._pool.urlopen(
                request.method,
                self._prefix + request.path,
                body=request.body or None,
                headers=headers,
                redirect=False,
                timeout=self._timeout,
                preload_content=False,
            )
            try:
                return _read(response, deadline_s)
            finally:
                response.release_conn()
        except urllib3.exceptions.TimeoutError as error:
            # One that cannot connect was not heard at all.
            return Answer(trouble=LOST if isinstance(error, urllib3.exceptions.ConnectTimeoutError) else TIMEOUT)
        except (HTTPError, OSError):
            return Answer(trouble=LOST)

    def close(self) -> None:
        """Disconnect."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(response: urllib3.BaseHTTPResponse, deadline_s: float) -> Answer:
    kept = bytearray()
    received = 0
    while data := response.read(_READ_BYTES):
        received += len(data)
        kept += data[: _KEEP_BYTES - len(kept)]
        if time.monotonic() > deadline_s:
            response.close()
            return Answer(received_bytes=received, trouble=TIMEOUT)
    return Answer(response.status, bytes(kept), received, _seconds(response.headers.get("Retry-After", "")))


def _seconds(text: str) -> float:
    return min(float(text), _LONGEST_RETRY_S) if text.isascii() and text.isdigit() else 0.0
