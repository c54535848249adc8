"""Records on their way to the broker: their ids, and when it has them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from uuid import UUID

from logmill.broker.protocol import Publisher
from logmill.errors import BrokerUnavailable
from logmill.ids import log_id

# The least that is waited between two looks at a broker that stalls.
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one submission in one batch: `indexes[k]` has the ordinal `first + k`."""

    batch_id: UUID
    first: int
    indexes: Sequence[int]
    confirmed: Future[None]


@dataclass(frozen=True, slots=True)
class Stall:
    """When to give up on a broker that is there but confirms nothing.

    Attributes:
        publisher: knows for how long it has confirmed nothing.
        timeout_s: how long that may be.
    """

    publisher: Publisher
    timeout_s: float

    def words(self) -> str:
        """What is wrong, in a few words; "" while all is well."""
        stalled_s = self.publisher.stalled_s
        return "" if stalled_s < self.timeout_s else f"stalled: nothing confirmed for {stalled_s:.1f} s"

    def left_s(self) -> float:
        """How long it may go on before it counts."""
        return max(_LOOK_S, self.timeout_s - self.publisher.stalled_s)


@dataclass(frozen=True, slots=True)
class Submission:
    """Records handed over together."""

    parts: Sequence[Part]
    stall: Stall

    def wait(self, timeout_s: float) -> None:
        """Return once the broker has every record on disk.

        Raises:
            BrokerUnavailable: it has not within `timeout_s`, it stalls, or the connection broke; some may be there all
                the same.
            BrokerFull: it refused them.
        """
        deadline_s = time.monotonic() + timeout_s
        for part in self.parts:
            self._wait_for(part, deadline_s, timeout_s)

    def _wait_for(self, part: Part, deadline_s: float, timeout_s: float) -> None:
        wait_s = self.stall.timeout_s
        while True:
            left_s = deadline_s - time.monotonic()
            try:
                return part.confirmed.result(max(0.0, min(wait_s, left_s)))
            except TimeoutError:
                if left_s <= wait_s:
                    raise BrokerUnavailable(f"the broker did not confirm within {timeout_s:g} s") from None
                words = self.stall.words()
                if words:
                    raise BrokerUnavailable(f"the broker is {words}") from None
                wait_s = self.stall.left_s()

    def log_ids(self) -> list[str]:
        """The id of each record, in the order they were submitted."""
        ids = [""] * sum(len(part.indexes) for part in self.parts)
        for part in self.parts:
            for ordinal, index in enumerate(part.indexes, part.first):
                ids[index] = log_id(part.batch_id, ordinal)
        return ids
