"""Between which times all logs lie, and about how many they are: what is not there need not be looked for."""

from __future__ import annotations

import threading

import pyarrow as pa
import pyarrow.compute as pc

# Of a store that holds nothing.
_NOTHING = (1 << 63, -(1 << 63))


class Extent:
    """Times that no stored log lies before or after; wider than need be after logs were deleted. Safe for threads.

    Args:
        found: the times of the oldest and the newest log, microseconds; None where there is none.
        logs: how many there are.
    """

    def __init__(self, found: tuple[int, int] | None, logs: int = 0) -> None:
        self._lock = threading.Lock()
        self._us = _NOTHING if found is None else found
        self._logs = logs

    @property
    def us(self) -> tuple[int, int]:
        """The first and the last time, microseconds."""
        return self._us

    @property
    def logs(self) -> int:
        """About how many there are: a block that failed, and logs that were deleted, are counted too."""
        return self._logs

    def widen(self, rows: pa.Table) -> None:
        """Take in rows; to be called before anybody can find them."""
        found = pc.min_max(rows["timestamp"].cast(pa.int64())).as_py()
        if found["min"] is not None:
            with self._lock:
                self._us = (min(self._us[0], found["min"]), max(self._us[1], found["max"]))
                self._logs += rows.num_rows

    def replace(self, found: tuple[int, int] | None, logs: int) -> None:
        """Begin anew with what is there, as in the constructor; to be called while nobody takes in rows."""
        with self._lock:
            self._us, self._logs = _NOTHING if found is None else found, logs

    def clear(self) -> None:
        """Start anew: the store is empty."""
        self.replace(None, 0)
