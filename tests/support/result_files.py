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


_NIGHTLY = (
    *("checkout::adds_an_item", "checkout::applies_a_voucher", "checkout::pays_by_card", "checkout::pays_by_invoice"),
    *("login::with_password", "login::with_a_token", "login::locks_after_five", "search::finds_by_name"),
    *("search::sorts_by_price", "search::suggests_words", "stock::counts_down", "stock::never_below_zero"),
    *("mail::sends_a_receipt", "mail::gives_up_after_a_day"),
)
# How often each of these fails, first and in the last of the nights; and why.
_SINCE = 0.9
_FAILING = {
    "checkout::pays_by_card": (0.0, 1.0, "TimeoutError: payments.example did not answer within 5 s"),
    "search::suggests_words": (0.22, 0.22, "AssertionError: expected 10 words, got 9"),
    "stock::never_below_zero": (0.1, 0.12, "AssertionError: -1 lamps in stock"),
    "login::locks_after_five": (0.5, 0.0, "AssertionError: 6 tries were possible"),
}


def nights(files: int, tests: int, seed: int = 11) -> list[bytes]:
    """Files of some nights of a shop's tests, to be looked at: flaky ones, one that broke, one that was mended."""
    rng = random.Random(seed)
    made = []
    for number in range(files):
        lines = [f"nightly-{number:03}.log"]
        for place, test in enumerate(_NIGHTLY[:tests]):
            duration_ms = 3 * 2.3**place * (1 + number % 5 / 10)
            first, since, reason = _FAILING.get(test, (0.0, 0.0, ""))
            share = since if number >= files * _SINCE else first
            lines.append(f"Test: {test}")
            if test == "mail::gives_up_after_a_day" and number % 7:
                lines.append("Result: SKIP")
            elif rng.random() < share:
                lines += [reason, "Result: FAIL"]
            else:
                lines.append(f"Result: PASS ({duration_ms:.2f} ms)")
        made.append("\n".join(lines).encode())
    return made
