"""The errors that only storage raises."""

from __future__ import annotations

from logmill.errors import Retry


class QueryTimeout(Retry):
    """A query took longer than it may."""
