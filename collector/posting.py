"""One request to the producer, and what its answer means."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import requests
import zstandard

from collector.checkpoint_rows import Batch
from logmill import http_client
from logmill.errors import Retry
from logmill.intake import NDJSON

CONNECT_TIMEOUT_S = 5.0
# More than the producer waits for the broker's confirm.
ANSWER_TIMEOUT_S = 60.0
MAX_REASONS = 5
_CREATED, _TOO_LARGE = 201, 413
_REFUSED = frozenset({400, 422})
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
        if response.status_code == _CREATED and answer.accepted + answer.rejected > 0:
            reasons = [fault.message for fault in answer.errors[:MAX_REASONS]]
            is_replayed = response.headers.get("Idempotency-Replayed") == "true"
            return Posted(answer.accepted, answer.rejected, reasons, is_replayed)
        if response.status_code == _TOO_LARGE:
            return self._post_halves(key, compressed, answer)
        # Only a producer says which records it will never take; anything else may be a wrong address.
        if response.status_code in _REFUSED and answer.code:
            return Posted(0, plain(compressed).count(b"\n"), [answer.message or answer.code])
        self.retry_after_s = _seconds(response.headers.get("Retry-After", ""))
        words = answer.message if answer.code else f"{response.reason}; is there a producer at this address?"
        raise Retry(f"the producer answers {response.status_code}: {words}")

    def _post_halves(self, key: str, compressed: bytes, answer: _Answer) -> Posted:
        """A producer that takes less at once gets it in halves, whose keys are the same whenever that happens."""
        lines = plain(compressed).splitlines(keepends=True)
        if len(lines) < 2:  # noqa: PLR2004 - one cannot be halved
            return Posted(0, len(lines), [answer.message or "it is too large for this producer"])
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
