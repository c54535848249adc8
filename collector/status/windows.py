"""Counting over time: a ring of steps for what happens often, and counts by name that stay bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

import msgspec

# A rate is one over the last minute; for names it is counted in steps of five seconds.
RATE_S = 60
NAME_STEP_S = 5


class Window:
    """How much happened in each of the last steps; a fixed size, whatever happens.

    Args:
        step_s: how long a step is.
        steps: how many are kept, with the one that has just begun.
        now_s: the time at which it begins.
    """

    __slots__ = ("_at", "_began_s", "_counts", "step_s")

    def __init__(self, step_s: int, steps: int, now_s: float) -> None:
        self.step_s = step_s
        self._counts = [0] * steps
        self._at = int(now_s // step_s)
        self._began_s = now_s

    def add(self, number: int, now_s: float) -> None:
        """So much more happened now."""
        at = int(now_s // self.step_s)
        if at != self._at:
            self._move(at)
        self._counts[at % len(self._counts)] += number

    def _move(self, at: int) -> None:
        """Begin a step; those that fall out are forgotten."""
        size = len(self._counts)
        if at - self._at >= size:
            self._counts = [0] * size
        else:
            for between in range(self._at + 1, at + 1):
                self._counts[between % size] = 0
        self._at = at

    def absorb(self, other: Window, now_s: float) -> None:
        """Count what another window of the same form counted as well."""
        self.add(0, now_s)
        other.add(0, now_s)
        self._began_s = min(self._began_s, other._began_s)
        for at, number in enumerate(other._counts):
            self._counts[at] += number

    def ended(self, steps: int, now_s: float) -> list[int]:
        """The last `steps` steps that have ended, the oldest first; of before it began there are none."""
        self.add(0, now_s)
        size = len(self._counts)
        known = min(steps, size - 1, self._at - int(self._began_s // self.step_s))
        return [self._counts[at % size] for at in range(self._at - known, self._at)]

    def per_s(self, now_s: float) -> float:
        """The mean over the last minute, or over as long as it counts, which is at least a second."""
        self.add(0, now_s)
        size = len(self._counts)
        steps = min(size, RATE_S // self.step_s)
        counted = sum(self._counts[at % size] for at in range(self._at - steps + 1, self._at + 1))
        since_s = max(self._began_s, (self._at - steps + 1) * self.step_s)
        return counted / max(1.0, now_s - since_s)


class Counted(msgspec.Struct, frozen=True):
    """A name, how often, and how often a second over the last minute; or all names that are not counted apart."""

    name: str
    count: int
    per_s: float
    is_other: bool = False


class Named:
    """What is counted of one name."""

    def __init__(self, now_s: float) -> None:
        self.count = 0
        self.window = Window(NAME_STEP_S, RATE_S // NAME_STEP_S, now_s)

    def add(self, number: int, now_s: float) -> None:
        """So many more."""
        self.count += number
        self.window.add(number, now_s)

    def absorb(self, gone: Self, now_s: float) -> None:
        """Count what another counted as well."""
        self.count += gone.count
        self.window.absorb(gone.window, now_s)


N = TypeVar("N", bound=Named)


class Tally(Generic[N]):
    """Counts by name, of a bounded number of names; what the others have is counted together.

    Args:
        make: what counts one name, from the time at which it begins.
        limit: names that are counted each by itself.
        now_s: the time at which it begins.
        keeps_first: those that came first are, so that no count ever shrinks; else those that were active last.
    """

    def __init__(self, make: Callable[[float], N], limit: int, now_s: float, *, keeps_first: bool) -> None:
        self._make = make
        self._limit = limit
        self._keeps_first = keeps_first
        self._named: OrderedDict[str, N] = OrderedDict()
        self.other = make(now_s)

    def of(self, name: str, now_s: float) -> N:
        """What counts this name."""
        found = self._named.get(name)
        if found is not None:
            if not self._keeps_first:
                self._named.move_to_end(name)
            return found
        if len(self._named) >= self._limit:
            if self._keeps_first:
                return self.other
            _, gone = self._named.popitem(last=False)
            self.other.absorb(gone, now_s)
        made = self._named[name] = self._make(now_s)
        return made

    def items(self) -> Iterator[tuple[str, N]]:
        """Each name that is counted by itself."""
        return iter(self._named.items())

    def counted(self, now_s: float) -> tuple[Counted, ...]:
        """The same as figures, the largest first; the others last, if there are any."""
        found = [Counted(printable(name), one.count, one.window.per_s(now_s)) for name, one in self._named.items()]
        found.sort(key=lambda one: (-one.count, one.name))
        if self.other.count:
            found.append(Counted("other", self.other.count, self.other.window.per_s(now_s), is_other=True))
        return tuple(found)


def printable(text: str) -> str:
    """The text as UTF-8 can carry it: a path may hold bytes that are none."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
