"""What storage reckons of the pipeline: sums and percentiles over time, processors, history, a full disk."""

from __future__ import annotations

import random
import threading

import polars as pl
import pyarrow as pa
import pytest

from logmill.timestamps import now_us
from storage import blocks
from storage.pipeline.activity import MAX_NAME_CHARACTERS, MAX_PROCESSORS, Activity, Growth
from storage.pipeline.history import STEPS, History, Rate, Sampler
from storage.pipeline.lag import Lag, LagMeter
from storage.pipeline.overview import bytes_a_day, days_until_full
from storage.pipeline.producer import LaneDepth, Look
from storage.pipeline.window import Window
from tests.support.storage_blocks import batch, frame, stream
from tests.support.waiting import wait_until


def table(rows: list[dict]) -> pa.Table:
    found, _ = blocks.decode(stream(rows))
    return found


def test_a_window_forgets_what_is_older_than_it() -> None:
    window = Window(4, 5.0, 100.0)
    window.add(10, 101.0)
    window.add(1, 106.0)
    assert window.total(107.0) == 11
    assert window.total(119.9) == 11
    assert window.total(120.0) == 1
    assert window.total(125.0) == 0
    window.add(7, 1_000_000.0)
    assert window.total(1_000_000.0) == 7


def test_the_rate_of_a_young_window_is_about_the_time_it_has_seen() -> None:
    window = Window(4, 5.0, 100.0)
    window.add(30, 100.1)
    assert window.per_s(100.1) == 30.0
    assert window.per_s(110.0) == 3.0
    assert window.covered_s(112.5) == 12.5
    assert window.covered_s(500.0) == 15.0
    assert window.covered_s(504.9) == pytest.approx(19.9)


def test_percentiles_are_by_rows_and_within_a_twentieth() -> None:
    meter = LagMeter()
    meter.add([(0.1, 980), (2.0, 15), (40.0, 5)], 1000.0)
    lag = meter.lag(1001.0)
    assert lag.p50_s == pytest.approx(0.1, rel=0.05)
    assert lag.p99_s == pytest.approx(2.0, rel=0.05)
    assert lag.max_s == 40.0


def test_random_lags_have_the_percentiles_that_sorting_gives() -> None:
    rng = random.Random(7)
    lags = [rng.lognormvariate(-1, 1.5) for _ in range(5000)]
    meter = LagMeter()
    for number, lag_s in enumerate(lags):
        meter.add([(lag_s, 1)], 1000.0 + number / 100)
    lags.sort()
    found = meter.lag(1050.0)
    assert found.p50_s == pytest.approx(lags[2500], rel=0.06)
    assert found.p99_s == pytest.approx(lags[4950], rel=0.06)
    assert found.max_s == pytest.approx(lags[-1], abs=1e-6)


def test_lags_are_of_the_last_minute_and_none_where_nothing_came() -> None:
    meter = LagMeter()
    assert meter.lag(5.0) == Lag(None, None, None)
    meter.add([(9.0, 1)], 1000.0)
    meter.add([(1.0, 1)], 1040.0)
    assert meter.lag(1054.0).max_s == 9.0
    assert meter.lag(1065.0).max_s == 1.0
    assert meter.lag(1105.0) == Lag()


def test_a_clock_that_is_ahead_is_no_lag_and_what_is_absurd_takes_no_memory() -> None:
    meter = LagMeter()
    meter.add([(-3600.0, 5)], 1000.0)
    assert meter.lag(1000.0) == Lag(0.0, 0.0, 0.0)
    rng = random.Random(1)
    meter.add([(10 ** rng.uniform(-12, 12), 1) for _ in range(20_000)], 1000.0)
    assert len(meter._slots[-1].rows) < 250


def test_a_block_of_several_batches_counts_each_by_its_rows() -> None:
    activity, now = Activity(), now_us()
    rows = batch(900, received_at=now - 1_000_000) + batch(100, received_at=now - 30_000_000)
    activity.note(table(rows), 1000)
    lag = activity.lag()
    assert lag.p50_s == pytest.approx(1.0, rel=0.1, abs=0.2)
    assert lag.p99_s == pytest.approx(30.0, rel=0.1)


def test_the_oldest_of_a_block_is_seen_wherever_it_is_in_it() -> None:
    now = now_us()
    for place in (0, 1, 777, 1999):
        rows = batch(2000, received_at=now - 1_000_000)
        rows[place]["received_at"] = now - 50_000_000
        activity = Activity()
        activity.note(table(rows), 2000)
        assert activity.lag().max_s == pytest.approx(50.0, abs=1.0)


def test_a_slice_of_a_block_is_read_at_its_own_place() -> None:
    now = now_us()
    rows = batch(50, received_at=now - 40_000_000) + batch(50, received_at=now)
    activity = Activity()
    activity.note(table(rows).slice(50), 50)
    assert activity.lag().max_s == pytest.approx(0.0, abs=1.0)


def test_what_was_stored_before_is_not_counted_again() -> None:
    activity = Activity()
    activity.note(table(batch(10, processor_id="p")), 0)
    assert (activity.stored, activity.processors(), activity.lag()) == (0, [], Lag())
    activity.note(table(batch(10, processor_id="p")), 10)
    assert activity.stored == 10
    assert activity.stored_per_s() > 0


@pytest.mark.parametrize("form", [pl.Categorical, pl.String])
def test_processors_are_counted_apart_also_within_one_block(form: pl.DataType) -> None:
    activity = Activity()
    for rows in (batch(30, processor_id="a"), batch(5, processor_id="b") + batch(7, processor_id="a")):
        block, _ = blocks.decode(stream(frame(rows).with_columns(pl.col("processor_id").cast(form))))
        activity.note(block, len(rows))
    found = {one.processor_id: one for one in activity.processors()}
    assert {name: one.logs for name, one in found.items()} == {"a": 37, "b": 5}
    assert found["a"].logs_per_s > found["b"].logs_per_s > 0
    assert now_us() - 60_000_000 < found["a"].last_seen_us <= now_us()


def test_names_of_processors_are_bounded_in_number_and_length_and_the_last_seen_stay() -> None:
    activity = Activity()
    for number in range(MAX_PROCESSORS + 50):
        activity.note(table(batch(1, processor_id=f"p{number}")), 1)
        activity.note(table(batch(1, processor_id="x" * 10_000)), 1)
    found = [one.processor_id for one in activity.processors()]
    assert len(found) == MAX_PROCESSORS
    assert found[:2] == ["x" * MAX_NAME_CHARACTERS, f"p{MAX_PROCESSORS + 49}"]
    many = [batch(1, processor_id=f"q{number}")[0] for number in range(3000)]
    activity.note(table(many), 3000)
    assert len(activity.processors()) == MAX_PROCESSORS


def look(accepted: int | None, at_s: float = 0.0, **waiting: int) -> Look:
    lanes = [LaneDepth(lane, messages, accepted=0) for lane, messages in waiting.items()]
    if accepted is not None:
        lanes.append(LaneDepth("normal", 0, accepted=accepted))
    return Look(at_s, True, "", lanes=lanes)


def test_history_has_what_came_in_each_step_and_what_waited_at_its_end() -> None:
    history = History()
    history.step(100, look(1000, urgent=3))
    history.step(150, look(1200, urgent=4))
    history.step(150, None)
    history.step(160, look(2000))
    history.step(165, look(2100))
    shown = history.shown()
    assert (shown["step_s"], len(shown["stored"]), len(shown["accepted"])) == (5, STEPS, STEPS)
    assert shown["stored"][-5:] == [None, 50, 0, 10, 5]
    assert shown["accepted"][-5:] == [None, 200, None, None, 100], "what came while nobody asked is in no step"
    assert shown["waiting"]["urgent"][-6:] == [None, 3, 4, None, None, None]
    assert shown["waiting"]["normal"][-2:] == [0, 0]
    assert set(shown["waiting"]) == {"urgent", "normal", "bulk"}


def test_history_is_bounded_and_a_counter_that_began_anew_is_not_negative() -> None:
    history = History()
    for count in range(STEPS + 20):
        history.step(count, None)
    history.step(5, None)
    history.skip(2)
    history.skip(0)
    assert history.shown()["stored"][-4:] == [1, 5, None, None]
    history.skip(10**9)
    assert history.shown()["stored"] == [None] * STEPS


def test_the_rate_of_a_counter_is_over_the_last_looks() -> None:
    rate = Rate()
    assert rate.per_s() is None
    for at_s, count in ((0.0, 0), (100.0, 50), (110.0, 1050)):
        rate.note(at_s, count)
    assert rate.per_s() == 100.0
    rate.note(112.0, 7)
    assert rate.per_s() is None, "the producer was started anew"
    rate.note(114.0, 27)
    assert rate.per_s() == 10.0
    rate.note(115.0, None)
    assert rate.per_s() is None


def test_the_sampler_goes_on_after_a_step_that_failed_and_ends_when_it_is_closed() -> None:
    calls: list[int] = []
    skipped: list[int] = []
    release = threading.Event()

    def sample() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("a bug")
        if len(calls) == 2:
            release.wait(30)

    sampler = Sampler(sample, skipped.append, step_s=0.05)
    sampler.start()
    wait_until(lambda: len(calls) == 2)
    threading.Event().wait(0.3)
    release.set()
    wait_until(lambda: len(calls) >= 3 and skipped)
    assert sum(skipped) >= 3, "steps that nobody ended"
    sampler.close()
    sampler._thread.join(5)
    assert not sampler._thread.is_alive()


@pytest.mark.parametrize(
    ("room", "growth", "days"),
    [
        (86_400_000.0, Growth(1000, 100.0), 1.0),
        (86_400_000.0, Growth(1000, 59.0), None),
        (86_400_000.0, Growth(0, 1000.0), None),
        (-5.0, Growth(10, 100.0), 0.0),
    ],
)
def test_a_disk_is_full_when_its_room_is_used_up_at_the_present_pace(
    room: float, growth: Growth, days: float | None
) -> None:
    assert days_until_full(room, bytes_a_day(100.0, growth)) == days
