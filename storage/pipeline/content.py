"""What the logs of the last hour or two are, and what was rejected: counts by level, service, host and tag."""

from __future__ import annotations

from typing import Any

from logmill.cached import Cached
from logmill.errors import LogmillError
from logmill.timestamps import now_us
from storage import counting, render
from storage.search.filters import Between, Bounds
from storage.store import Store

# All counted by the hour in a projection, so that a look costs the same however many logs there are.
FIELDS = ("level", "service", "host", "tags")
# The most frequent of each.
MOST = 8
_MOST_CODES = 50
_AGE_S, _WAIT_S = 5.0, 2.5


class Content:
    """Read once in some seconds, however many look; safe for threads.

    Args:
        store: whose logs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read = Cached(self._look, _AGE_S, _WAIT_S)

    def shown(self) -> dict[str, Any]:
        """For JSON; values are null where nothing is known."""
        try:
            return self._read.get()
        except LogmillError:  # the engine is away, or others have been asking it for long
            return {"content": None, "rejected": None}

    def _look(self) -> dict[str, Any]:
        # From the beginning of the last whole hour on.
        since_us = (now_us() // counting.HOUR_US - 1) * counting.HOUR_US
        found = self._store.top(Between("timestamp", Bounds(since_us)), FIELDS, MOST)
        codes = self._store.rejections.counts(_MOST_CODES)
        return {
            "content": {
                "since": render.time_text(since_us),
                **{
                    name: [{"value": render.counted_text(name, value), "count": count} for value, count in values]
                    for name, values in found.items()
                },
            },
            "rejected": [{"code": code, "count": count} for code, count in codes.items()],
        }
