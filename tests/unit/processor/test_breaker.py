"""A lane of mostly dead letters is paused, tried again after longer and longer pauses, and then trusted again."""

from __future__ import annotations

import pytest

from logmill.record import Lane
from logmill.settings import load
from processor.breaker import LONGEST_PAUSE_S, TRIAL_MESSAGES, Breaker


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(load({}, breaker_messages=20, breaker_share=0.5, breaker_pause_s=10.0), clock)


def settle(breaker: Breaker, lane: Lane, good: int, dead: int) -> None:
    for _ in range(good + dead):
        breaker.took(lane)
    for is_dead in [False] * good + [True] * dead:
        breaker.settled(lane, dead=is_dead)


def test_half_of_them_dead_is_borne_more_is_not(breaker: Breaker) -> None:
    settle(breaker, Lane.BULK, good=10, dead=10)
    assert breaker.open_lanes() == frozenset(Lane)
    assert breaker.state == "ready"
    settle(breaker, Lane.BULK, good=0, dead=11)
    assert breaker.open_lanes() == {Lane.URGENT, Lane.NORMAL}
    assert list(breaker.paused) == [Lane.BULK]
    assert "bulk (next trial in 10 s)" in breaker.state


def test_a_few_dead_letters_say_nothing(breaker: Breaker) -> None:
    settle(breaker, Lane.URGENT, good=0, dead=19)
    assert breaker.open_lanes() == frozenset(Lane)


def test_after_the_pause_a_few_messages_decide(breaker: Breaker, clock: Clock) -> None:
    settle(breaker, Lane.BULK, good=0, dead=20)
    clock.now_s += 10
    assert Lane.BULK in breaker.open_lanes()
    for _ in range(TRIAL_MESSAGES):
        breaker.took(Lane.BULK)
    assert Lane.BULK not in breaker.open_lanes()
    for _ in range(TRIAL_MESSAGES):
        breaker.settled(Lane.BULK, dead=False)
    assert breaker.open_lanes() == frozenset(Lane)
    assert breaker.paused == {}


def test_a_failed_trial_doubles_the_pause_up_to_a_limit(breaker: Breaker, clock: Clock) -> None:
    settle(breaker, Lane.BULK, good=0, dead=20)
    pauses = []
    for _ in range(8):
        pauses.append(breaker.paused[Lane.BULK])
        clock.now_s += breaker.paused[Lane.BULK]
        settle(breaker, Lane.BULK, good=0, dead=6)
    assert pauses == [10, 20, 40, 80, 160, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_a_trial_goes_on_until_enough_were_good(breaker: Breaker, clock: Clock) -> None:
    settle(breaker, Lane.BULK, good=0, dead=20)
    clock.now_s += 10
    settle(breaker, Lane.BULK, good=TRIAL_MESSAGES - 1, dead=0)
    assert breaker.state == "ready", "an idle lane on trial is nothing to wait for"
    settle(breaker, Lane.BULK, good=1, dead=0)
    settle(breaker, Lane.BULK, good=10, dead=9)
    assert Lane.BULK in breaker.open_lanes(), "it is trusted as before"


def test_what_went_back_to_the_broker_does_not_use_up_a_trial(breaker: Breaker, clock: Clock) -> None:
    settle(breaker, Lane.BULK, good=0, dead=20)
    clock.now_s += 10
    for _ in range(TRIAL_MESSAGES):
        breaker.took(Lane.BULK)
    breaker.gave_back()
    assert Lane.BULK in breaker.open_lanes()


def test_a_share_of_one_turns_it_off(clock: Clock) -> None:
    breaker = Breaker(load({}, breaker_messages=20, breaker_share=1.0), clock)
    settle(breaker, Lane.BULK, good=0, dead=100)
    assert breaker.open_lanes() == frozenset(Lane)


def test_a_trial_is_not_lost_by_its_first_message(breaker: Breaker, clock: Clock) -> None:
    settle(breaker, Lane.BULK, good=0, dead=20)
    clock.now_s += 10
    settle(breaker, Lane.BULK, good=0, dead=1)
    assert Lane.BULK in breaker.open_lanes()
    settle(breaker, Lane.BULK, good=7, dead=2)
    settle(breaker, Lane.BULK, good=0, dead=11)
    assert Lane.BULK in breaker.open_lanes(), "trusted again: eleven of a hundred newest say nothing"
