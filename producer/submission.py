"""Records on their way to the broker: their ids, and when it has them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from hashlib import blake2b
from uuid import UUID

from logmill.broker.protocol import Publisher
from logmill.errors import BrokerUnavailable
from logmill.ids import log_id
from logmill.record import Lane

# The least that is waited between two looks at a broker that stalls.
_LOOK_S = 0.02
# What is left at least of the time that a broker may stall, however much of it a request has spent before.
_LEAST_STALL_S = 0.1
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one submission in one batch of one lane: `indexes[k]` has the ordinal `first + k`."""

    lane: Lane
    batch_id: UUID
    first: int
    indexes: Sequence[int]
    confirmed: Future[None]


@dataclass(frozen=True, slots=True)
class Stall:
    """When to give up on a broker that is there but confirms nothing in a lane.

    Attributes:
        publisher: knows for how long it has confirmed nothing.
        timeout_s: how long that may be.
    """

    publisher: Publisher
    timeout_s: float

    def words(self, lanes: Iterable[Lane]) -> str:
        """What is wrong with any of these lanes, in a few words; "" while all is well."""
        stalled_s = {lane: self.publisher.stalled_s(lane) for lane in lanes}
        found = {lane: time_s for lane, time_s in stalled_s.items() if time_s >= self.timeout_s}
        if not found:
            return ""
        return f"stalled: nothing confirmed for {max(found.values()):.1f} s in {', '.join(sorted(found))}"

    def left_s(self, lane: Lane) -> float:
        """How long it may go on in this lane before it counts."""
        return max(_LOOK_S, self.timeout_s - self.publisher.stalled_s(lane))

    def less(self, spent_s: float) -> Stall:
        """The same for a request that has waited for other things already."""
        return replace(self, timeout_s=max(min(_LEAST_STALL_S, self.timeout_s), self.timeout_s - spent_s))


@dataclass(frozen=True, slots=True)
class Submission:
    """Records handed over together."""

    parts: Sequence[Part]
    stall: Stall

    def wait(self, timeout_s: float, spent_s: float = 0.0) -> None:
        """Return once the broker has every record on disk.

        Args:
            timeout_s: how long to wait at most.
            spent_s: how long the request has waited for other things; so much less is a stall waited for.

        Raises:
            BrokerUnavailable: it has not within `timeout_s`, it stalls in a lane of these records, or the connection
                broke; some may be there all the same.
            BrokerFull: it refused them.
        """
        deadline_s = time.monotonic() + timeout_s
        stall = self.stall.less(spent_s)
        for part in self.parts:
            _wait_for(part, stall, deadline_s, timeout_s)

    def digest(self) -> bytes:
        """A hash of the ids of the batches: the same only where the same records travel under the same ids."""
        return blake2b(b"".join(part.batch_id.bytes for part in self.parts), digest_size=_DIGEST_BYTES).digest()

    def log_ids(self) -> list[str]:
        """The id of each record, in the order they were submitted."""
        ids = [""] * sum(len(part.indexes) for part in self.parts)
        for part in self.parts:
            for ordinal, index in enumerate(part.indexes, part.first):
                ids[index] = log_id(part.batch_id, ordinal)
        return ids


def _wait_for(part: Part, stall: Stall, deadline_s: float, timeout_s: float) -> None:
    wait_s = stall.timeout_s
    while True:
        left_s = deadline_s - time.monotonic()
        try:
            error = part.confirmed.exception(max(0.0, min(wait_s, left_s)))
        except TimeoutError:
            if left_s <= wait_s:
                raise BrokerUnavailable(f"the broker did not confirm within {timeout_s:g} s") from None
            words = stall.words([part.lane])
            if words:
                raise BrokerUnavailable(f"the broker is {words}") from None
            wait_s = stall.left_s(part.lane)
        else:
            if error is not None:
                raise _own(error) from error
            return


def _own(error: BaseException) -> BaseException:
    """An error like this for one thread alone: all who share a batch share its error, and raising changes an error."""
    own = type(error).__new__(type(error), *error.args)
    own.__dict__.update(error.__dict__)
    return own
