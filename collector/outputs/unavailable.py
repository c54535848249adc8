"""The one way in which writing the local copy fails."""

from __future__ import annotations

from logmill.errors import Retry


class OutputUnavailable(Retry):
    """The local copy cannot be written: its disk is full, or away."""
