"""Files of the form of a result accumulator's clients, made from a seed, and what is in them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

RESULTS_A_FILE = 20
# In so many files the order is broken once.
_BROKEN_EVERY = 50
_WORDS = {"passed": "PASS", "failed": "FAIL", "skipped": "SKIP"}


@dataclass(slots=True)
class Sample:
    """Files, and the totals that must come of them.

    Attributes:
        bodies: what is in each.
        counts: by the name of each test, how many runs have each result.
        problems: lines that break the order.
    """

    bodies: list[bytes] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    problems: int = 0

    @property
    def results(self) -> int:
        """Runs of all tests."""
        return sum(counter.total() for counter in self.counts.values())

    def of(self, result: str) -> int:
        """Runs of all tests with this result."""
        return sum(counter[result] for counter in self.counts.values())


def sample(files: int, tests: int, seed: int = 7) -> Sample:
    """Files of RESULTS_A_FILE pairs each; the same ones for the same arguments.

    A fifth of the tests are flaky, one in ten breaks halfway, the others pass.
    """
    rng = random.Random(seed)
    made = Sample(counts={f"suite_{number % 7}.test_case_{number}": Counter() for number in range(tests)})
    names = list(made.counts)
    for number in range(files):
        lines = [f"run-{number:05}.log"]
        for _ in range(RESULTS_A_FILE):
            place = rng.randrange(tests)
            result = _result(rng, place, is_late=number > files // 2)
            made.counts[names[place]][result] += 1
            lines += [f"Test: {names[place]} on node {rng.randrange(9)}", f"Result: {_WORDS[result]}"]
        if number % _BROKEN_EVERY == _BROKEN_EVERY - 1:
            lines.insert(rng.randrange(1, len(lines), 2), "Result: PASS")
            made.problems += 1
        made.bodies.append("\n".join([*lines, ""]).encode())
    return made


def _result(rng: random.Random, place: int, *, is_late: bool) -> str:
    if rng.random() < 0.02:
        return "skipped"
    if place % 5 == 0:
        return "failed" if rng.random() < 0.2 else "passed"
    return "failed" if place % 10 == 1 and is_late else "passed"
