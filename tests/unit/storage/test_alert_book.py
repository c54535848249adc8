"""What is still to be judged: noted before rows are there, owed to each rule, bounded."""

from __future__ import annotations

import random

import pyarrow as pa

from storage.alerting.arrivals import Arrivals
from storage.alerting.book import Book, KnownPatterns
from storage.alerting.file import StateFile
from storage.alerting.spans import MINUTE_US


def block(*minutes: int) -> pa.Table:
    times = pa.array([minute * MINUTE_US for minute in minutes], pa.timestamp("us", tz="UTC"))
    return pa.table({"timestamp": times, "received_at": times})


def test_what_came_is_owed_to_each_rule_also_after_a_crash_and_while_rows_are_written(tmp_path):
    file = StateFile(tmp_path)
    arrivals, book = Arrivals(file), Book(file)
    with arrivals.of(block(5, 6)):
        pass
    file.close()
    file = StateFile(tmp_path)
    arrivals, book = Arrivals(file), Book(file)
    arrivals.take(["a", "b"])
    assert [span for span, _ in book.due("b", 0, 10)] == [
        (6 * MINUTE_US, 7 * MINUTE_US),
        (5 * MINUTE_US, 6 * MINUTE_US),
    ]
    with arrivals.of(block(9)):
        arrivals.take(["a"])
        book.settle("a", [span for span, _ in book.due("a", 0, 10)])
    arrivals.take(["a"])
    assert [span for span, _ in book.due("a", 0, 10)] == [(9 * MINUTE_US, 10 * MINUTE_US)], (
        "looked at before it was there"
    )


def test_spans_stay_few_however_scattered_the_times_are(tmp_path):
    file = StateFile(tmp_path)
    arrivals, book = Arrivals(file), Book(file)
    draw = random.Random(1)
    for _ in range(150):
        with arrivals.of(block(*(draw.randrange(10**8) for _ in range(300)))):
            pass
    arrivals.take(["a"])
    assert 0 < book.count("a") <= 20_000


def test_patterns_that_were_decided_on_are_bounded_and_the_newest_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("storage.alerting.book.MAX_PATTERNS", 50)
    known = KnownPatterns(StateFile(tmp_path))
    for start in range(0, 200, 20):
        known.keep("a", list(range(start, start + 20)))
    assert known.unknown("a", list(range(200))) == list(range(150))
    assert known.unknown("b", [199]) == [199]
