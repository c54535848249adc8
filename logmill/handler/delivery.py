"""One batch, one request to the producer, and what its answer means."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any

import requests

from logmill import __version__
from logmill.handler.batches import Batch
from logmill.handler.own_threads import own_thread
from logmill.http_client import Cuttable, session

PATH = "/logs/batch"
MAX_RETRY_AFTER_S = 300.0
_MAX_ANSWER_BYTES = 4 * 1024 * 1024
_PART_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 5.0
# How many times as long as the producer may be silent a request may take in all.
_TIMES_SILENT = 3
_SLOW = "it does not answer in time"
_OK = range(200, 300)
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_TOO_LARGE = 413
# Answers of the producer that are about what was sent, and stay the same; but not with these codes.
_ABOUT_THE_BODY = frozenset({400, 415, 422})
_PASSING = frozenset({"truncated", "timeout"})
_PASSING_STATUS = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_REDIRECTIONS = range(300, 400)
# A server that does not know this path, or no POST at all.
_ELSEWHERE = frozenset({404, 405, 501})
_ADVICE = "set url to the address of Logmill's producer, such as http://localhost:5000, without /logs/batch"


class Verdict(Enum):
    """What is to be done with a batch."""

    SETTLED = auto()  # it was answered for good
    LATER = auto()  # the same may succeed in a moment
    BLOCKED = auto()  # the same may succeed when somebody has changed something
    TOO_LARGE = auto()  # in smaller parts it may succeed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request.

    Attributes:
        verdict: what is to be done.
        accepted: logs that the producer took.
        rejected: logs that it refused for good.
        reason: why not all were taken, in words.
        retry_after_s: when the producer wants to be asked again, None where it did not say.
    """

    verdict: Verdict
    accepted: int = 0
    rejected: int = 0
    reason: str = ""
    retry_after_s: float | None = None


class Delivery:
    """Sends batches over a kept connection; for one thread.

    Args:
        url: of the producer.
        api_key: "" for none.
        timeout_s: how long the producer may be silent; a request may take a few times as long.
    """

    def __init__(self, url: str, api_key: str, timeout_s: float) -> None:
        self._url = url.rstrip("/") + PATH
        self._timeout = (min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._limit_s = _TIMES_SILENT * timeout_s
        self._began_s: float | None = None
        self._adapter = Cuttable()
        self._session = session(api_key)
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)
        self._session.headers["User-Agent"] = f"logmill-handler/{__version__}"

    def post(self, batch: Batch) -> Outcome:
        """Send a batch; every error is an outcome."""
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": batch.key,
        }
        self._adapter.renew()
        self._began_s = time.monotonic()
        try:
            with (
                own_thread(),
                self._session.post(
                    self._url, batch.body, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
                ) as answer,
            ):
                outcome = judge(batch, answer.status_code, _read(answer), answer.headers.get("Retry-After"))
                # What was cut among its headers looks like a whole answer without a body.
                is_whole = outcome.verdict is Verdict.SETTLED or not self._adapter.is_cut
                return outcome if is_whole else Outcome(Verdict.LATER, reason=_SLOW)
        except Exception as error:  # noqa: BLE001 - beside requests' own, urllib3's come through where an answer is read
            return Outcome(Verdict.LATER, reason=_SLOW if self._adapter.is_cut else _words(error))
        finally:
            self._began_s = None

    def cut_if_late(self) -> None:
        """Have a request fail that takes too long in all; another thread calls this now and then."""
        began_s = self._began_s
        if began_s is not None and time.monotonic() - began_s > self._limit_s:
            self._adapter.cut()

    def close(self) -> None:
        """Disconnect."""
        self._session.close()


def _read(answer: requests.Response) -> bytes:
    """The body, or its beginning where it is longer than any of the producer's."""
    found = bytearray()
    for part in answer.iter_content(_PART_BYTES):
        found += part
        if len(found) > _MAX_ANSWER_BYTES:
            break
    return bytes(found)


def judge(batch: Batch, status: int, text: bytes, retry_after: str | None) -> Outcome:
    """What an answer means.

    Args:
        batch: what was sent.
        status: of the answer.
        text: its body.
        retry_after: its header.
    """
    body = _object(text)
    message = str(body.get("message") or "")[:500]
    if status in _OK:
        if isinstance(body.get("accepted"), int):
            rejected = body.get("rejected")
            rejected = rejected if isinstance(rejected, int) else 0
            return Outcome(Verdict.SETTLED, body["accepted"], rejected, _first_fault(body))
        return Outcome(Verdict.BLOCKED, reason=_no_producer(status))
    wait_s = _retry_after_s(retry_after)
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Outcome(
            Verdict.BLOCKED, reason=f"it refuses the API key ({status}): check api_key", retry_after_s=wait_s
        )
    if status == _TOO_LARGE:
        return Outcome(Verdict.TOO_LARGE, reason=message or "a request is too large for it (413)")
    if status in _ABOUT_THE_BODY and body.get("status") == "error" and body.get("code") not in _PASSING:
        return Outcome(Verdict.SETTLED, 0, batch.records, _first_fault(body) or f"{message} ({status})")
    passes = status >= _SERVER_ERROR or status in _PASSING_STATUS or body.get("code") in _PASSING
    passes = passes and status not in _ELSEWHERE
    is_ours = body.get("status") == "error"
    reason = _answered(status, message) if passes else _why_blocked(status, message, is_ours=is_ours)
    return Outcome(Verdict.LATER if passes else Verdict.BLOCKED, reason=reason, retry_after_s=wait_s)


def _why_blocked(status: int, message: str, *, is_ours: bool) -> str:
    """What somebody must change, by an answer that is about no log; `is_ours` where it has the form of Logmill's."""
    if status in _REDIRECTIONS:
        return f"it redirects elsewhere ({status}), which is not followed; {_ADVICE}"
    if not is_ours:
        return _no_producer(status)
    return _answered(status, message) + (f"; {_ADVICE}" if status in _ELSEWHERE else "")


def _answered(status: int, message: str) -> str:
    return f"it answers {status}: {message}" if message else f"it answers {status}"


def _no_producer(status: int) -> str:
    return f"what answers ({status}) is no producer of Logmill; {_ADVICE}"


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _first_fault(body: dict[str, Any]) -> str:
    """What the answer says of the first item at fault; "" where it says nothing."""
    faults = body.get("errors")
    first = faults[0] if isinstance(faults, list) and faults else None
    return str(first.get("message") or "")[:500] if isinstance(first, dict) else ""


def _retry_after_s(header: str | None) -> float | None:
    """Seconds to wait by Retry-After (RFC 9110, section 10.2.3): a number of them, or a date."""
    if not header:
        return None
    try:
        wait_s = float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, wait_s), MAX_RETRY_AFTER_S)


def _words(error: BaseException) -> str:
    """Why a request failed, without what libraries put around it."""
    if isinstance(error, requests.Timeout):
        return _SLOW
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            break
        if isinstance(found, BadStatusLine) and not isinstance(found, RemoteDisconnected):
            return f"what answers speaks no HTTP; {_ADVICE}"
        if isinstance(found, ssl.SSLError):
            fault = found.reason or type(found).__name__
            return f"what answers speaks no TLS, or has no good certificate ({fault}): check url"
        if isinstance(found, OSError) and found.strerror:
            return f"it cannot be reached: {found.strerror}"
        found = found.__cause__ or found.__context__
    return f"it cannot be reached: {type(error).__name__}"
