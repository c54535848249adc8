"""Sends files of test results to the producer, each once however often it is tried."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from threading import local

import msgspec
import requests
import zstandard
from urllib3.filepost import encode_multipart_formdata

from logmill import http_client
from logmill.backoff import delay_s
from logmill.errors import LogmillError

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 60.0
# Some two minutes of a producer or a broker that is away.
MAX_TRIES = 12
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 20.0
_COMPRESSED_FROM_BYTES = 1024
_CREATED = 201
_NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """A file to be sent.

    Attributes:
        name: what it is called where it does not say so itself.
        body: what is in it.
        version: what tells it from another one of the same name and content, such as when it was written.
    """

    name: str
    body: bytes
    version: str

    @property
    def key(self) -> str:
        """The same each time that this file is sent, on every machine."""
        hashed = blake2b(digest_size=24)
        for part in (self.name.encode("utf-8", "surrogatepass"), self.version.encode(), self.body):
            hashed.update(len(part).to_bytes(8, "big"))
            hashed.update(part)
        return hashed.hexdigest()


class Sent(msgspec.Struct, frozen=True):
    """What the producer says of a file that it took.

    Attributes:
        results: how many it has.
        problem_count: what could not be read of it.
        log_id: of the file's own log.
        was_known: whether the producer knows that it took it before; one that has forgotten, or another one, does not.
    """

    results: int
    problem_count: int
    log_id: str
    was_known: bool = False


class _Error(msgspec.Struct, frozen=True):
    message: str = ""


class NotSent(LogmillError):
    """A file that the producer does not take, or that it could not be sent to."""


class ResultsClient:
    """Sends to one producer; used by any threads.

    Args:
        url: where it is.
        key: the API key, empty for none.
        service: whose tests they are; empty for the producer's default.
    """

    def __init__(self, url: str, key: str = "", service: str = "") -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._params = {"service": service} if service else {}
        self._own = local()

    def send_all(self, files: Iterable[ResultsFile], parallel: int) -> Iterator[tuple[ResultsFile, Sent | NotSent]]:
        """Send files, a few at a time and no more read ahead, and say of each what came of it, in their order."""
        with ThreadPoolExecutor(parallel) as pool:
            waiting = []
            for file in files:
                waiting.append((file, pool.submit(self._tried, file)))
                if len(waiting) > parallel:
                    first, sent = waiting.pop(0)
                    yield first, sent.result()
            for file, sent in waiting:
                yield file, sent.result()

    def send(self, file: ResultsFile) -> Sent:
        """Send a file; one that was sent before is taken once.

        Raises:
            NotSent: the producer does not take it, or is away for long.
        """
        # As a form: in it a file can have a name that gives way to the one that the file says itself.
        part = {"file": (file.name, file.body, "application/octet-stream")}
        body, content_type = encode_multipart_formdata(part, boundary=file.key)
        headers = {"Content-Type": content_type, "Idempotency-Key": file.key}
        if len(body) >= _COMPRESSED_FROM_BYTES:
            body, headers["Content-Encoding"] = zstandard.ZstdCompressor().compress(body), "zstd"
        reason = ""
        for attempt in range(1, MAX_TRIES + 1):
            try:
                answer = self._session().post(
                    f"{self._url}/files",
                    params=self._params,
                    data=body,
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
                    allow_redirects=False,
                )
            except requests.ConnectionError:
                reason, wait_s = f"the producer is not running at {self._url}", 0.0
            except requests.Timeout:
                reason, wait_s = f"the producer at {self._url} does not answer", 0.0
            except requests.RequestException as error:
                raise NotSent(f"the producer cannot be asked at {self._url}: {error}") from None
            else:
                if answer.status_code == _CREATED:
                    # After a try whose answer was lost the producer may know it from that one.
                    was_known = attempt == 1 and answer.headers.get("Idempotency-Replayed") == "true"
                    return msgspec.structs.replace(self._read(answer), was_known=was_known)
                reason = self._why(answer)
                if answer.status_code not in _NOT_NOW:
                    raise NotSent(reason)
                after = answer.headers.get("Retry-After", "")
                wait_s = min(float(after), LONGEST_DELAY_S) if after.isdecimal() else 0.0
            if attempt < MAX_TRIES:
                time.sleep(max(wait_s, delay_s(attempt, FIRST_DELAY_S, LONGEST_DELAY_S)))
        raise NotSent(f"{reason}, after {MAX_TRIES} tries")

    def _tried(self, file: ResultsFile) -> Sent | NotSent:
        try:
            return self.send(file)
        except NotSent as error:
            return error

    def _session(self) -> requests.Session:
        """One a thread: they are not made to be shared."""
        if not hasattr(self._own, "session"):
            self._own.session = http_client.session(self._key)
        found: requests.Session = self._own.session
        return found

    def _read(self, answer: requests.Response) -> Sent:
        try:
            return msgspec.json.decode(answer.content, type=Sent)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NotSent(f"{self._url} gave no answer of a producer") from None

    def _why(self, answer: requests.Response) -> str:
        try:
            message = msgspec.json.decode(answer.content, type=_Error).message
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = ""
        return message or f"{self._url} answers {answer.status_code} {answer.reason}"
