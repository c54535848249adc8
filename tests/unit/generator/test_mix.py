"""Levels come in the shares asked for, whatever the seed; what cannot be had is refused."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from generator.mix import DEFAULT_LEVELS, mix_of
from logmill.errors import ConfigError
from logmill.record import LEVELS
from tests.support.generating import made

# 4 degrees of freedom: of independent draws one in 1,000 has more. Logs of one flow are not independent, but DEBUG logs
# come evenly: over 12 seeds the mean was 3.0, where independent draws have 4.
CHI_SQUARED_LIMIT = 18.47
# Flows last up to some seconds, so the first seconds have too few of the long ones, which end badly.
WARM_UP = 10_000


def shares(counts: Counter[str]) -> dict[str, float]:
    return {level: counts[level] / counts.total() for level in LEVELS}


def level_counts(seed: int, count: int = 100_000, **options) -> Counter[str]:
    return Counter(log.level for log in made(count, rate=400, seed=seed, **options).logs[WARM_UP:])


def chi_squared(counts: Counter[str], weights: dict[str, float]) -> float:
    expected = {level: counts.total() * weights[level] / sum(weights.values()) for level in LEVELS}
    return sum((counts[level] - expected[level]) ** 2 / expected[level] for level in LEVELS)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_levels_are_as_often_as_they_should_be(seed: int):
    counts = level_counts(seed)
    assert chi_squared(counts, dict(DEFAULT_LEVELS)) < CHI_SQUARED_LIMIT, shares(counts)


def test_the_test_would_see_a_level_that_is_a_tenth_too_rare():
    counts = level_counts(1)
    counts["ERROR"] = counts["ERROR"] * 9 // 10
    assert chi_squared(counts, dict(DEFAULT_LEVELS)) > CHI_SQUARED_LIMIT


def test_other_weights_are_kept_too():
    weights = {"DEBUG": 60.0, "INFO": 30.0, "WARNING": 6.0, "ERROR": 3.5, "CRITICAL": 0.5}
    counts = level_counts(5, levels=weights)
    assert chi_squared(counts, weights) < CHI_SQUARED_LIMIT, shares(counts)


def test_levels_that_are_left_out_do_not_come():
    counts = level_counts(1, 30_000, levels={"INFO": 90.0, "WARNING": 10.0})
    assert set(counts) == {"INFO", "WARNING"}


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"ERROR": 1.0}, "too few of WARNING"),
        ({"INFO": 1.0, "WARNING": 1.0, "ERROR": 50.0}, "too few of WARNING"),
        ({"INFO": 0.0}, "not all be 0"),
        ({"DEBUG": 5.0}, "others than DEBUG"),
    ],
)
def test_what_flows_cannot_have_is_refused(weights, words: str):
    with pytest.raises(ConfigError, match=f"--levels: .*{words}"):
        mix_of(weights)


def test_shares_of_flows_are_shares():
    mix = mix_of(DEFAULT_LEVELS)
    assert math.fsum(mix.weights) == pytest.approx(1.0)
    assert min(mix.weights) > 0
    assert mix_of(DEFAULT_LEVELS, only_requests=True).weights == mix.weights
