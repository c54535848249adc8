"""How fast the machine is just now, so that runs of another hour or machine can be compared."""

from __future__ import annotations

import statistics
import time

_ADDITIONS = 2_000_000
_ROUNDS = 7


def loop_ms() -> float:
    """The median time of a loop of 2,000,000 additions in Python, milliseconds."""
    took_s = []
    for _ in range(_ROUNDS):
        began_s = time.perf_counter()
        total = 0
        for number in range(_ADDITIONS):
            total += number
        took_s.append(time.perf_counter() - began_s)
    return round(statistics.median(took_s) * 1000, 1)
