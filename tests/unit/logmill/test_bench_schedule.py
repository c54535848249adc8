"""When requests of the load test are due, by a clock that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.bench.plan import Part, Share, requests_within
from logmill.bench.schedule import ClosedLoop, OpenLoop, Turn

ALONE = Share(Part.INGEST, 0, 1)


class Dropped:
    """What a schedule dropped."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float, int]] = []

    def __call__(self, due_s: float, waited_s: float, count: int) -> None:
        self.calls.append((due_s, waited_s, count))

    @property
    def count(self) -> int:
        return sum(count for _, _, count in self.calls)


def open_loop(dropped: Dropped, share: Share = ALONE, **more: float) -> OpenLoop:
    values = {"start_s": 100.0, "rate": 10.0, "length_s": 2.0, "max_behind_s": 1.0, **more}
    return OpenLoop(share=share, dropped=dropped, **values)


def taken(schedule: OpenLoop | ClosedLoop, now_s: float) -> list[Turn]:
    found = []
    while (turn := schedule.take(now_s)) is not None:
        found.append(turn)
    return found


def test_requests_are_due_at_the_rate_whenever_they_are_taken() -> None:
    dropped = Dropped()
    turns = taken(open_loop(dropped), 99.0)
    assert [turn.number for turn in turns] == list(range(20))
    assert [turn.due_s for turn in turns] == pytest.approx([100 + n / 10 for n in range(20)])
    assert not dropped.calls


@given(st.integers(1, 7), st.floats(0.1, 500), st.floats(0.0, 20))
def test_the_shares_of_all_processes_are_every_request_once(of: int, rate: float, length_s: float) -> None:
    numbers = [
        turn.number
        for number in range(of)
        for turn in taken(open_loop(Dropped(), Share(Part.QUERY, number, of), rate=rate, length_s=length_s), 0.0)
    ]
    assert sorted(numbers) == list(range(requests_within(rate, length_s)))


def test_what_is_late_is_still_given_out_up_to_the_limit_and_dropped_beyond() -> None:
    dropped = Dropped()
    schedule = open_loop(dropped)
    assert schedule.take(100.0) == Turn(0, 100.0)
    # Nobody takes a turn for 1.35 s: those due at 100.1, 100.2 and 100.3 are late by more than a second.
    turn = schedule.take(101.35)
    assert turn is not None
    assert (turn.number, turn.due_s) == (4, pytest.approx(100.4))
    assert [call[0] for call in dropped.calls] == pytest.approx([100.1, 100.2, 100.3])
    assert [call[1] for call in dropped.calls] == pytest.approx([1.25, 1.15, 1.05])
    assert schedule.behind_s(101.35) == pytest.approx(0.85)


def test_after_the_end_it_goes_on_only_as_long_as_it_may_be_behind() -> None:
    dropped = Dropped()
    schedule = open_loop(dropped)
    assert taken(schedule, 103.01) == []
    assert dropped.count == 20
    assert schedule.behind_s(200.0) == 0.0


def test_many_that_are_dropped_at_once_are_told_in_few_pieces_with_the_least_wait_of_each() -> None:
    dropped = Dropped()
    schedule = open_loop(dropped, rate=10_000.0, length_s=100.0)
    turn = schedule.take(151.0)
    assert turn is not None
    assert turn.number == pytest.approx(500_000, abs=1)
    assert dropped.count == turn.number
    assert len(dropped.calls) <= 101
    assert all(waited_s >= 1.0 and due_s + waited_s <= 151.0 + 1e-6 for due_s, waited_s, _ in dropped.calls)


def test_one_that_is_ended_drops_what_was_due_and_forgets_what_was_not() -> None:
    dropped = Dropped()
    schedule = open_loop(dropped)
    schedule.take(100.0)
    schedule.end(100.55)
    assert dropped.count == 5
    assert schedule.take(100.55) is None
    assert schedule.behind_s(101.0) == 0.0


def test_a_closed_loop_gives_out_turns_until_its_time_is_up() -> None:
    schedule = ClosedLoop(start_s=100.0, length_s=2.0, share=Share(Part.INGEST, 1, 3))
    assert [schedule.take(now_s) for now_s in (100.0, 100.0, 101.9)] == [Turn(1, None), Turn(4, None), Turn(7, None)]
    assert schedule.take(102.0) is None
    other = ClosedLoop(start_s=100.0, length_s=2.0, share=ALONE)
    other.end(100.5)
    assert other.take(100.6) is None
