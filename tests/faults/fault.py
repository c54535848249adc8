"""What a fault is: something that goes wrong with a part of the laboratory for a while, and is mended."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.faults.laboratory import Laboratory

BOTH = frozenset({"rabbitmq", "embedded"})


class Fault:
    """One fault. An instance belongs to one round.

    Attributes:
        name: for tables and for `--fault`.
        words: what happens, for people.
        touches: the parts that it changes; two faults that share one are never put together.
        brokers: with which it can happen.
        hold_s: how long it lasts at least and at most.
        needs: what the machine must have for it: "mount", "libfaketime" or nothing.
        client_waits: whether it keeps answers from the client by itself, so that a slow one proves nothing.
    """

    name = ""
    words = ""
    touches: frozenset[str] = frozenset()
    brokers = BOTH
    hold_s = (1.0, 6.0)
    needs = ""
    client_waits = False

    def prepare(self, lab: Laboratory) -> None:
        """Make it possible, before the load starts."""

    def strike(self, lab: Laboratory, rng: random.Random) -> None:
        """Let it happen."""
        raise NotImplementedError

    def heal(self, lab: Laboratory) -> None:
        """Mend it; nothing is to be left of it but its consequences."""
        raise NotImplementedError

    def finish(self, lab: Laboratory) -> None:
        """Undo `prepare`, after the round was judged."""


def fit_together(faults: Sequence[Fault]) -> bool:
    """Whether these can happen in the same round."""
    touched = [part for fault in faults for part in fault.touches]
    return len(touched) == len(set(touched))
