"""What storage asks the producer: how its side of the pipeline is doing, and to look after dead letters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import requests

from logmill.errors import LogmillError, Retry
from logmill.http_client import Call
from logmill.settings import Settings
from logmill.urls import without_credentials

# To connect, and until it answers, which is more than the one second for which the producer waits for its broker.
LOOK_TIMEOUT_S = (0.5, 1.5)
CONNECT_TIMEOUT_S = 2.0
# No answer of the producer is nearly as long: a thousand letters with all their reasons.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_TOO_LONG = "its answer takes too long"
_OK = 200
_SERVER_ERRORS = 500
_MAY_BE_DONE = "; what was asked may be done all the same"


class LaneDepth(msgspec.Struct, frozen=True):
    """One lane, as the producer sees it.

    Attributes:
        lane: its name.
        messages: those that wait to be delivered.
        unacknowledged: those that are with processors.
        bytes: bodies of both.
        accepted: logs taken for it since the producer was started.

    All but the last are None where the broker is away or does not tell.
    """

    lane: str
    messages: int | None = None
    unacknowledged: int | None = None
    bytes: int | None = None
    accepted: int | None = None


class BrokerState(msgspec.Struct, frozen=True):
    """The broker, as the producer sees it."""

    kind: str
    reachable: bool
    reason: str = ""


class _Dead(msgspec.Struct, frozen=True):
    count: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    """What GET /pipeline of the producer answers."""

    ready: bool
    reason: str
    broker: BrokerState
    lanes: list[LaneDepth]
    dead: _Dead


@dataclass(frozen=True, slots=True)
class Look:
    """What the producer said when it was asked.

    Attributes:
        at_s: when, on the monotonic clock.
        is_reachable: whether it said anything of use; everything below is empty where it did not.
        reason: why it is not reachable or not ready, "" where it is both.
        is_ready: whether it takes logs.
        broker: its broker.
        lanes: each lane.
        dead: how many dead letters there are, None where that is not known.
    """

    at_s: float
    is_reachable: bool
    reason: str
    is_ready: bool = False
    broker: BrokerState | None = None
    lanes: list[LaneDepth] = field(default_factory=list)
    dead: int | None = None

    @property
    def accepted(self) -> int | None:
        """Logs that the producer took since it was started, of all lanes; None where that is not known."""
        counts = [lane.accepted for lane in self.lanes if lane.accepted is not None]
        return sum(counts) if counts else None


@dataclass(frozen=True, slots=True)
class Passed:
    """An answer of the producer to be passed on: status, JSON, and the headers that matter."""

    status: int
    body: bytes
    headers: dict[str, str]


class BadAnswer(LogmillError):
    """The producer answered something that cannot be passed on."""


class _NoAnswer(Exception):
    """It cannot be reached, or does not answer; `is_sent` where it may have got the request."""

    def __init__(self, words: str, *, is_sent: bool, is_timeout: bool) -> None:
        super().__init__(words)
        self.is_sent = is_sent
        self.is_timeout = is_timeout


class ProducerClient:
    """Asks the producer that the settings name, with storage's own key; never another address, nor where one points."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.producer_url.rstrip("/")
        self._api_key = settings.api_key
        self.url = without_credentials(self._base)

    def look(self) -> Look:
        """How it is doing; takes some two seconds at most, unless its name takes longer to be resolved."""
        try:
            response, body = self._request("GET", "/pipeline", LOOK_TIMEOUT_S)
        except (_NoAnswer, BadAnswer) as error:
            return away(str(error))
        if response.status_code != _OK:
            return away(_refusal(response.status_code, body))
        try:
            found = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return away("what answers there is no producer of this version")
        return Look(
            at_s=time.monotonic(),
            is_reachable=True,
            reason=found.reason or found.broker.reason,
            is_ready=found.ready,
            broker=found.broker,
            lanes=found.lanes,
            dead=found.dead.count,
        )

    def get(self, path: str, params: Mapping[str, str], timeout_s: float) -> Passed:
        """As `post`, for a request without a body."""
        return self._pass_on("GET", path, timeout_s, params=params)

    def post(self, path: str, body: bytes, timeout_s: float) -> Passed:
        """What the producer answers to this; from any thread.

        Args:
            path: of the producer's, made by this program.
            body: JSON.
            timeout_s: how long the producer may take.

        Raises:
            Retry: it is away, or did not answer in time.
            BadAnswer: it answered no JSON, or does not let storage in.

        The message of either says where what was asked may be done all the same.
        """
        return self._pass_on("POST", path, timeout_s, body=body)

    def _pass_on(
        self,
        method: str,
        path: str,
        timeout_s: float,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Passed:
        may_be_done = "" if body is None else _MAY_BE_DONE
        try:
            response, answer = self._request(method, path, (CONNECT_TIMEOUT_S, timeout_s), params, body)
        except BadAnswer as error:
            raise BadAnswer(f"{error}{may_be_done}") from None
        except _NoAnswer as error:
            words = f"the producer is away: {error}"
            if error.is_sent and error.is_timeout:
                words = f"the producer did not answer within {timeout_s:g} s"
            after_s = 5 if error.is_timeout else 1
            raise Retry(words + (may_be_done if error.is_sent else ""), retry_after_s=after_s) from None
        if not _is_json(answer) or response.status_code not in _PASSED_ON:
            # What is refused is not done.
            is_refused = response.status_code != _OK and response.status_code < _SERVER_ERRORS
            words = f"the producer cannot be asked: {_refusal(response.status_code, answer)}"
            raise BadAnswer(words + ("" if is_refused else may_be_done))
        retry = response.headers.get("Retry-After")
        return Passed(response.status_code, answer, {} if retry is None else {"Retry-After": retry})

    def _request(
        self,
        method: str,
        path: str,
        timeout_s: tuple[float, float],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[requests.Response, bytes]:
        """One request over a connection of its own: the producer would wait for one that is kept when it stops.

        Raises:
            BadAnswer: the answer is too long, or takes too long.
            _NoAnswer: there is none.
        """
        until_s = time.monotonic() + sum(timeout_s)
        headers = {"Connection": "close"} | ({} if body is None else {"Content-Type": "application/json"})
        call = Call(self._api_key)
        try:
            with (
                call.within(sum(timeout_s)) as session,
                session.request(
                    method,
                    f"{self._base}{path}",
                    params=params,
                    data=body,
                    headers=headers,
                    timeout=timeout_s,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                return response, _read(response, until_s)
        except requests.RequestException as error:
            if time.monotonic() > until_s:
                raise BadAnswer(_TOO_LONG) from None
            is_timeout = isinstance(error, requests.Timeout)
            raise _NoAnswer(_words(error), is_sent=call.is_sent, is_timeout=is_timeout) from None


# What the producer says of dead letters. The rest is about storage and the producer, and not for who asked storage:
# a 401 would make a browser ask for another key.
_PASSED_ON = frozenset({200, 400, 404, 413, 415, 422, 503})


def away(reason: str) -> Look:
    """What there is to say where the producer said nothing."""
    return Look(at_s=time.monotonic(), is_reachable=False, reason=reason)


def _read(response: requests.Response, until_s: float) -> bytes:
    """The body of an answer; BadAnswer where it is too long, or has not come by then."""
    body = bytearray()
    for piece in response.iter_content(_PIECE_BYTES):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise BadAnswer("its answer is too long")
    # Also where it ends early, as one that was cut does.
    if time.monotonic() > until_s:
        raise BadAnswer(_TOO_LONG)
    return bytes(body)


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _refusal(status: int, body: bytes) -> str:
    """Why an answer is of no use, with the producer's own words where it has some."""
    try:
        message = str(msgspec.json.decode(body)["message"])[:300]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        message = "without a reason"
    return f"it answered {status}: {message}"


def _words(error: requests.RequestException) -> str:
    """What went wrong, in a few words without addresses."""
    if isinstance(error, requests.Timeout):
        return "it does not answer"
    if isinstance(error, requests.ConnectionError):
        return "it cannot be reached"
    return type(error).__name__
