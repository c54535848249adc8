"""Which day is dropped next, which days take logs, and whether that makes room in time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from storage.retention.days import Cause, Policy, StoredDay, day_of, range_us
from storage.retention.figures import makes_room
from storage.retention.horizon import Horizon

TODAY = date(2026, 3, 10)


def days(*ago: int, size: int = 10) -> list[StoredDay]:
    return [StoredDay(TODAY - timedelta(days=one), 1, size) for one in ago]


@pytest.mark.parametrize(
    ("policy", "ago", "again", "due"),
    [
        (Policy(), (900, 0), None, None),
        (Policy(days=1), (), None, None),
        (Policy(days=1), (1, 0), None, None),
        (Policy(days=1), (0, 1, 2), None, (2, Cause.AGE)),
        (Policy(days=7), (7, 6), None, None),
        (Policy(days=7), (8, 9, 6), None, (9, Cause.AGE)),
        (Policy(max_bytes=20), (1, 0), None, None),
        (Policy(max_bytes=19), (1, 0), None, (1, Cause.SIZE)),
        (Policy(max_bytes=1), (0, -1), None, None),
        (Policy(max_bytes=1), (-1, 0, 1), None, (1, Cause.SIZE)),
        (Policy(days=1, max_bytes=19), (9, 8), None, (9, Cause.SIZE)),
        (Policy(days=1, max_bytes=20), (9, 8), None, (9, Cause.AGE)),
        (Policy(), (9, 8), 8, (8, Cause.AGAIN)),
        (Policy(), (9, 8), 10, None),
        (Policy(days=1, max_bytes=1), (9, 8), 8, (8, Cause.AGAIN)),
    ],
)
def test_the_oldest_day_is_dropped_for_a_cause_and_never_today(
    policy: Policy, ago: tuple[int, ...], again: int | None, due: tuple[int, Cause] | None
) -> None:
    found = policy.due(days(*ago), TODAY, None if again is None else TODAY - timedelta(days=again))
    assert (None if found is None else ((TODAY - found[0].day).days, found[1])) == due


def test_a_log_is_kept_for_as_many_whole_days_as_is_said() -> None:
    last_us = range_us(TODAY)[1] - 1
    day = StoredDay(day_of(last_us), 1, 1)
    for kept_days in (1, 7, 400):
        policy = Policy(days=kept_days)
        drops_on = policy.drops_on(day.day)
        assert drops_on is not None
        assert policy.due([day], drops_on - timedelta(days=1), None) is None
        assert policy.due([day], drops_on, None) == (day, Cause.AGE)
        assert range_us(drops_on)[0] - last_us > kept_days * 86_400_000_000


@pytest.mark.parametrize("day", [date(1970, 1, 1), date(2024, 2, 29), TODAY, date(2149, 6, 6)])
def test_a_day_is_its_first_and_its_last_microsecond_and_no_other(day: date) -> None:
    start_us, end_us = range_us(day)
    assert day_of(start_us) == day_of(end_us - 1) == day
    assert day_of(end_us) == day + timedelta(days=1)


@pytest.mark.parametrize(
    ("policy", "a_day", "stored", "room", "expected"),
    [
        (Policy(), 1.0, 10, 1e18, False),
        (Policy(days=9), 10.0, 50, 50.0, True),
        (Policy(days=9), 10.0, 50, 49.0, False),
        (Policy(max_bytes=100), 10.0, 50, 50.0, True),
        (Policy(max_bytes=100), 10.0, 50, 49.0, False),
        (Policy(max_bytes=100), 200.0, 50, 100.0, False),
        (Policy(days=1000, max_bytes=100), 10.0, 50, 50.0, True),
        (Policy(days=9, max_bytes=10**15), 10.0, 50, 50.0, True),
        (Policy(days=9), 10.0, 50, float("-inf"), False),
    ],
)
def test_days_make_room_where_what_is_kept_fits_the_disk(
    policy: Policy, a_day: float, stored: int, room: float, expected: bool
) -> None:
    assert makes_room(policy, a_day, stored, room) is expected


def open_days(horizon: Horizon, *ago: int) -> list[bool]:
    found = []
    for one in ago:
        with horizon.writing(TODAY - timedelta(days=one)) as is_open:
            found.append(is_open)
    return found


def test_days_up_to_the_last_one_that_was_dropped_take_nothing_but_today_does() -> None:
    now = range_us(TODAY)[0]
    horizon = Horizon(clock=lambda: now)
    assert open_days(horizon, 9000, 5, 0, -1) == [True] * 4
    horizon.move(TODAY - timedelta(days=5))
    assert open_days(horizon, 9000, 6, 5, 4, 0) == [False, False, False, True, True]
    horizon.move(TODAY + timedelta(days=50))
    assert open_days(horizon, 1, 0, -1) == [False, True, True]
    assert horizon.dropped == TODAY + timedelta(days=50)


def test_a_day_that_is_closed_takes_nothing_until_it_is_opened() -> None:
    horizon = Horizon(clock=lambda: range_us(TODAY)[0])
    horizon.close(TODAY - timedelta(days=3), 1.0)
    assert open_days(horizon, 4, 3, 2) == [True, False, True]
    horizon.reopen()
    assert open_days(horizon, 4, 3, 2) == [True] * 3
