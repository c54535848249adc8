"""How much a consumer takes at once from a connection that may break at once, as the last one did."""

from __future__ import annotations

# A connection that lasts so long is a good one.
STEADY_S = 2.0
_WARY_PREFETCH = 1


class Wariness:
    """Notes whether connections last; used by the connection's thread.

    A message that is on its way when a connection breaks was delivered once more. After a connection that broke at
    once, the next one takes one message of each lane at a time: what is small then gets through between two cuts and is
    settled, instead of all that the prefetch allows being delivered in vain until it counts as never settled. One that
    has lasted takes all, and has to last with that. Time says whether it does: a way that breaks every few seconds, and
    carries more meanwhile than is settled, still has its messages delivered in vain.

    Args:
        prefetch: most unsettled messages of each lane.
    """

    def __init__(self, prefetch: int) -> None:
        self._prefetch = prefetch
        self._is_trying = False
        self.is_wary = False

    def began(self) -> int:
        """Note that consuming begins; the messages of each lane to take at once."""
        self._is_trying = True
        return min(self._prefetch, _WARY_PREFETCH) if self.is_wary else self._prefetch

    def lasted(self, allowed: int) -> int:
        """Note that it has lasted with what was allowed so far; how many more messages of each lane it may take now."""
        if allowed == self._prefetch:
            self._is_trying = self.is_wary = False
        return self._prefetch - allowed

    def broke(self) -> None:
        """Note that there is no connection any more, or still none."""
        self.is_wary = self.is_wary or self._is_trying
        self._is_trying = False
