"""The agenda gives logs in the order of their times, however far ahead they lie and however it is asked."""

from __future__ import annotations

from random import Random

import pytest

from generator.agenda import SPAN_US, Agenda
from generator.log import Log

LOG = Log("", "INFO", "a", "b")
FAR_US = 5000 * SPAN_US


@pytest.mark.parametrize(
    ("reach_us", "step_us"), [(300, 7), (SPAN_US * 3, 1000), (FAR_US, SPAN_US), (FAR_US, FAR_US * 2)]
)
def test_what_is_put_comes_at_its_time_and_in_order(reach_us: int, step_us: int):
    rng, agenda = Random(1), Agenda()
    expected: list[tuple[int, int]] = []
    given: list[tuple[int, int]] = []
    number = 0
    for now_us in range(0, 400 * step_us, step_us):
        agenda.begin(now_us) if now_us >= agenda.near_until_us else None
        items = []
        for _ in range(rng.randrange(5)):
            number += 1
            time_us = now_us + rng.randrange(reach_us)
            expected.append((time_us, number))
            items.append((-time_us, -number, LOG))
        agenda.put(items)
        while agenda.near and -agenda.near[-1][0] <= now_us:
            time_us, negative, _ = agenda.near.pop()
            given.append((-time_us, -negative))
    end_us = 400 * step_us + 2 * reach_us
    for now_us in range(400 * step_us, end_us, max(step_us, reach_us // 100)):
        agenda.begin(now_us)
    agenda.begin(end_us)
    given += [(-time_us, -negative) for time_us, negative, _ in reversed(agenda.near)]
    assert given == sorted(expected)
