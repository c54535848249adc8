"""What a consumer takes from a connection after one that broke at once."""

from __future__ import annotations

from logmill.broker.rabbitmq_wariness import Wariness


def test_after_a_connection_that_broke_at_once_one_message_is_taken_until_one_lasts_with_all() -> None:
    wariness = Wariness(250)
    assert wariness.began() == 250
    wariness.broke()
    assert wariness.is_wary
    assert wariness.began() == 1
    assert wariness.lasted(1) == 249
    wariness.broke()
    # It lasted with one message and not with all.
    assert wariness.began() == 1
    assert wariness.lasted(1) == 249
    assert wariness.lasted(250) == 0
    assert not wariness.is_wary
    wariness.broke()
    assert wariness.began() == 250


def test_a_connection_that_cannot_be_made_says_nothing_of_those_that_can() -> None:
    wariness = Wariness(250)
    wariness.broke()
    wariness.broke()
    assert wariness.began() == 250
    wariness.broke()
    wariness.broke()
    assert wariness.began() == 1


def test_a_prefetch_of_one_is_all_there_is() -> None:
    wariness = Wariness(1)
    assert wariness.began() == 1
    wariness.broke()
    assert wariness.began() == 1
    assert wariness.lasted(1) == 0
    assert not wariness.is_wary
