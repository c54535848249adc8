"""How much a rule is asked about at a time: half where that was too much, all again once it has caught up."""

from __future__ import annotations

from logmill.backoff import delay_s
from logmill.errors import Refused
from storage.alerting.spans import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Span
from storage.errors import QueryTimeout

# What is tried so often in vain is given up.
MAX_ATTEMPTS = 8
_FIRST_DELAY_S, _LONGEST_DELAY_S = 10.0, 600.0
# By the clock it is looked at each step, whether logs came or not, so at less at a time.
_LONGEST_US, _LONGEST_CLOCKED_US = DAY_US, HOUR_US
# A span that is too much is halved down to this.
_SHORTEST_US = 10 * MINUTE_US


def wait_us(attempts: int) -> int:
    """How long to wait after so many attempts in vain."""
    return round(delay_s(attempts, _FIRST_DELAY_S, _LONGEST_DELAY_S) * SECOND_US)


def is_too_much(error: Exception) -> bool:
    """Whether half of the time could do: a look took too long, or found more than fits into memory."""
    return isinstance(error, QueryTimeout) or (isinstance(error, Refused) and error.code == "too_large")


class Pace:
    """The longest span that one rule is asked about now; for one thread.

    It is kept for the rule and not for each span: a backlog of many days would else be too much for each of them
    anew. After a restart it is found out once more.

    Args:
        every_us: how often the rule is evaluated by the clock, 0 where it is not.
    """

    def __init__(self, every_us: int) -> None:
        self._shortest_us = max(_SHORTEST_US, every_us)
        self._most_us = max(_LONGEST_CLOCKED_US if every_us else _LONGEST_US, every_us)
        self._attempts = 0
        self._not_before_us = 0
        self.longest_us = self._most_us

    def is_long(self, span: Span) -> bool:
        """Whether a span may be halved."""
        return span[1] - span[0] > self._shortest_us

    def halve(self, span: Span) -> None:
        """This span was too much."""
        self.longest_us = max((span[1] - span[0]) // 2, self._shortest_us)

    def caught_up(self) -> None:
        """Nothing is left to look at."""
        self.longest_us = self._most_us

    def looked(self) -> None:
        """A look went well."""
        self._attempts = 0

    def waits(self, now_us: int) -> bool:
        """Whether what failed by the clock is to be tried later."""
        # A clock that was ahead is none to wait for.
        return now_us < self._not_before_us <= now_us + round(_LONGEST_DELAY_S * SECOND_US)

    def gives_up(self, now_us: int) -> bool:
        """A short look by the clock failed; whether to go on behind it, else it waits. The next is tried once only."""
        self._attempts += 1
        if self._attempts >= MAX_ATTEMPTS:
            self._attempts = MAX_ATTEMPTS - 1
            return True
        self._not_before_us = now_us + wait_us(self._attempts)
        return False
