"""Patterns of six samples of Loghub are those of its truth, more so than drain3's clusters of the same lines."""

from __future__ import annotations

from statistics import mean

import pytest

from benchmarks.patterns import compare
from tests.support import loghub
from tests.support.loghub import NAMES, grouping_accuracy

LEAST = 0.95
LEAST_OF_ONE = 0.9


def test_a_message_counts_where_its_group_is_exactly_that_of_its_template() -> None:
    assert grouping_accuracy("aabb", "xxyy") == 1
    assert grouping_accuracy("aabc", "xxyy") == 0.5
    assert grouping_accuracy("aabb", "xxxy") == 0
    assert grouping_accuracy("abcd", "xxxx") == 0


def test_patterns_have_the_accuracy_that_is_promised_and_more_than_drain3() -> None:
    loghub.require()
    found = [compare(name) for name in NAMES]
    accuracy = {way: mean(one[way]["accuracy"] for one in found) for way in ("logmill", "drain3", "drain3_masks")}
    assert accuracy["logmill"] >= LEAST, found
    assert accuracy["logmill"] > max(accuracy["drain3"], accuracy["drain3_masks"]), found


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_is_left_behind(name: str) -> None:
    loghub.require()
    found = compare(name)
    assert found["logmill"]["accuracy"] >= max(LEAST_OF_ONE, found["drain3"]["accuracy"]), found
