"""What each output does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from generator.log import Made


@dataclass(slots=True)
class Counts:
    """What became of logs.

    Attributes:
        done: written, or accepted by whoever they were sent to.
        refused: those that will never be taken.
        retries: sendings that failed and were tried again.
        trouble: the last failure or refusal, in words.
    """

    done: int = 0
    refused: int = 0
    retries: int = 0
    trouble: str = ""


class Output(Protocol):
    """Takes logs; one thread uses it. It holds a bounded number of them."""

    @property
    def counts(self) -> Counts:
        """What became of them so far."""

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether `write` can be called now, or before the time is up.

        Raises:
            OutputClosed: nobody takes anything any more.
            Stop: it cannot go on.
        """

    def write(self, made: Made) -> None:
        """Take these logs, at most some thousand; there is room. Does not wait.

        Raises:
            Stop: it cannot go on.
        """

    def flush(self, timeout_s: float) -> bool:
        """Have everything out, within this time; says whether it is. To be called again where it is not."""

    def push(self) -> None:
        """Send what has gathered for long enough; to be called now and again.

        Raises:
            Stop: as in `write`.
        """

    def close(self) -> None:
        """Let go; what is not out is lost, and not counted as done."""
