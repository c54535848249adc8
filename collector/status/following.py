"""What the status server asks of whoever follows the files and ships what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class FileState(msgspec.Struct, frozen=True):
    """How far one file was read and accepted.

    Attributes:
        path: as `Source.path` has it; "-" is standard input.
        present_path: where the file lies now, if elsewhere, as rotation moves it; else "".
        size_bytes: its length when it was last looked at.
        read_bytes: up to where it was read.
        accepted_bytes: up to where the producer has accepted it.
        lag_bytes: what of it is not accepted yet; in a compressed file, of what is known of it.
        is_rotated: whether it lies under another name now, or is deleted, and is read to its end.
        modified_at: when it last changed; None where that is not known.
        state: in a word or a few, such as "following" or "rotated"; what is amiss begins with "cannot".
    """

    path: str
    size_bytes: int
    read_bytes: int
    accepted_bytes: int
    lag_bytes: int
    is_rotated: bool = False
    modified_at: datetime | None = None
    state: str = "following"
    present_path: str = ""


class Shipping(msgspec.Struct, frozen=True):
    """What is on its way to the producer.

    Attributes:
        batches_in_flight: batches in the checkpoint that the producer has not accepted yet.
        oldest_in_flight_s: for how long the oldest of them is there; 0 where there is none.
        producer_state: "" where all is well, else in words what is amiss with the producer.
        producer_away_s: for how long that has been so.
    """

    batches_in_flight: int = 0
    oldest_in_flight_s: float = 0.0
    producer_state: str = ""
    producer_away_s: float = 0.0


class Following(Protocol):
    """Asked by the threads of the status server, about once a second while somebody looks; it must be quick."""

    def files(self) -> Sequence[FileState]:
        """Every file that is followed, in any order."""
        ...

    def shipping(self) -> Shipping:
        """What is on its way now."""
        ...
