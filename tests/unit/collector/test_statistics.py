"""What the collector counts: exact totals, rates of the last minute, and memory that is bounded."""

from __future__ import annotations

import threading

import pytest

from collector.records.made import Fault, Made, Source
from collector.status.statistics import HISTORY_S, MAX_FAULTS, MAX_NAMES, MAX_SOURCES, Statistics
from collector.status.windows import RATE_S, Window


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.25

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def statistics(clock):
    return Statistics(clock)


def source(path="/var/log/app.log", service="app"):
    return Source(path, service, "here")


def made(count=1, **more):
    return Made(b"", count, **{"levels": {"INFO": count} if count else {}, **more})


def counts(found):
    return {one.name: one.count for one in found}


def test_everything_is_counted_in_total_and_by_name(statistics):
    statistics.add(
        source(),
        made(5, levels={"INFO": 3, "ERROR": 2}, formats={"json": 4, "text": 1}, tags={"shop": 5}, filtered=7),
        900,
    )
    statistics.add(source("/var/log/db.log", "db"), made(2, formats={"text": 2}), 100)
    statistics.accepted(6, 400)
    statistics.refused(1, "too long")
    statistics.retried("503: full")
    found = statistics.snapshot()
    totals = found.totals
    assert (totals.records, totals.read_bytes, totals.filtered) == (7, 1000, 7)
    assert (totals.accepted, totals.accepted_bytes, totals.requests) == (6, 400, 1)
    assert (totals.refused, totals.retried) == (1, 1)
    assert counts(found.levels) == {"INFO": 5, "ERROR": 2}
    assert counts(found.formats) == {"json": 4, "text": 3}
    assert counts(found.tags) == {"shop": 5}
    assert counts(found.services) == {"app": 5, "db": 2}
    assert [(one.path, one.service, one.records, one.read_bytes) for one in found.sources] == [
        ("/var/log/app.log", "app", 5, 900),
        ("/var/log/db.log", "db", 2, 100),
    ]
    assert [(one.reason, one.count) for one in found.refusals] == [("too long", 1)]
    assert [(one.reason, one.count) for one in found.retries] == [("503: full", 1)]


def test_rates_are_of_the_last_minute_and_fall_to_nothing(statistics, clock):
    for _ in range(90):
        statistics.add(source(), made(10), 1000)
        statistics.accepted(20, 50)
        clock.now_s += 1
    rates = statistics.snapshot().rates
    assert rates.records_per_s == pytest.approx(10, rel=0.03)
    assert rates.read_bytes_per_s == pytest.approx(1000, rel=0.03)
    assert rates.accepted_per_s == pytest.approx(20, rel=0.03)
    assert rates.accepted_bytes_per_s == pytest.approx(50, rel=0.03)
    (level,) = statistics.snapshot().levels
    assert level.per_s == pytest.approx(10, rel=0.1)
    clock.now_s += RATE_S + 5
    after = statistics.snapshot()
    assert after.rates.records_per_s == after.levels[0].per_s == after.sources[0].per_s == 0
    assert after.totals.records == 900


def test_what_runs_for_seconds_only_has_the_rate_of_these_seconds(statistics, clock):
    for _ in range(4):
        statistics.add(source(), made(30), 1)
        clock.now_s += 1
    assert statistics.snapshot().rates.records_per_s == pytest.approx(30)


def test_the_history_has_each_second_that_has_ended_and_errors_apart(statistics, clock):
    assert statistics.snapshot().history.records == []
    for number in (1, 2, 3):
        statistics.add(source(), made(number, levels={"ERROR": number, "CRITICAL": 1}), 1)
        clock.now_s += 1
    clock.now_s += 2
    statistics.add(source(), made(50), 1)
    history = statistics.snapshot().history
    assert history.records == [1, 2, 3, 0, 0]
    assert history.errors == [2, 3, 4, 0, 0]
    assert history.accepted == [0, 0, 0, 0, 0]
    clock.now_s += HISTORY_S - 2
    assert statistics.snapshot().history.records == [0, 0, 50] + [0] * (HISTORY_S - 3)


def test_the_history_forgets_what_is_older(clock):
    window = Window(1, 4, clock.now_s)
    for number in range(1, 8):
        window.add(number, clock.now_s)
        clock.now_s += 1
    assert window.ended(10, clock.now_s) == [5, 6, 7]
    clock.now_s += 1000
    assert window.ended(10, clock.now_s) == [0, 0, 0]


def test_of_very_many_files_the_most_recently_active_are_counted_by_themselves(statistics):
    for number in range(MAX_SOURCES + 200):
        statistics.add(source(f"/logs/{number}", f"s{number}"), made(2, fault_count=1), 10)
    found = statistics.snapshot()
    named = {one.path: one for one in found.sources if not one.is_other}
    assert len(named) == MAX_SOURCES
    assert named.keys() == {f"/logs/{number}" for number in range(200, MAX_SOURCES + 200)}
    other = found.sources[-1]
    assert (other.is_other, other.records, other.read_bytes, other.faults) == (True, 400, 2000, 200)
    assert sum(one.records for one in found.sources) == found.totals.records
    assert sum(one.count for one in found.services) == found.totals.records
    # What is counted together has their rate too.
    assert sum(one.per_s for one in found.sources) == pytest.approx(2 * (MAX_SOURCES + 200))


def test_names_that_lines_choose_are_bounded_and_no_count_shrinks(statistics):
    for number in range(MAX_NAMES + 50):
        statistics.add(source(), made(1, tags={f"t{number}": 1}, levels={}), 1)
    tags = statistics.snapshot().tags
    assert len(tags) == MAX_NAMES + 1
    assert counts(tags)["t0"] == 1
    assert (tags[-1].is_other, tags[-1].count) == (True, 50)


def test_the_newest_faults_are_kept_with_file_and_sample(statistics):
    for number in range(MAX_FAULTS + 10):
        fault = Fault("no JSON", f"sample {number}")
        statistics.add(source(f"/logs/{number}"), made(3, fault_count=3, faults=[fault]), 10)
    found = statistics.snapshot()
    assert found.totals.faults == 3 * (MAX_FAULTS + 10)
    assert len(found.faults) == MAX_FAULTS
    newest = found.faults[0]
    assert (newest.reason, newest.file, newest.sample) == (
        "no JSON",
        f"/logs/{MAX_FAULTS + 9}",
        f"sample {MAX_FAULTS + 9}",
    )
    assert newest.at.tzinfo is not None


def test_paths_and_samples_that_are_no_utf_8_are_shown_all_the_same(statistics):
    odd = b"/logs/caf\xe9".decode("utf-8", "surrogateescape")
    statistics.add(source(odd, odd), made(1, fault_count=1, faults=[Fault(odd, odd)]), 1)
    found = statistics.snapshot()
    shown = "/logs/caf\\udce9"
    assert found.sources[0].path == found.services[0].name == found.faults[0].file == found.faults[0].sample == shown


def test_threads_lose_no_count(statistics):
    def work(number):
        for _ in range(500):
            statistics.add(source(f"/logs/{number}"), made(3, levels={"INFO": 2, "ERROR": 1}), 7)
            statistics.accepted(3, 2)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        statistics.snapshot()
    for thread in threads:
        thread.join(30)
    found = statistics.snapshot()
    assert (found.totals.records, found.totals.read_bytes, found.totals.accepted) == (6000, 14_000, 6000)
    assert counts(found.levels) == {"INFO": 4000, "ERROR": 2000}
    assert [one.records for one in found.sources] == [1500] * 4
