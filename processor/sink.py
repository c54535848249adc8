"""Hands blocks to storage over one kept connection, and keeps trying while storage is away or full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import requests
import structlog

from logmill import http_client
from logmill.backoff import delay_s
from logmill.errors import Refused, StorageUnavailable
from logmill.ingest import ARROW_STREAM, CHECK_HEADER
from logmill.settings import Settings
from processor.drain import Drain

log = structlog.get_logger()

FIRST_DELAY_S, LONGEST_DELAY_S = 0.2, 10.0
CONNECT_TIMEOUT_S = 3.0
# Answers that mean "not now", 499 (the client closed the request) from a proxy between too; every other 4xx means that
# this block will never be taken.
NOT_NOW = frozenset({401, 403, 404, 408, 425, 429, 499})
STORED = frozenset({200, 201})
CHECK_TIMEOUT_S = 3.0
REJECTIONS_A_CALL = 10_000


class Stored(msgspec.Struct, frozen=True):
    """What storage did with a block: rows it stored, rows it had already, rows that it dropped with their day."""

    stored: int
    duplicates: int
    expired: int = 0


class StorageSink:
    """One worker's way to storage; used by one thread.

    Attributes:
        state: "ready", or in a few words what it waits for.
    """

    def __init__(self, settings: Settings, drain: Drain) -> None:
        self._base = settings.storage_url.rstrip("/")
        self._timeout_s = (CONNECT_TIMEOUT_S, settings.storage_timeout_s)
        self._drain = drain
        self._session = http_client.session(settings.api_key)
        self.state = "ready"

    def store(self, block: bytes, *, may_be_known: bool) -> Stored:
        """Return once storage has the block on disk, however long that takes.

        Args:
            block: an Arrow IPC stream.
            may_be_known: whether a batch of it may have been stored before; a second try always may.

        Raises:
            Refused: storage will never take it.
            StorageUnavailable: the time to stop has come; the block may or may not be stored.
        """
        headers = {"Content-Type": ARROW_STREAM}

        def post(attempt: int) -> requests.Response:
            check = {CHECK_HEADER: "1"} if may_be_known or attempt > 1 else {}
            return self._session.post(
                f"{self._base}/ingest", data=block, headers={**headers, **check}, timeout=self._timeout_s
            )

        return msgspec.json.decode(self._persist(post), type=Stored)

    def report_rejections(self, rejections: Sequence[dict[str, Any]]) -> None:
        """Have storage note what was rejected and why; errors as in `store`."""
        for start in range(0, len(rejections), REJECTIONS_A_CALL):
            self._report(msgspec.json.encode(rejections[start : start + REJECTIONS_A_CALL]))

    def _report(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}

        def post(_attempt: int) -> requests.Response:
            return self._session.post(f"{self._base}/rejections", data=body, headers=headers, timeout=self._timeout_s)

        self._persist(post)

    def check(self) -> None:
        """Ask storage whether it is ready.

        Raises:
            StorageUnavailable: it is not.
        """
        self._once(lambda _attempt: self._session.get(f"{self._base}/ready", timeout=CHECK_TIMEOUT_S), 1)

    def close(self) -> None:
        """Disconnect."""
        self._session.close()

    def _persist(self, post: Callable[[int], requests.Response]) -> bytes:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(post, attempt)
            except StorageUnavailable as error:
                wait_s = max(delay_s(attempt, FIRST_DELAY_S, LONGEST_DELAY_S), error.retry_after_s)
                log.warning("storage takes nothing", reason=str(error), attempt=attempt, retry_in_s=round(wait_s, 2))
                if self._drain.wait(wait_s):
                    raise

    def _once(self, post: Callable[[int], requests.Response], attempt: int) -> bytes:
        try:
            response = post(attempt)
        except requests.RequestException as error:
            raise self._unavailable(f"storage is away: {type(error).__name__}", 0.0) from None
        if response.status_code in STORED:
            self.state = "ready"
            return response.content
        reason = f"storage answered {response.status_code}: {_reason(response)}"
        if 400 <= response.status_code < 500 and response.status_code not in NOT_NOW:  # noqa: PLR2004 - a class of codes
            raise Refused(reason, code="refused_by_storage")
        raise self._unavailable(reason, _retry_after_s(response))

    def _unavailable(self, reason: str, retry_after_s: float) -> StorageUnavailable:
        self.state = reason
        return StorageUnavailable(reason, retry_after_s)


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason


def _retry_after_s(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), LONGEST_DELAY_S) if value.isdigit() else 0.0
