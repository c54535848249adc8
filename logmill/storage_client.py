"""Asking storage over HTTP, for commands: pages of logs, and the stream of a tail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec
import requests

from logmill import http_client
from logmill.errors import ExitCode, LogmillError, StorageUnavailable

Params: TypeAlias = Sequence[tuple[str, str]]
_Answer = TypeVar("_Answer")

PAGE_LOGS = 1000
CONNECT_TIMEOUT_S = 5.0
# Longer than a query may take by default.
ANSWER_TIMEOUT_S = 120.0
# A tail says something every few seconds.
SILENCE_TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 512 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_EVENT_BYTES = 64 * 1024 * 1024
_READ_BYTES = 64 * 1024
_CLIENT_ERRORS = range(400, 500)
_SUCCESS = (200, 201)


class Answered(LogmillError):
    """Storage answered with an error.

    Args:
        status: of HTTP.
        code: the error's short name.
        message: in words.
        position: in a search text, where it cannot be read; None for other errors.
    """

    def __init__(self, status: int, code: str, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.position = position
        self.exit_code = ExitCode.USAGE if status in _CLIENT_ERRORS else ExitCode.ERROR


class Page(msgspec.Struct, frozen=True):
    """A page of logs, newest first, each as its JSON."""

    logs: list[msgspec.Raw]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event.

    Attributes:
        kind: its name, "message" where it has none.
        data: its lines, joined.
    """

    kind: str
    data: bytes


class _Error(msgspec.Struct, frozen=True):
    code: str = "error"
    message: str = ""
    position: int | None = None


class StorageClient:
    """Asks one storage; used by one thread.

    Args:
        url: where it is.
        key: the API key, empty for none.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url.rstrip("/")
        self._http = http_client.session(key)

    def pages(self, params: Params, limit: int | None, page_logs: int = PAGE_LOGS) -> Iterator[Page]:
        """Page after page of what passes, newest first.

        Args:
            params: the filter, and which fields.
            limit: logs at most, None for all.
            page_logs: logs a page at most.

        Raises:
            Answered: it answered with an error.
            StorageUnavailable: it did not answer.
        """
        cursor: str | None = ""
        left = limit
        while cursor is not None and left != 0:
            count = page_logs if left is None else min(left, page_logs)
            page = self.ask("/logs", [*params, ("limit", str(count)), ("cursor", cursor)], Page)
            yield page
            cursor = page.next_cursor
            left = None if left is None else left - len(page.logs)

    def follow(self, params: Params) -> Iterator[list[Event]]:
        """The events of a tail as they come, those that came together in one list; an empty one at least every while.

        The first list is empty, and says that the tail is open. Ends where storage ends the stream.

        Raises:
            Answered: it answered with an error.
            StorageUnavailable: it did not answer, or the connection was lost.
        """
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        with self._request("GET", "/logs/tail", params, SILENCE_TIMEOUT_S, headers) as response:
            yield []
            parser = EventParser()
            try:
                for data in response.iter_content(_READ_BYTES):
                    yield parser.feed(data)
            except requests.RequestException:
                raise StorageUnavailable("the connection to storage was lost") from None

    def ask(self, path: str, params: Params, kind: type[_Answer]) -> _Answer:
        """The answer of a read.

        Args:
            path: from the root on.
            params: of the request.
            kind: what the answer must be.

        Raises:
            Answered: it answered with an error.
            StorageUnavailable: it did not answer.
            LogmillError: it answered something else.
        """
        with self._request("GET", path, params, ANSWER_TIMEOUT_S) as response:
            return self._read_as(kind, response)

    def change(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer to a request that changes something.

        Args:
            method: of the request.
            path: from the root on.
            body: sent as JSON; None for none.

        Raises:
            Answered, StorageUnavailable, LogmillError: as `ask`.
        """
        with self._request(method, path, (), ANSWER_TIMEOUT_S, body=body) as response:
            return self._read_as(dict[str, Any], response)

    def send(self, path: str, body: bytes, headers: dict[str, str], kind: type[_Answer]) -> _Answer:
        """The answer to a body that is sent as it is.

        Args:
            path: from the root on.
            body: the bytes.
            headers: what they are.
            kind: what the answer must be.

        Raises:
            Answered, StorageUnavailable, LogmillError: as `ask`.
        """
        with self._request("POST", path, (), ANSWER_TIMEOUT_S, headers, data=body) as response:
            return self._read_as(kind, response)

    def _read_as(self, kind: type[_Answer], response: requests.Response) -> _Answer:
        body = _read(response, MAX_ANSWER_BYTES)
        if len(body) > MAX_ANSWER_BYTES:
            raise LogmillError(f"the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB; ask for fewer logs or fields")
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LogmillError(f"{self._url} gave no answer of storage: {error}") from None

    def _request(
        self,
        method: str,
        path: str,
        params: Params,
        timeout_s: float,
        headers: dict[str, str] | None = None,
        body: Any = None,
        data: bytes | None = None,
    ) -> requests.Response:
        try:
            response = self._http.request(
                method,
                self._url + path,
                params=list(params),
                headers=headers,
                json=body,
                data=data,
                timeout=(CONNECT_TIMEOUT_S, timeout_s),
                stream=True,
                allow_redirects=False,
            )
        except requests.Timeout:
            raise StorageUnavailable(f"storage at {self._url} does not answer") from None
        except requests.ConnectionError:
            raise StorageUnavailable(f"storage is not running at {self._url}") from None
        except requests.RequestException as error:
            raise LogmillError(f"storage cannot be asked at {self._url}: {error}") from None
        if response.status_code not in _SUCCESS:
            with response:
                raise self._error(response)
        return response

    def _error(self, response: requests.Response) -> Answered:
        try:
            found = msgspec.json.decode(_read(response, MAX_ERROR_BYTES), type=_Error)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = _Error()
        status = response.status_code
        message = found.message or f"{self._url} answers {status} {response.reason}"
        return Answered(status, found.code, message, found.position)


class EventParser:
    """Takes the bytes of a stream of events in any pieces (the HTML standard, section 9.2.6, but for lone CRs)."""

    def __init__(self) -> None:
        self._left = bytearray()
        self._looked = 0

    def feed(self, data: bytes) -> list[Event]:
        """The events that are whole now.

        Raises:
            LogmillError: one is longer than MAX_EVENT_BYTES.
        """
        self._left += data
        found = []
        start = 0
        while (end := self._left.find(b"\n\n", max(start, self._looked))) >= 0:
            event = _event(bytes(self._left[start:end]))
            if event is not None:
                found.append(event)
            start = self._looked = end + 2
        del self._left[:start]
        self._looked = max(0, len(self._left) - 1)
        if len(self._left) > MAX_EVENT_BYTES:
            raise LogmillError(f"storage sent an event that is longer than {MAX_EVENT_BYTES >> 20} MiB")
        return found


def _event(block: bytes) -> Event | None:
    """The event of a block of lines; None where they are only comments and other fields."""
    kind, data = "message", []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            kind = value.decode("utf-8", "replace")
        elif name == b"data":
            data.append(value)
    return Event(kind, b"\n".join(data)) if data else None


def _read(response: requests.Response, max_bytes: int) -> bytes:
    """The body, or a little more than `max_bytes` of it.

    Raises:
        StorageUnavailable: it was cut off, or did not come in time.
    """
    body = bytearray()
    try:
        for data in response.iter_content(_READ_BYTES):
            body += data
            if len(body) > max_bytes:
                break
    except requests.RequestException:
        raise StorageUnavailable("the answer of storage was cut off") from None
    return bytes(body)
