"""Sends batches on several threads, each until it is taken or refused: nothing is dropped, and memory is bounded."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from generator.outputs.protocol import Counts
from logmill.backoff import delay_s
from logmill.errors import LogmillError, Refused, Retry

_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 5.0

Parcel = TypeVar("Parcel")
Sent_contra = TypeVar("Sent_contra", contravariant=True)


class Transport(Protocol[Sent_contra]):
    """Sends one batch at a time; each thread has its own."""

    def send(self, parcel: Sent_contra) -> int:
        """Send a batch, under the same name each time; how many logs of it were refused.

        Raises:
            Retry: it was not taken, as far as is known.
            Refused: it never will be.
            LogmillError: no other would be.
        """

    def close(self) -> None:
        """Disconnect."""


class Shipper(Generic[Parcel]):
    """Batches on their way.

    Args:
        connect: makes the transport of a thread.
        count_of: how many logs a batch has.
        connections: how many threads send; as many batches may wait.

    Attributes:
        counts: what became of the logs.
    """

    def __init__(
        self, connect: Callable[[], Transport[Parcel]], count_of: Callable[[Parcel], int], connections: int
    ) -> None:
        self._connect = connect
        self._count_of = count_of
        self.counts = Counts()
        self._most = connections
        self._changed = threading.Condition()
        self._waiting: deque[Parcel] = deque()
        self._on_their_way = 0
        self._closing = threading.Event()
        self._failure: LogmillError | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"shipper-{number}", daemon=True) for number in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Return where there is hope.

        Raises:
            LogmillError: a thread found out that nothing will ever be taken.
        """
        if self._failure is not None:
            raise self._failure

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether a batch can be put, or can before the time is up.

        Raises:
            LogmillError: as in `check`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or len(self._waiting) < self._most, timeout_s)
            self.check()
            return len(self._waiting) < self._most

    def put(self, parcel: Parcel) -> None:
        """Hand a batch over where there is room; does not wait. With it others may come that are of the same logs."""
        with self._changed:
            self._waiting.append(parcel)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Whether all batches were taken or refused, or are before the time is up.

        Raises:
            LogmillError: as in `check`.
        """

        def is_done() -> bool:
            return not self._waiting and not self._on_their_way

        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or is_done(), timeout_s)
            self.check()
            return is_done()

    def close(self, timeout_s: float = 2.0) -> None:
        """Send nothing more."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        until_s = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))

    # From here on: the threads.

    def _run(self) -> None:
        transport = self._connect()
        try:
            while (parcel := self._next()) is not None:
                self._deliver(transport, parcel)
                with self._changed:
                    self._on_their_way -= 1
                    self._changed.notify_all()
        except LogmillError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, its batch is not out, and somebody must say so
            self._fail(LogmillError(f"a failure of the generator itself: {error!r}"))
        finally:
            transport.close()

    def _fail(self, error: LogmillError) -> None:
        with self._changed:
            self._on_their_way -= 1
            self._failure = error
            self._changed.notify_all()

    def _next(self) -> Parcel | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._closing.is_set())
            if self._closing.is_set():
                return None
            self._on_their_way += 1
            parcel = self._waiting.popleft()
            self._changed.notify_all()
            return parcel

    def _deliver(self, transport: Transport[Parcel], parcel: Parcel) -> None:
        attempt = 0
        while not self._closing.is_set():
            try:
                refused = transport.send(parcel)
            except Retry as error:
                attempt += 1
                with self._changed:
                    self.counts.retries += 1
                    self.counts.trouble = str(error)
                self._closing.wait(max(error.retry_after_s, delay_s(attempt, _FIRST_RETRY_S, _LONGEST_RETRY_S)))
            except Refused as error:
                with self._changed:
                    self.counts.refused += self._count_of(parcel)
                    self.counts.trouble = str(error)
                return
            else:
                with self._changed:
                    self.counts.done += self._count_of(parcel) - refused
                    self.counts.refused += refused
                return
