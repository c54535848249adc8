"""A small client that costs little itself: kept connections, bodies made beforehand, one thread a connection."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

TIMEOUT_S = 60.0
HEADERS = {"Content-Type": "application/json"}


class Connection:
    """One kept connection to one service; for one thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._http.request("POST", path, body, HEADERS)
        response = self._http.getresponse()
        return response.status, response.read()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._http.request("GET", path)
        response = self._http.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        """Disconnect."""
        self._http.close()


def in_threads(count: int, work: Callable[[int], None]) -> float:
    """Run `work(number)` in `count` threads at once; seconds until the last has ended.

    Raises:
        RuntimeError: where one of them raised; carries the first error.
    """
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - told to the caller below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(f"{len(errors)} of {count} client threads failed: {errors[0]!r}") from errors[0]
    return time.perf_counter() - started


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of `values` do not exceed, by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered)) - 1))]
