"""The last line of a collector that reads all there is: numbers of this run, and of what an earlier one left."""

import pytest

from collector.checkpoint_rows import Batch
from collector.ending import Ending
from collector.posting import Posted
from collector.records.made import Made, Source
from collector.status.statistics import Statistics


@pytest.fixture
def statistics():
    return Statistics()


def batch(sequence, count):
    return Batch(sequence, f"key-{sequence}", b"body", count, [])


def source(path):
    return Source(path, "service", "host")


def answer(ending, statistics, one, accepted, refused=0):
    """As the collector does, when the producer answered."""
    ending.answered(one, Posted(accepted, refused))
    statistics.accepted(accepted, len(one.body))
    statistics.refused(refused, "too long")


def test_what_an_earlier_run_left_is_told_apart(statistics):
    earlier = [batch(1, 500), batch(2, 5)]
    ending = Ending(statistics, earlier, names_files=True)
    for path in ("/logs/a.log", "/logs/b.log", "/logs/a.log"):
        ending.add(source(path), Made(b"", 10, filtered=1), 100)
    answer(ending, statistics, earlier[0], 498, 2)
    answer(ending, statistics, batch(3, 20), 19, 1)
    words = ending.in_words(statistics.snapshot().totals, [earlier[1], batch(4, 6)], 4, 1.25)
    assert words == (
        "collected 30 logs of 2 files: 19 accepted, 1 refused, 3 left out, 10 not accepted yet; "
        "and of an earlier run 505 logs: 498 accepted, 2 refused, 5 not accepted yet; 1.2 s\n"
    )


def test_of_an_earlier_run_nothing_is_said_where_it_left_nothing(statistics):
    ending = Ending(statistics, [], names_files=True)
    ending.add(source("-"), Made(b"", 1, filtered=0), 2)
    answer(ending, statistics, batch(1, 1), 1)
    words = ending.in_words(statistics.snapshot().totals, [], 0, 0.04)
    assert words == "collected 1 log of 1 file: 1 accepted, 0 refused; 0.0 s\n"
    assert statistics.snapshot().totals.read_bytes == 2
