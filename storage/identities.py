"""Which batches may have been stored already, and which are being stored now.

The rule of exactly once: a row is inserted without a look at the table only where this memory proves that its batch
was never tried before. It proves that for a UUIDv7 that is younger than everything the memory has forgotten, and than
everything that was stored before this process; every other batch is looked up. No clock is asked: a producer's that is
wrong costs a look, never a double.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from logmill.errors import StorageUnavailable

REMEMBERED = 200_000
NO_UUIDV7 = bytes(16)


class Identities:
    """The batches of one store; safe for threads.

    Args:
        newest: the largest UUIDv7 that was stored before this process; `NO_UUIDV7` where there are only ids of other
            kinds, None where nothing is stored at all.
        remembered: how many batch ids are kept.
    """

    def __init__(self, newest: bytes | None, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._changed = threading.Condition()
        self._in_flight: set[bytes] = set()
        self._tried: dict[bytes, None] = {}
        self._exclusive = False
        # Ids that are not younger than this may be stored without being remembered; -1 where nothing can be.
        self._horizon_ms = -1 if newest is None else _time_ms(newest)

    @contextmanager
    def claim(self, batch_ids: Collection[bytes], timeout_s: float) -> Iterator[None]:
        """Have these batches to oneself; whoever else posts one of them waits here.

        Raises:
            StorageUnavailable: another request still had one of them after `timeout_s`.
        """
        wanted = set(batch_ids)
        with self._changed:
            if not self._changed.wait_for(
                lambda: not self._exclusive and wanted.isdisjoint(self._in_flight), timeout_s
            ):
                raise StorageUnavailable("the same batch is being stored by another request", retry_after_s=1)
            self._in_flight |= wanted
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= wanted
                self._changed.notify_all()

    @contextmanager
    def alone(self, timeout_s: float) -> Iterator[None]:
        """Let no batch start, and wait until none is in flight.

        Raises:
            StorageUnavailable: others were still at work after `timeout_s`.
        """
        until_s = time.monotonic() + timeout_s
        with self._changed:
            if not self._changed.wait_for(lambda: not self._exclusive, timeout_s):
                raise StorageUnavailable("storage is busy", retry_after_s=1)
            # From here on none starts: under load there is no moment in which none is in flight by itself.
            self._exclusive = True
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: not self._in_flight, until_s - time.monotonic()):
                    raise StorageUnavailable("storage is busy", retry_after_s=1)
            yield
        finally:
            with self._changed:
                self._exclusive = False
                self._changed.notify_all()

    def maybe_stored(self, batch_ids: Collection[bytes]) -> list[bytes]:
        """Those that are not proven new."""
        with self._changed:
            return [batch_id for batch_id in batch_ids if batch_id in self._tried or not self._is_young(batch_id)]

    def remember(self, batch_ids: Collection[bytes]) -> None:
        """Note that an insert of these is tried, before it is: what comes of it may stay unknown."""
        with self._changed:
            for batch_id in batch_ids:
                self._tried.pop(batch_id, None)
                self._tried[batch_id] = None
            while len(self._tried) > self._remembered:
                forgotten = next(iter(self._tried))
                del self._tried[forgotten]
                self._horizon_ms = max(self._horizon_ms, _time_ms(forgotten))

    def forget_all(self) -> None:
        """Start anew: the store was cleared."""
        with self._changed:
            self._tried.clear()
            self._horizon_ms = -1

    def _is_young(self, batch_id: bytes) -> bool:
        # With an empty store and nothing forgotten, memory is complete for ids of any kind.
        return self._horizon_ms < 0 or (_is_v7(batch_id) and _time_ms(batch_id) > self._horizon_ms)


def _is_v7(batch_id: bytes) -> bool:
    """RFC 9562: version 7, variant 10."""
    return batch_id[6] >> 4 == 7 and batch_id[8] >> 6 == 0b10  # noqa: PLR2004


def _time_ms(batch_id: bytes) -> int:
    """The Unix milliseconds of a UUIDv7; 0 for other ids, which are never taken for young."""
    return int.from_bytes(batch_id[:6], "big") if _is_v7(batch_id) else 0
