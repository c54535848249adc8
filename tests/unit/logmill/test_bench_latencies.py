"""Percentiles of the load test, held against sorted values."""

from __future__ import annotations

import base64
import random
import zlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from logmill.bench.latencies import LONGEST_S, PERCENTILES, Latencies
from logmill.errors import Undecodable

TIMES_US = st.lists(st.integers(1, 3_600_000_000), min_size=1, max_size=300)


def of(times_us: list[int]) -> Latencies:
    found = Latencies()
    for time_us in times_us:
        found.note(time_us / 1e6)
    return found


def exact_us(times_us: list[int], percentile: float) -> int:
    """By nearest rank."""
    return sorted(times_us)[max(1, int(percentile * len(times_us) / 100 + 0.5)) - 1]


@given(TIMES_US)
def test_percentiles_are_those_of_the_sorted_values_to_a_thousandth(times_us: list[int]) -> None:
    for percentile, found_s in zip(PERCENTILES, of(times_us).at(), strict=True):
        exact = exact_us(times_us, percentile)
        assert exact <= round(found_s * 1e6) <= exact * 1.001 + 1


@given(TIMES_US, TIMES_US)
def test_those_of_two_processes_together_are_those_of_all_values(one: list[int], other: list[int]) -> None:
    together = Latencies.decoded(of(one).encoded())
    together.add(Latencies.decoded(of(other).encoded()))
    assert len(together) == len(one) + len(other)
    assert together.encoded() == of(one + other).encoded()
    for percentile, found_s in zip(PERCENTILES, together.at(), strict=True):
        exact = exact_us(one + other, percentile)
        assert exact <= round(found_s * 1e6) <= exact * 1.001 + 1


def test_many_latencies_as_they_are_in_life() -> None:
    rng = random.Random(3)
    times_us = [round(rng.lognormvariate(9, 1.2)) + 1 for _ in range(20_000)]
    found = of(times_us)
    assert found.mean_s * 1e6 == pytest.approx(sum(times_us) / len(times_us), rel=0.001)
    for percentile, found_s in zip(PERCENTILES, found.at(), strict=True):
        assert found_s * 1e6 == pytest.approx(exact_us(times_us, percentile), rel=0.001)


def test_none_are_no_time_and_adding_none_changes_nothing() -> None:
    none = Latencies.decoded(Latencies().encoded())
    assert (len(none), none.at(), none.mean_s) == (0, [0.0] * 5, 0.0)
    some = of([5, 7])
    some.add(none)
    none.add(of([5, 7]))
    assert some.encoded() == none.encoded() == of([5, 7]).encoded()


def test_what_is_longer_than_an_hour_counts_as_an_hour_and_what_is_negative_as_nothing() -> None:
    found = Latencies()
    found.note(10 * LONGEST_S)
    assert found.at([100.0])[0] == pytest.approx(LONGEST_S, rel=0.001)
    found.note(-1.0, 3)
    assert (len(found), found.at([50.0])[0]) == (4, 0.0)


def bomb() -> str:
    """A histogram of a few bytes that says it has many."""
    return base64.b64encode(b"\x1c\x84\x93\x14" + b"\0" * 4 + zlib.compress(b"\0" * 50_000_000)).decode()


def other_bounds() -> str:
    histogram = HdrHistogram(1, 1000, 2)
    histogram.record_value(7)
    return histogram.encode().decode()


@pytest.mark.parametrize(
    "text",
    ["", "HIST", "none at all", "é", bomb(), other_bounds(), of([1, 2]).encoded()[:-8], "A" * 1000],
    ids=["empty", "short", "text", "letters", "bomb", "other bounds", "cut", "zeros"],
)
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(Undecodable, match="histogram"):
        Latencies.decoded(text)


@given(st.integers(0, 60), st.integers(1, 255))
def test_a_damaged_histogram_is_refused_or_read_as_what_it_was(position: int, flip: int) -> None:
    whole = of([100, 2000, 2000, 70_000]).encoded()
    data = bytearray(base64.b64decode(whole))
    data[position % len(data)] ^= flip
    try:
        found = Latencies.decoded(base64.b64encode(data).decode())
    except Undecodable:
        return
    assert found.encoded() == whole
