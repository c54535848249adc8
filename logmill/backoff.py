"""How long to wait before the next try."""

from __future__ import annotations

import random


def delay_s(attempt: int, first_s: float, longest_s: float) -> float:
    """Seconds before the try that follows `attempt` failed ones: doubling from `first_s`, capped, jittered.

    The jitter takes up to half off, so that many clients of one server do not come back at the same moment.
    """
    full = min(first_s * 2.0 ** min(attempt - 1, 30), longest_s)
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
