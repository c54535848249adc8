"""The alerts' file: who waits for whom, what one evaluation costs of it, and what is noted on disk when."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from logmill.errors import StorageUnavailable
from logmill.rules.detectors import Threshold
from storage.alerting import arrivals as arriving
from storage.alerting import showing
from storage.alerting.arrivals import NOTE_S, Arrivals
from storage.alerting.book import Book
from storage.alerting.detector import Held
from storage.alerting.file import Row, StateFile
from storage.alerting.silencing import Silenced, Silences
from storage.alerting.spans import MINUTE_US
from storage.alerting.states import Alerts, Found
from storage.search.filters import EVERYTHING
from storage.statements import statement

NOW = 1_000 * MINUTE_US


def block(*minutes: int) -> pa.Table:
    times = pa.array([minute * MINUTE_US for minute in minutes], pa.timestamp("us", tz="UTC"))
    return pa.table({"timestamp": times, "received_at": times})


def found(group: str) -> Found:
    return Found(Held((group,), NOW, NOW, 2.0, NOW, "two", EVERYTHING, ""), [])


def alerts_of(file: StateFile) -> Alerts:
    return Alerts(file, Silences(file), tells=True, body=showing.message, clock=lambda: NOW)


@contextmanager
def in_use(file: StateFile) -> Iterator[None]:
    """While another thread is in the midst of a transaction."""
    begun, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with file.transaction():
            file.count_up("held")
            begun.set()
            ended.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(30)
    try:
        yield
    finally:
        ended.set()
        thread.join()


def asked(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts, from now on, how often each statement reads."""
    counted: Counter[str] = Counter()
    real = file.rows

    def rows(name: str, /, *args: object, **values: object) -> list[Row]:
        counted[name] += 1
        return real(name, *args, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(file, "rows", rows)
    return counted


def on_disk(file: StateFile) -> set[int]:
    return {row["start_us"] // MINUTE_US for row in file.rows("arrived")}


def test_rows_wait_but_a_moment_for_a_note_that_cannot_be_written_and_it_is_owed_all_the_same(tmp_path):
    file = StateFile(tmp_path)
    arrivals = Arrivals(file)
    with in_use(file):
        before = time.monotonic()
        with arrivals.of(block(5)):
            assert time.monotonic() - before < NOTE_S + 1
        assert time.monotonic() - before < 2 * NOTE_S + 1
        assert on_disk(file) == set()
    with arrivals.of(block(5)):
        assert on_disk(file) == {5}, "tried again with the next rows"
    arrivals.take(["a"])
    assert Book(file).count("a") == 1


def test_what_one_thread_has_begun_to_note_another_does_not_take_for_noted(tmp_path):
    file = StateFile(tmp_path)
    arrivals = Arrivals(file)
    with in_use(file), arrivals.of(block(5)):
        pass
    with arrivals.of(block(5, 6)):
        assert on_disk(file) == {5, 6}


def test_reading_waits_for_no_transaction_and_sees_what_the_last_one_left(tmp_path):
    file = StateFile(tmp_path)
    alerts = alerts_of(file)
    alerts.apply(Threshold(name="r", when="count > 1"), ("service",), "", [found("a")])
    with in_use(file):
        before = time.monotonic()
        assert len(showing.page(file, Silenced(()), "", "", 100, "").alerts) == 1
        assert file.counts().get("held") is None
        assert time.monotonic() - before < 1
    assert file.counts()["held"] == 1


def test_who_waits_for_a_transaction_does_not_wait_for_ever(tmp_path):
    file = StateFile(tmp_path)
    with in_use(file), pytest.raises(StorageUnavailable, match="in use"), file.transaction(wait_s=0.05):
        pass


def test_a_file_that_is_closed_says_so_and_no_rows_are_taken_without_their_note(tmp_path):
    file = StateFile(tmp_path)
    arrivals = Arrivals(file)
    file.close()
    for use in (file.counts, lambda: file.count_up("a"), lambda: arrivals.of(block(5)).__enter__()):
        with pytest.raises(StorageUnavailable, match="closed"):
            use()


def test_open_alerts_are_counted_and_silences_read_once_however_many_groups_are_found(tmp_path, monkeypatch):
    file = StateFile(tmp_path)
    alerts = alerts_of(file)
    counted = asked(file, monkeypatch)
    left_out = alerts.apply(
        Threshold(name="r", when="count > 1"), ("service",), "", [found(f"s{number}") for number in range(300)]
    )
    assert left_out == 200
    assert (counted["count_open"], counted["silences"]) == (1, 1)
    assert alerts.apply(Threshold(name="r", when="count > 1"), ("service",), "", [found("x")]) == 1


def test_silences_are_read_once_however_many_alerts_they_hold_back(tmp_path, monkeypatch):
    file = StateFile(tmp_path)
    alerts, silences = alerts_of(file), Silences(file)
    for number in range(50):
        silences.add("", {"service": f"s{number}"}, NOW + 1, NOW, "", "")
    alerts.apply(Threshold(name="r", when="count > 1"), ("service",), "", [found(f"s{number}") for number in range(60)])
    counted = asked(file, monkeypatch)
    alerts.settle()
    assert counted["silences"] == 1
    assert file.number("count_posts") == 10
    assert showing.count_silenced(file, silences.held(NOW)) == 50


@pytest.mark.parametrize(
    ("rule", "group", "is_held"),
    [
        ("r", {"service": "a", "host": "b"}, True),
        ("r", {"service": "a", "host": "c"}, False),
        ("q", {"service": "x"}, True),
        ("p", {"service": "a"}, False),
        ("p", {"user": "u", "host": "c", "service": "a"}, True),
        ("p", {}, False),
    ],
)
def test_a_silence_is_for_its_rule_and_for_all_groups_that_have_its_values(tmp_path, rule, group, is_held):
    silences = Silences(StateFile(tmp_path))
    silences.add("r", {"service": "a", "host": "b"}, NOW + 1, NOW, "", "")
    silences.add("q", {}, NOW + 1, NOW, "", "")
    silences.add("", {"user": "u"}, NOW + 1, NOW, "", "")
    assert ((rule, group) in silences.held(NOW)) is is_held
    assert (rule, group) not in silences.held(NOW + 1)


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("due_posts", {"now_us": 0, "most": 1}, "outbox_of_alert"),
        ("count_open", {"rule": "r"}, "alerts_of_rule"),
        ("untold", {}, "alerts_kept_back"),
    ],
)
def test_what_is_asked_all_the_time_has_its_index(tmp_path: Path, name: str, values: dict[str, object], index: str):
    file = StateFile(tmp_path)
    plan = file._db.execute(f"EXPLAIN QUERY PLAN {statement('alert_state', name)}", values).fetchall()
    assert any(index in row["detail"] for row in plan), [row["detail"] for row in plan]


def test_what_is_taken_for_many_rules_is_taken_piece_by_piece_and_others_have_their_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(arriving, "_PER_TAKE", 30)
    file = StateFile(tmp_path)
    arrivals, book = Arrivals(file), Book(file)
    with arrivals.of(block(*range(0, 100, 2))):
        pass
    times: list[tuple[float, float]] = []
    real = file.transaction

    @contextmanager
    def transaction(wait_s: float = 1.0) -> Iterator[None]:
        start = time.monotonic()
        with real(wait_s):
            yield
        times.append((start, time.monotonic()))

    monkeypatch.setattr(file, "transaction", transaction)
    arrivals.take(["a", "b", "c"])
    outer = [one for one in times if not any(start < one[0] and one[1] < end for start, end in times)]
    assert len(outer) == 5, "ten spans for three rules each time"
    assert all(first[1] < second[0] for first, second in pairwise(outer))
    assert [book.count(rule) for rule in ("a", "b", "c")] == [50, 50, 50]
    assert (arrivals.waiting, on_disk(file)) == (0, set())


def test_rows_that_come_while_notes_are_taken_are_noted_again_or_were_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(arriving, "_PER_TAKE", 1)
    file = StateFile(tmp_path)
    arrivals, book = Arrivals(file), Book(file)
    with arrivals.of(block(5, 6)):
        pass
    with arrivals.of(block(6)):
        arrivals.take(["a"])
    assert on_disk(file) == {6}
    with arrivals.of(block(6)):
        pass
    arrivals.take(["a"])
    assert (book.count("a"), on_disk(file), arrivals.waiting) == (2, set(), 0)
