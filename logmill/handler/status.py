"""How a handler is doing, as numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HandlerStatus:
    """What became of the logs of this process so far.

    Attributes:
        taken: logs that were given to the handler and taken.
        accepted: those that the producer answered 201 for, with what earlier processes left.
        rejected: those that it refused, and that are gone.
        dropped: those for which there was no room, and that are gone.
        damaged: those that could not be read again from their file.
        queued: those that are not yet in a batch.
        memory_bytes: of batches in memory, compressed.
        spilled_bytes: of files of this process.
        spilled: logs in them.
        error: why the last request failed, "" where it did not.
    """

    taken: int
    accepted: int
    rejected: int
    dropped: int
    damaged: int
    queued: int
    memory_bytes: int
    spilled_bytes: int
    spilled: int
    error: str
