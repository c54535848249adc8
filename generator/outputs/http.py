"""Sends logs to a producer over HTTP, in batches with idempotency keys: what is sent again is stored once."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import requests
from urllib3.exceptions import LocationParseError
from urllib3.util.url import Url, parse_url

from generator.formats import Format
from generator.log import Made
from generator.outputs.batched import BatchedOutput, Batching
from generator.outputs.shipper import Shipper
from logmill import http_client
from logmill.errors import ConfigError, LogmillError, Refused, Retry
from logmill.http_deadline import DeadlineAdapter
from logmill.ids import new_batch_id
from logmill.urls import without_credentials

_CONNECT_TIMEOUT_S, _ANSWER_TIMEOUT_S = 5.0, 30.0
_CREATED = 201
# Those that another try may have better luck with; so may all from 500 on.
_TRY_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500
# Nothing else that is sent will be taken either: no key or a wrong one, or no producer.
_HOPELESS = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})
_SHOWN_CHARS = 200
# Failures that have one another as their cause.
_DEEPEST = 8
_LONGEST_RETRY_AFTER_S = 30.0


class _Answer(msgspec.Struct):
    """What is read of a producer's answer."""

    rejected: int = 0
    message: str = ""


_decode = msgspec.json.Decoder(_Answer).decode


@dataclass(frozen=True, slots=True)
class _Batch:
    key: str
    body: bytes
    count: int


class _Connection:
    """See `Transport`."""

    def __init__(self, url: str, content_type: str, api_key: str) -> None:
        self._url = url
        self._session = http_client.session(api_key)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter(_ANSWER_TIMEOUT_S))
        self._session.headers["Content-Type"] = content_type

    def send(self, parcel: _Batch) -> int:
        """See `Transport`."""
        try:
            response = self._session.post(
                self._url,
                data=parcel.body,
                headers={"Idempotency-Key": parcel.key},
                timeout=(_CONNECT_TIMEOUT_S, _ANSWER_TIMEOUT_S),
                allow_redirects=False,
            )
            content = response.content
        except requests.RequestException as error:
            raise Retry(f"the producer does not answer: {_why(error)}", retry_after_s=0.0) from None
        try:
            answer = _decode(content)
        except msgspec.DecodeError:
            answer = _Answer()
        status = response.status_code
        if status == _CREATED:
            return answer.rejected
        words = f"the producer answers {status}"
        if answer.message:
            words += f": {answer.message[:_SHOWN_CHARS]}"
        if status in _TRY_AGAIN or status >= _SERVER_ERROR:
            raise Retry(words, _retry_after_s(response.headers.get("Retry-After", "")))
        if status in _HOPELESS:
            raise LogmillError(words)
        raise Refused(words, code="refused", status=status)

    def close(self) -> None:
        """See `Transport`."""
        self._session.close()


def _why(error: BaseException) -> str:
    """What the system says of a connection, such as Connection refused; else the name of the failure."""
    name = type(error).__name__
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        if seen is None:
            break
        reason = getattr(seen, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    return name


def _retry_after_s(header: str) -> float:
    """How long a server asks to be left alone; it may also say it as a date, which ours does not."""
    return min(float(header), _LONGEST_RETRY_AFTER_S) if header.isdecimal() else 0.0


class _Bodies:
    """See `Gathering`."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._bodies: list[bytes] = []
        self._count = 0

    def add(self, made: Made) -> None:
        """See `Gathering`."""
        self._bodies.append(self._form.encode(made))
        self._count += len(made.logs)

    def take(self) -> list[_Batch]:
        """See `Gathering`."""
        batch = _Batch(str(new_batch_id()), b"".join(self._bodies), self._count)
        self._bodies, self._count = [], 0
        return [batch]


def http_output(form: Format, url: str, *, api_key: str, batching: Batching) -> BatchedOutput[_Batch]:
    """The output to a producer.

    Args:
        form: how logs are written.
        url: of the producer.
        api_key: its key, "" for none.
        batching: how logs travel.

    Raises:
        ConfigError: the address is none, or no producer reads this format.
    """
    try:
        parts = parse_url(url)
    except LocationParseError:
        parts = Url()
    if parts.scheme not in {"http", "https"} or not parts.host or parts.port == 0 or parts.query or parts.fragment:
        raise ConfigError(f"--producer: {without_credentials(url)!r} is no address as http://127.0.0.1:5000 is one")
    if not form.content_type:
        raise ConfigError("--producer: a producer reads json, text, access and logfmt")
    # Lines of an access log do not say whose they are.
    query = "?service=api-gateway" if form.only_requests else ""
    target = f"{url.rstrip('/')}/logs/batch{query}"
    shipper = Shipper(
        lambda: _Connection(target, form.content_type, api_key), lambda batch: batch.count, batching.connections
    )
    return BatchedOutput(_Bodies(form), shipper, batching)
