"""Local queues, one a lane, taken from by weight: urgent first, bulk never starving."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Generic, TypeVar

from logmill.broker.protocol import EVERY_LANE
from logmill.broker.topology import WEIGHTS
from logmill.record import Lane

T = TypeVar("T")


class Lanes(Generic[T]):
    """Items by lane; of n items taken while every lane has some, each lane gets its weight's share, evenly spread.

    This is smooth weighted round-robin as nginx does it, over the lanes that are not empty. A lane that was empty
    begins without a debt, so the first urgent item behind any backlog is taken next. Not thread-safe. The bound
    on its size is the consumer's prefetch.
    """

    def __init__(self) -> None:
        self._queues: dict[Lane, deque[T]] = {lane: deque() for lane in WEIGHTS}
        self._credit = dict.fromkeys(WEIGHTS, 0)

    def put(self, lane: Lane, item: T) -> None:
        """Add `item` at the end of its lane."""
        self._queues[lane].append(item)

    def take(self, lanes: Collection[Lane] = EVERY_LANE) -> T | None:
        """Remove and return the next of these lanes, None where they have none. The others neither gain nor lose."""
        filled = [lane for lane, queue in self._queues.items() if queue and lane in lanes]
        if not filled:
            return None
        for lane in filled:
            self._credit[lane] += WEIGHTS[lane]
        # On a tie `max` keeps the first, and WEIGHTS names the most pressing lane first.
        chosen = max(filled, key=self._credit.__getitem__)
        self._credit[chosen] -= sum(WEIGHTS[lane] for lane in filled)
        item = self._queues[chosen].popleft()
        if not self._queues[chosen]:
            self._credit[chosen] = 0
        return item

    def count(self, lane: Lane) -> int:
        """Items waiting in `lane`."""
        return len(self._queues[lane])

    def drain(self) -> list[T]:
        """Remove and return everything, in no particular order of lanes."""
        items = [item for queue in self._queues.values() for item in queue]
        self.clear()
        return items

    def clear(self) -> None:
        """Drop everything."""
        for lane, queue in self._queues.items():
            queue.clear()
            self._credit[lane] = 0
