"""What storage needs of an engine: whole-block inserts and reads with bound parameters, both in Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import pyarrow as pa

Value: TypeAlias = str | int | float | bool | Sequence[str]


class Engine(Protocol):
    """A ClickHouse that speaks SQL, wherever it runs.

    Any method may be called from any thread, several at a time. All raise `StorageUnavailable` where the same call may
    succeed later and `Refused` where the input is at fault; no error of a driver passes.
    """

    def insert(self, sql: str, stream: bytes | memoryview) -> None:
        """Insert one Arrow IPC stream as one part.

        When it returns the rows are on disk (fsync). When it raises, either all rows are stored or none is, and the
        caller cannot know which; but `Refused` promises that none is.

        Args:
            sql: `INSERT INTO table (columns)`, without settings or format.
            stream: rows of one partition, no more than `MAX_BLOCK_ROWS`.
        """

    def select(self, sql: str, params: Mapping[str, Value] | None = None) -> pa.Table:
        """The rows of a query whose values are bound: `{name:Type}` in `sql`, plain values in `params`.

        It is held to the `storage.reading.Reading` in force, and ends within some 0.1 s when that is cancelled.

        Raises:
            QueryTimeout: it took longer than the reading, or else the engine, was told to allow.
            QueryCancelled: the reading was cancelled.
            Refused: `too_large`, the answer is larger than the reading, or else the engine, was told to allow.
        """

    def run(self, sql: str) -> None:
        """Run a statement that has no result and no values."""

    def check(self) -> None:
        """Compare what is on disk with what the engine believes.

        Raises:
            StorageUnavailable: they differ; `damage` says where. Only opening the engine anew helps.
        """

    @property
    def damage(self) -> list[str]:
        """The parts that were found damaged, as of the last `insert` or `check`."""

    def free_bytes(self) -> int | None:
        """Room that is left on the disk it writes to, None where it cannot tell."""

    def close(self) -> None:
        """Let go of everything; calls under way may fail."""


# One INSERT must become one part: a block of this many rows stays below every limit at which the engine cuts.
MAX_BLOCK_ROWS = 1_000_000
