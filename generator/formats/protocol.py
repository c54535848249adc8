"""What each format does."""

from __future__ import annotations

from typing import Protocol

from generator.log import Made


class Format(Protocol):
    """Writes logs as lines.

    Attributes:
        content_type: what a producer takes such lines as; "" where it does not.
        header: a line before all others, "" where there is none.
        only_requests: whether it can only write what the gateway answered.
    """

    content_type: str
    header: bytes
    only_requests: bool

    def encode(self, made: Made) -> bytes:
        """A line for each log, in their order, each with a line feed at its end."""
