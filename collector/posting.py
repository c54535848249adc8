"""One request to the producer, and what its answer means."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import requests
import zstandard

from collector.checkpoint import Batch
from logmill import http_client
from logmill.errors import Retry
from logmill.intake import NDJSON

CONNECT_TIMEOUT_S = 5.0
# More than the producer waits for the broker's confirm.
ANSWER_TIMEOUT_S = 60.0
MAX_REASONS = 5
_CREATED, _BAD_REQUEST, _TOO_LARGE, _KEY_REUSED = 201, 400, 413, 422
_NOT_NOW = frozenset({401, 403, 404, 408, 421, 425, 429})
_FIRST_SERVER_ERROR = 500
MAX_RETRY_AFTER_S = 60.0


class Posted(msgspec.Struct, frozen=True):
    """What the producer said of a batch.

    Attributes:
        accepted: records that it has.
        rejected: records that it will never take.
        reasons: the first few reasons for that.
        is_replayed: whether it had the batch already.
    """

    accepted: int
    rejected: int = 0
    reasons: Sequence[str] = ()
    is_replayed: bool = False


class _Fault(msgspec.Struct):
    index: int = 0
    message: str = ""


class _Answer(msgspec.Struct):
    message: str = ""
    code: str = ""
    accepted: int = 0
    rejected: int = 0
    errors: list[_Fault] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Answer).decode


class Poster:
    """Requests of one thread, on one connection.

    Args:
        url: the producer's.
        key: the API key, "" for none.

    Attributes:
        retry_after_s: how long the producer asked to wait when it refused last.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url.rstrip('/')}/logs/batch"
        self._http = http_client.session(key)
        self._http.headers.update({"Content-Type": NDJSON, "Content-Encoding": "zstd"})
        self.retry_after_s = 0.0

    def post(self, batch: Batch) -> Posted:
        """Send a batch; it is stored once however often it is sent.

        Raises:
            Retry: the producer is away, full, or not to be had with these settings; says why.
        """
        return self._post(batch.key, batch.body)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, key: str, compressed: bytes) -> Posted:
        self.retry_after_s = 0.0
        try:
            response = self._http.post(
                self._url,
                data=compressed,
                headers={"Idempotency-Key": key},
                timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
                allow_redirects=False,
            )
        except requests.ConnectionError:
            raise Retry(f"the producer at {self._url} cannot be reached") from None
        except requests.RequestException as error:
            raise Retry(f"the producer at {self._url} does not answer: {type(error).__name__}") from None
        answer = _read(response)
        if response.status_code == _CREATED:
            reasons = [fault.message for fault in answer.errors[:MAX_REASONS]]
            is_replayed = response.headers.get("Idempotency-Replayed") == "true"
            return Posted(answer.accepted, answer.rejected, reasons, is_replayed)
        if response.status_code == _TOO_LARGE:
            return self._post_halves(key, compressed, answer)
        if response.status_code in _NOT_NOW or not _BAD_REQUEST <= response.status_code < _FIRST_SERVER_ERROR:
            self.retry_after_s = _seconds(response.headers.get("Retry-After", ""))
            raise Retry(f"the producer answers {response.status_code}: {answer.message or response.reason}")
        return Posted(0, plain(compressed).count(b"\n"), [answer.message or response.reason])

    def _post_halves(self, key: str, compressed: bytes, answer: _Answer) -> Posted:
        """A producer that takes less at once gets it in halves, whose keys are the same whenever that happens."""
        lines = plain(compressed).splitlines(keepends=True)
        if len(lines) < 2:  # noqa: PLR2004 - one cannot be halved
            return Posted(0, len(lines), [answer.message])
        middle = len(lines) // 2
        first, second = (
            self._post(f"{key}.{number}", zstandard.ZstdCompressor().compress(b"".join(half)))
            for number, half in enumerate((lines[:middle], lines[middle:]))
        )
        return Posted(
            first.accepted + second.accepted,
            first.rejected + second.rejected,
            [*first.reasons, *second.reasons][:MAX_REASONS],
        )


def plain(compressed: bytes) -> bytes:
    """The NDJSON of a batch."""
    return zstandard.ZstdDecompressor().decompress(compressed)


def _read(response: requests.Response) -> _Answer:
    try:
        return _decode(response.content)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return _Answer()


def _seconds(text: str) -> float:
    return min(float(text), MAX_RETRY_AFTER_S) if text.isdigit() else 0.0
