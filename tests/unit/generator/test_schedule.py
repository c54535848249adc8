"""When logs are due: exact at every rate, after hours, across bursts, and after a stall."""

from __future__ import annotations

import math

import pytest

from generator.schedule import Past, Schedule, Unbounded
from generator.spans import Burst, Span

HOUR_S = 3600


def burst(factor: float, at_s: float, for_s: float, every_s: float = 0.0) -> Burst:
    at_us, for_us, every_us = (round(seconds * 1e6) for seconds in (at_s, for_s, every_s))
    return Burst(at_us=at_us, for_us=for_us, every_us=every_us, factor=factor)


def taken(schedule: Schedule, until_s: float, step_s: float = 0.013, most: int = 1000) -> list[int]:
    moments: list[int] = []
    now_s = 0.0
    while now_s < until_s:
        now_s = min(until_s, now_s + step_s)
        while found := schedule.take(now_s, most):
            moments += found
    return moments


@pytest.mark.parametrize("rate", [0.5, 3, 10, 1000, 50_000])
def test_moment_n_is_n_by_the_rate(rate: float):
    moments = taken(Schedule(rate, duration_s=4), 4)
    assert len(moments) == math.ceil(rate * 4)
    assert all(abs(moment - number * 1e6 / rate) <= 1 for number, moment in enumerate(moments))


def test_nothing_drifts_in_a_day():
    schedule = Schedule(1000)
    schedule.skip(24 * HOUR_S - 0.0005)
    assert schedule.take(24 * HOUR_S, 10) == [24 * HOUR_S * 1_000_000]
    schedule = Schedule(3, bursts=[burst(10, 60, 7, 60)])
    assert schedule.due(24 * HOUR_S) == round(3 * (24 * HOUR_S + 9 * 7 * (24 * 60 - 1))) + 1


def test_what_is_due_does_not_depend_on_how_it_is_asked():
    def schedule() -> Schedule:
        bursts = [burst(7, 1, 0.5, 1.5), burst(0, 0.2, 0.1)]
        return Schedule(333, bursts=bursts, load=lambda time_s: 1.5, duration_s=6)

    assert taken(schedule(), 6) == taken(schedule(), 6, step_s=0.9, most=7) == taken(schedule(), 6, step_s=6)


def test_nothing_comes_before_its_time():
    schedule = Schedule(1000)
    assert schedule.take(0.0, 100) == [0]
    assert schedule.take(0.0005, 100) == []
    assert schedule.next_s() == pytest.approx(0.001)
    assert schedule.take(0.0031, 100) == [1000, 2000, 3000]


def test_a_burst_multiplies_the_rate_while_it_lasts():
    moments = taken(Schedule(100, bursts=[burst(10, 2, 1, 5)]), 9.9999)
    in_second = [sum(1 for moment in moments if second <= moment / 1e6 < second + 1) for second in range(10)]
    assert in_second == [100, 100, 1000, 100, 100, 100, 100, 1000, 100, 100]


def test_a_burst_of_nothing_is_silence_and_waiting_goes_on_behind_it():
    schedule = Schedule(10, bursts=[burst(0, 1, 2)])
    assert len(taken(schedule, 2.9)) == 10
    assert schedule.next_s() == 3.0
    assert schedule.due(2.9) == 10
    assert schedule.take(3.05, 10) == [3_000_000]


def test_the_curve_of_the_day_changes_the_rate_each_minute():
    moments = taken(Schedule(10, load=lambda time_s: 2.0 if time_s >= 60 else 0.5, duration_s=120), 120, step_s=1.0)
    assert sum(moment < 60e6 for moment in moments) == 300
    assert len(moments) == 300 + 1200


def test_a_count_ends_it():
    schedule = Schedule(1000, count=5)
    assert len(schedule.take(60, 1000)) == 5
    assert schedule.next_s() == math.inf
    assert schedule.due(60) == 5


def test_after_a_stall_what_was_due_too_long_ago_is_left_out_and_counted():
    schedule = Schedule(100, count=1000)
    schedule.take(1.0, 1000)
    assert schedule.skip(5.0) == 400
    assert schedule.take(5.05, 1000)[0] > 5_000_000
    assert schedule.skip(1.0) == 0
    # As many are made in the end as were asked for.
    assert 101 + 5 + len(schedule.take(60, 10_000)) == 1000


def test_as_many_as_can_be_made_end_by_count_or_clock():
    unbounded = Unbounded(count=250)
    assert [len(unbounded.take(0, 100)) for _ in range(4)] == [100, 100, 50, 0]
    assert unbounded.next_s() == math.inf
    timed = Unbounded(duration_s=2)
    assert len(timed.take(1.9, 100)) == 100
    assert timed.take(2.0, 100) == []
    assert timed.next_s() == math.inf


def test_the_past_does_not_wait():
    past = Past(Schedule(10, duration_s=3600))
    moments = past.take(0.0, 100_000)
    assert (len(moments), moments[-1]) == (36_000, 3_599_900_000)
    assert past.next_s() == math.inf


@pytest.mark.parametrize(
    "span", [Span(at_us=20, for_us=10), Span(at_us=20, for_us=10, every_us=40), Span(at_us=0, for_us=3, every_us=7)]
)
def test_a_while_says_itself_when_it_changes(span: Span):
    time_us: float = 0
    while time_us < 500:
        next_us = min(span.next_change_us(int(time_us)), 500)
        assert next_us > time_us
        assert len({span.holds(now_us) for now_us in range(int(time_us), int(next_us))}) == 1
        assert next_us == 500 or span.holds(int(next_us)) != span.holds(int(next_us) - 1)
        time_us = next_us
