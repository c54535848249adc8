"""The errors that only storage raises."""

from __future__ import annotations

from logmill.errors import Retry


class QueryTimeout(Retry):
    """A query took longer than it may."""


class QueryCancelled(Retry):
    """Nobody waits for the answer any more."""


class TooManyExports(Retry):
    """As many exports as there may be at a time are under way."""
