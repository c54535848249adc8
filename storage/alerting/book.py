"""What is still to be judged, and what was: spans that rules have to look at, and patterns they have decided on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storage.alerting.file import StateFile
from storage.alerting.spans import Span, bound, fewer

# Beyond this the spans of a rule are brought together, with the time between them.
MAX_OWED = 20_000
# Those that were decided on longest ago are forgotten beyond this: they are looked up in the store once more.
MAX_PATTERNS = 200_000
_FAR_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Owed:
    """How it stands with a span that is to be looked at.

    Attributes:
        attempts: how often that was tried in vain.
        is_after: whether it is the time after logs, and not one of which logs came.
    """

    attempts: int = 0
    is_after: bool = False


_OWED = Owed()


def together(owed: Mapping[Span, Owed], gap_us: int) -> list[tuple[Span, dict[Span, Owed]]]:
    """Spans that can be looked at as one, and those each of them is made of.

    What was tried in vain is not looked at with what was not, or it would keep that from being judged; it comes last.
    Else the newest come first.

    Args:
        owed: all of them.
        gap_us: those that are no further apart become one.
    """
    found: list[tuple[Span, dict[Span, Owed]]] = []
    before = None
    for span, one in sorted(owed.items(), key=lambda item: (item[1].attempts, item[0])):
        if found and one.attempts == before and span[0] <= found[-1][0][1] + gap_us:
            (start, end), rows = found[-1]
            rows[span] = one
            found[-1] = ((start, max(end, span[1])), rows)
        else:
            found.append((span, {span: one}))
        before = one.attempts
    return sorted(found, key=lambda pair: (next(iter(pair[1].values())).attempts, -pair[0][1]))


class Book:
    """The spans that each rule has still to look at; see `Arrivals`."""

    def __init__(self, file: StateFile) -> None:
        self._file = file

    def due(self, rule: str, now_us: int, most: int, before_us: int | None = None) -> list[tuple[Span, Owed]]:
        """Spans, the newest first.

        Args:
            rule: whose.
            now_us: now; what was put off beyond it is left out.
            most: how many at most.
            before_us: only those that end by then.
        """
        before_us = _FAR_US if before_us is None else before_us
        found = self._file.rows("owed", rule=rule, now_us=now_us, before_us=before_us, most=most)
        return [((row["start_us"], row["end_us"]), Owed(row["attempts"], bool(row["is_after"]))) for row in found]

    def count(self, rule: str) -> int:
        """How many spans a rule has still to look at."""
        return self._file.number("count_owed", rule=rule)

    def is_put_off(self, rule: str, now_us: int) -> bool:
        """Whether a rule could not look at something, and is to try again later."""
        return self._file.number("count_put_off", rule=rule, now_us=now_us) > 0

    def settle(self, rule: str, spans: Iterable[Span]) -> None:
        """These were looked at."""
        self._file.run_each("settle_owed", ({"rule": rule, **bound(span)} for span in spans))

    def exchange(self, rule: str, spans: Iterable[Span], others: Iterable[Span], owed: Owed = _OWED) -> None:
        """In the place of these, others are to be looked at, with which it stands like this."""
        values = {"rule": rule, "attempts": owed.attempts, "is_after": owed.is_after}
        with self._file.transaction():
            self.settle(rule, spans)
            self._file.run_each("owe_instead", ({**values, **bound(span)} for span in others))

    def owe_after(self, rule: str, looked: Span, follow_us: Iterable[int]) -> None:
        """So long after the end of what was looked at it is to be looked again, once each time is over.

        What was to be looked at in this way and lies within what was looked at now is not any more.
        """
        with self._file.transaction():
            self._file.run("settle_after", rule=rule, start_us=looked[0], end_us=looked[1])
            start_us = looked[1]
            for after_us in follow_us:
                end_us = looked[1] + after_us
                self._file.run("owe_after", rule=rule, start_us=start_us, end_us=end_us)
                start_us = end_us

    def put_off(self, rule: str, spans: Iterable[Span], until_us: int) -> None:
        """These could not be looked at."""
        values = {"rule": rule, "not_before_us": until_us}
        self._file.run_each("put_off", ({**values, **bound(span)} for span in spans))

    def bound(self, rule: str, now_us: int) -> None:
        """See that there are not too many: with the time between them they are fewer."""
        if self.count(rule) <= MAX_OWED:
            return
        all_ = [(row["start_us"], row["end_us"]) for row in self._file.rows("all_owed", rule=rule)]
        with self._file.transaction():
            self._file.run("forget_owed", rule=rule)
            self.exchange(rule, (), fewer(all_, MAX_OWED // 2, now_us))

    def forget_others(self, rules: Iterable[str]) -> None:
        """Forget what rules had to look at that are none any more."""
        kept = set(rules)
        for row in self._file.rows("owed_of_others"):
            if row["rule"] not in kept:
                self._file.run("forget_owed", rule=row["rule"])

    def evaluated_until(self) -> dict[str, int]:
        """Until when each rule was evaluated."""
        return {row["rule"]: row["evaluated_until_us"] for row in self._file.rows("evaluations")}

    def evaluated(self, rule: str, until_us: int) -> None:
        """A rule was evaluated until then."""
        self._file.run("evaluated", rule=rule, until_us=until_us)


class KnownPatterns:
    """Which patterns rules have decided on.

    Args:
        file: where they are kept.
    """

    def __init__(self, file: StateFile) -> None:
        self._file = file

    def unknown(self, rule: str, fingerprints: list[int]) -> list[int]:
        """Those of these that were not decided on."""
        asked = {f"{one:x}": one for one in fingerprints}
        found = self._file.rows("known_patterns", rule=rule, fingerprints=json.dumps(list(asked)))
        known = {row["fingerprint"] for row in found}
        return [one for text, one in asked.items() if text not in known]

    def keep(self, rule: str, fingerprints: Sequence[int]) -> None:
        """These are decided on; to be called in the transaction of what was found."""
        if fingerprints:
            self._file.run_each("know_pattern", ({"rule": rule, "fingerprint": f"{one:x}"} for one in fingerprints))
            self._file.run("prune_patterns", most=MAX_PATTERNS)
