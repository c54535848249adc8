"""Days of logs, which are the partitions of the store, and which of them is dropped next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from logmill.timestamps import EPOCH, datetime_to_us

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class StoredDay:
    """The logs that were received on one day (UTC).

    Attributes:
        day: the day.
        logs: how many there are.
        bytes: what they take on disk.
    """

    day: date
    logs: int
    bytes: int


class Cause(StrEnum):
    """Why a day is dropped."""

    AGE = "age"
    SIZE = "size"
    AGAIN = "again"  # what was sealed and could not be done


@dataclass(frozen=True, slots=True)
class Policy:
    """Which days are kept.

    Attributes:
        days: so many whole days after the day itself; 0 for ever.
        max_bytes: what all of them may take; 0 for no bound.
    """

    days: int = 0
    max_bytes: int = 0

    @property
    def is_on(self) -> bool:
        """Whether anything is ever dropped."""
        return self.days > 0 or self.max_bytes > 0

    def due(self, stored: Sequence[StoredDay], today: date, again: date | None) -> tuple[StoredDay, Cause] | None:
        """The day to drop next, and why; None where there is none.

        It is the oldest one. Today is never due, and no later day, which a clock that was wrong may have made: of logs
        that are still on their way nobody could tell whether they were dropped already.

        Args:
            stored: the days there are.
            today: by the clock.
            again: a day that was to be dropped already, which goes first; None where there is none.
        """
        for one in stored:
            if one.day == again:
                return one, Cause.AGAIN
        oldest = min((one for one in stored if one.day < today), key=lambda one: one.day, default=None)
        if oldest is None:
            return None
        if self.over_bytes(stored):
            return oldest, Cause.SIZE
        return (oldest, Cause.AGE) if self.days and oldest.day < today - timedelta(days=self.days) else None

    def over_bytes(self, stored: Sequence[StoredDay]) -> int:
        """By how much the logs exceed their bound."""
        return max(0, sum(one.bytes for one in stored) - self.max_bytes) if self.max_bytes else 0

    def drops_on(self, day: date) -> date | None:
        """The first day on which this one is too old; None where it never is."""
        return day + timedelta(days=self.days + 1) if self.days else None


def day_of(us: int) -> date:
    """The day of a time in microseconds, in UTC."""
    return (EPOCH + timedelta(microseconds=us)).date()


def range_us(day: date) -> tuple[int, int]:
    """The first microsecond of a day, and that of the next one."""
    start_us = datetime_to_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return start_us, start_us + _DAY_US
