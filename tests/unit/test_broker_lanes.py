"""Taking from lanes by weight."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from logmill.broker.lanes import Lanes
from logmill.broker.topology import WEIGHTS
from logmill.record import Lane


def filled(count: int, *lanes: Lane) -> Lanes[str]:
    queues: Lanes[str] = Lanes()
    for number in range(count):
        for lane in lanes:
            queues.put(lane, f"{lane}{number}")
    return queues


def take(queues: Lanes[str], count: int) -> list[str]:
    return [str(queues.take()).rstrip("0123456789") for _ in range(count)]


def test_every_round_gives_each_lane_its_weight() -> None:
    queues = filled(200, *Lane)
    round_length = sum(WEIGHTS.values())
    for _ in range(5):
        assert Counter(take(queues, round_length)) == {str(lane): weight for lane, weight in WEIGHTS.items()}


def test_urgent_comes_first_and_bulk_is_spread() -> None:
    taken = take(filled(200, *Lane), 63)
    assert taken[0] == "urgent"
    places = [index for index, lane in enumerate(taken) if lane == "bulk"]
    assert [later - earlier for earlier, later in pairwise(places)] == [21, 21]


def test_the_first_urgent_behind_any_backlog_is_next() -> None:
    queues = filled(1000, Lane.BULK, Lane.NORMAL)
    take(queues, 777)
    queues.put(Lane.URGENT, "urgent0")
    assert take(queues, 1) == ["urgent"]
    take(queues, 100)
    queues.put(Lane.URGENT, "urgent1")
    assert take(queues, 1) == ["urgent"]


def test_a_lane_alone_gets_everything_in_order() -> None:
    queues = filled(10, Lane.BULK)
    assert [queues.take() for _ in range(11)] == [*(f"bulk{number}" for number in range(10)), None]


def test_count_and_clear() -> None:
    queues = filled(3, Lane.NORMAL)
    assert queues.count(Lane.NORMAL) == 3
    queues.clear()
    assert queues.count(Lane.NORMAL) == 0
    assert queues.take() is None


def test_weights_hold_among_the_lanes_asked_for_and_the_others_lose_nothing() -> None:
    queues = filled(200, *Lane)
    asked = {Lane.NORMAL, Lane.BULK}
    some = Counter(str(queues.take(asked)).rstrip("0123456789") for _ in range(50))
    assert some == {"normal": 40, "bulk": 10}
    assert take(queues, 1) == ["urgent"]
    round_length = sum(WEIGHTS.values())
    assert Counter(take(queues, 4 * round_length))["bulk"] in {4, 5}


def test_lanes_asked_for_that_are_empty_give_nothing() -> None:
    queues = filled(3, Lane.NORMAL)
    assert queues.take({Lane.URGENT, Lane.BULK}) is None
    assert queues.take(set()) is None
    assert queues.count(Lane.NORMAL) == 3
