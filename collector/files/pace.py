"""How often a file is looked at."""

from __future__ import annotations

# One that grew a moment ago, one that grew within a minute; the others as often as everything is.
HOT_S, WARM_S = 2.0, 60.0
HOT_INTERVAL_S, WARM_INTERVAL_S = 0.05, 0.25


def interval_s(idle_s: float, poll_interval_s: float) -> float:
    """When to look again at a file that has been silent for so long, in seconds from now.

    Args:
        idle_s: since something came.
        poll_interval_s: at the latest.
    """
    quick_s = HOT_INTERVAL_S if idle_s < HOT_S else WARM_INTERVAL_S
    return min(quick_s if idle_s < WARM_S else poll_interval_s, poll_interval_s)
