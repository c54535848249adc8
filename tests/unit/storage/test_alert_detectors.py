"""The pure parts of detectors: bursts, runs, spikes, silences, conditions and spans of time."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logmill.rules.detectors import Spike
from storage.alerting import conditions
from storage.alerting.bursts import _ADDRESS, _REPEATED, _SSHD_ADDRESS, _SSHD_USER, _USER, Attempt, _said_s, episodes
from storage.alerting.patterns import is_old, is_reached
from storage.alerting.robust import usual_count, usual_share
from storage.alerting.service import pause_s
from storage.alerting.silences import Habit, silent_since
from storage.alerting.spans import DAY_US, MINUTE_US, fewer, joined, pieces, spans_of
from storage.alerting.spikes import unusual
from storage.alerting.thresholds import runs
from tests.support.synthetic_day import Day

BUCKET_US = 5 * MINUTE_US
DAY = DAY_US // BUCKET_US
attempts = st.lists(
    st.builds(Attempt, second=st.integers(0, 5000), said_s=st.none(), times=st.integers(1, 6)), max_size=60
)


@given(attempts, st.integers(1, 900), st.integers(1, 12))
def test_there_is_an_episode_exactly_where_a_window_has_enough(found, window_s, at_least):
    def within(end: int) -> int:
        return sum(one.times for one in found if end - window_s < one.second <= end)

    enough = [one.second for one in found if within(one.second) >= at_least]
    told = episodes(found, window_s, at_least)
    for episode in told:
        assert episode.start_s in enough
        assert episode.end_s in enough
        assert at_least <= episode.most <= max(map(within, enough))
    assert all(any(one.start_s <= second <= one.end_s for one in told) for second in enough)


@given(attempts, st.integers(1, 900), st.integers(1, 12), st.randoms())
def test_the_order_of_arrival_does_not_matter(found, window_s, at_least, draw):
    mixed = list(found)
    draw.shuffle(mixed)
    assert episodes(mixed, window_s, at_least) == episodes(found, window_s, at_least)


def test_what_lines_say_of_their_time_counts_where_all_say_it():
    hourly = [Attempt(100, 3600 * number, 1) for number in range(5)]
    assert episodes(hourly, 600, 5) == []
    assert episodes([Attempt(100, 60 * number, 1) for number in range(5)], 600, 5)[0].most == 5
    assert episodes([*hourly, Attempt(100, None, 1)], 600, 5)[0].most == 6


def test_attempts_over_new_year_are_as_close_as_they_were():
    texts = [f"Dec 31 23:59:{second}" for second in (50, 52, 54, 56, 58)] + [f"Jan  1 00:00:0{at}" for at in (2, 4, 6)]
    assert episodes([Attempt(100, _said_s(text), 1) for text in texts], 600, 5)[0].most == 8
    spring = [Attempt(100, _said_s(f"{month}  1 00:00:00"), 1) for month in ("Mar", "Jul", "Aug", "Dec")]
    assert episodes(spring, 600, 2) == []


@pytest.mark.parametrize(
    ("message", "user", "address"),
    [
        ("Failed password for invalid user admin from 192.0.2.7 port 22 ssh2", "admin", "192.0.2.7"),
        ("Failed password for invalid user  0101 from 5.188.10.180 port 36279 ssh2", "0101", "5.188.10.180"),
        ("Failed password for root from 2001:db8::7 port 22 ssh2", "root", "2001:db8::7"),
        ("Failed password for invalid user user from 192.0.2.7 port 22", "user", "192.0.2.7"),
        ("Login failed for user 'bob' (client: 192.0.2.7)", "bob", "192.0.2.7"),
        ("login failed user=carol ip=192.0.2.7", "carol", "192.0.2.7"),
        ("authentication failed for <email> from [192.0.2.7]", "email", "192.0.2.7"),
        (" Failed password for root from 192.0.2.7 port 22 ssh2 [preauth]", "root", "192.0.2.7"),
        ("Failed password for a from 9.9.9.9 from 192.0.2.7 port 22 ssh2", "a from 9.9.9.9", "192.0.2.7"),
        (
            "Failed none for invalid user a from 9.9.9.9 port 1 ssh2 from ::1 port 22",
            "a from 9.9.9.9 port 1 ssh2",
            "::1",
        ),
        ("Invalid user a from 9.9.9.9 from 192.0.2.7", "a from 9.9.9.9", "192.0.2.7"),
        ("Failed password for invalid user  from 192.0.2.7 port 22 ssh2", "", "192.0.2.7"),
        ("Failed password for user from fe80::1%eth0 port 22 ssh2", "user", "fe80::1"),
        ("Login failed for user 'bob' from 192.0.2.7", "bob", "192.0.2.7"),
        ("Failed login from 192.0.2.7 port 22 for x from 9.9.9.9 port 1", "x", "192.0.2.7"),
        ("login failed user=a, retry by 10:20:30, client 192.0.2.7:5022", "a", "192.0.2.7"),
        ("login failed user=a by 1:2:3:4:5:6:7:8", "a", "1:2:3:4:5:6:7:8"),
        ("login failed user=a from ::ffff:192.0.2.7", "a", "::ffff:192.0.2.7"),
        ("message repeated 5 times: [ Failed password for root from 5.36.59.76 port 42393 ssh2]", "root", "5.36.59.76"),
    ],
)
def test_user_and_address_are_read_from_messages(message, user, address):
    assert (re.search(_SSHD_USER, message) or re.search(_USER, message))[1] == user
    assert (re.search(_SSHD_ADDRESS, message) or re.search(_ADDRESS, message))[1] == address
    assert (re.search(_REPEATED, message) or ["", "1"])[1] == ("5" if "repeated" in message else "1")


@given(st.sets(st.integers(0, 60)), st.integers(0, 5))
def test_runs_are_the_longest_ones_and_cover_what_holds(edges, least):
    found = runs([(edge, 1.0) for edge in edges], least)
    covered = [edge for run in found for edge in range(run.first, run.last + 1)]
    assert len(covered) == len(set(covered))
    assert set(covered) <= edges
    assert all(run.first - 1 not in edges and run.last + 1 not in edges for run in found)
    if least == 0:
        assert set(covered) == edges


def counts_of(series: list[int], errors: int = 0) -> dict[int, tuple[int, int]]:
    return {number: (errors, logs) for number, logs in enumerate(series) if logs}


VOLUME = Spike(name="v", measure="count", at_least=50, factor=3)
ERRORS = Spike(name="e", measure="error_share", at_least=7, factor=3)


@pytest.mark.parametrize("seed", range(20))
def test_twenty_days_of_counts_have_no_spike_but_the_planted_one(seed):
    """The course of a synthetic day, its counts alone."""
    day = Day(seed, 0)
    series: dict[str, dict[int, list[int]]] = {}
    for bucket, rows in enumerate(day.pieces(5)):
        for row in rows:
            counted = series.setdefault(row["service"], {}).setdefault(bucket, [0, 0])
            counted[0] += row.get("level") == "ERROR"
            counted[1] += 1
    told = {
        (rule.name, service)
        for rule in (Spike(name="v", measure="count", at_least=100, factor=3), ERRORS)
        for service, buckets in series.items()
        for bucket in buckets
        if unusual({at: tuple(two) for at, two in buckets.items()}, bucket, 14, rule, BUCKET_US)  # type: ignore[misc]
    }
    assert told == {("v", day.volume.group), ("e", day.errors.group)}


def test_what_comes_every_day_at_this_time_is_usual():
    draw = random.Random(1)
    daily = [draw.randrange(18, 22) for _ in range(5 * DAY)]
    for day in range(5):
        daily[day * DAY + 100] = 400
    assert unusual(counts_of(daily), 4 * DAY + 100, 14, VOLUME, BUCKET_US) is None
    daily[4 * DAY + 200] = 400
    found = unusual(counts_of(daily), 4 * DAY + 200, 14, VOLUME, BUCKET_US)
    assert found is not None
    assert (found.value, found.usual) == (400.0, 21.0)


def test_a_new_level_is_usual_once_it_lasts():
    series = [20] * 100 + [200] * 60
    told = [at for at in range(len(series)) if unusual(counts_of(series), at, 14, VOLUME, BUCKET_US)]
    assert told == list(range(100, 118)), "half of the three hours that are looked at"


def test_nothing_is_said_of_a_service_that_is_new():
    series = [20] * 10 + [500]
    assert unusual(counts_of(series), 10, 14, VOLUME, BUCKET_US) is None


def test_up_to_half_of_a_history_may_be_wrong():
    clean = usual_count([20, 21, 19, 20, 22, 18, 20, 21, 19])
    dirty = usual_count([20, 21, 19, 20, 22, 9000, 9000, 9000, 9000])
    assert clean.middle == 20
    assert dirty.middle <= 22
    assert clean.score(60) > 3.5
    assert usual_share([(0, 100)] * 30, 50).score(2 / 50) < 5 < usual_share([(0, 100)] * 30, 50).score(25 / 50)


@given(st.integers(0, 100_000), st.integers(0, 5000), st.integers(60, 5000), st.floats(1, 10))
def test_silence_is_longer_than_any_pause_and_the_least(last_s, pause_s, at_least_s, factor):
    habit = Habit(0, last_s, 100, pause_s)
    since = silent_since(habit, 1 << 40, at_least_s, factor, 3600)
    if last_s < 3600:
        assert since is None
    else:
        assert since is not None
        assert since - last_s >= at_least_s
        assert silent_since(habit, since - 1, at_least_s, factor, 3600) is None
    assert silent_since(Habit(0, 1 << 30, 3, 0), 1 << 40, at_least_s, factor, 0) is None


def test_a_pattern_is_new_by_its_first_logs():
    assert is_old([100, 900], 1000, 500)
    assert not is_old([600], 1000, 500)
    assert is_reached([0, 10, 20], 3, 21)
    assert not is_reached([0, 10, 20], 3, 20)
    assert not is_reached([0, 10], 3, 100)


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("count >= 10", [10.0], True),
        ("count>10", [10.0], False),
        ("error_share >= 20% and count >= 50", [0.2, 50.0], True),
        ("error_share >= 20 % AND count >= 50", [0.2, 49.0], False),
        ("avg(response_time_ms) > 500.5", [None], False),
        ("distinct( metadata.order.id ) > 3", [4.0], True),
        ("count < 1", [0.0], True),
    ],
)
def test_conditions_are_read_and_hold(text, values, holds):
    assert conditions.parse(text).holds(values) is holds


@pytest.mark.parametrize(
    "text", ["", "count", "count = 3", "count >= x", "sum >= 3", "count >= 20%", "a(b) > 1", "and"]
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValueError, match=r"comparison|percentage"):
        conditions.parse(text)


def test_whether_late_logs_matter_follows_from_the_condition():
    assert conditions.parse("count >= 3 and distinct(user_id) > 2").only_grows
    assert not conditions.parse("error_share > 1%").only_grows
    assert conditions.parse("count < 3").holds_of_nothing
    assert not conditions.parse("avg(response_time_ms) < 3").holds_of_nothing


spans = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 50)).map(lambda pair: (pair[0], sum(pair))), max_size=30)


@given(spans, st.integers(0, 20))
def test_joined_spans_cover_the_same_and_lie_apart(found, gap):
    told = joined(found, gap)
    assert all(any(start <= one[0] and one[1] <= end for start, end in told) for one in found)
    assert all(first[1] + gap < second[0] for first, second in pairwise(told))
    if gap == 0:
        assert {at for one in told for at in range(*one)} == {at for one in found for at in range(*one)}


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(1, 100))
def test_pieces_are_a_span_newest_first(start, length, longest):
    found = list(pieces((start, start + length), longest))
    assert found[0][1] == start + length
    assert found[-1][0] == start
    assert all(0 < end - begin <= longest for begin, end in found)
    assert all(first[0] == second[1] for first, second in pairwise(found))


moments = st.integers(-(10**15), 4 * 10**15)


@given(st.lists(moments, min_size=1, max_size=800), moments)
def test_the_spans_of_a_block_cover_its_times_are_few_and_do_not_reach_over_now(times, now):
    table = pa.table({"timestamp": pa.array(times, pa.timestamp("us", tz="UTC"))})
    found = spans_of(table, now)
    assert len(found) <= 600
    assert all(any(start <= at < end for start, end in found) for at in times)
    assert all(end <= now + MINUTE_US or start > now for start, end in found)


def test_the_last_hours_are_noted_by_the_minute_whatever_else_a_block_has():
    now = 20_000 * DAY_US + 10 * 60 * MINUTE_US
    last = [now - minutes * MINUTE_US for minutes in range(0, 120, 7)]
    old = [now - (24 + hours) * 60 * MINUTE_US for hours in range(300)]
    ahead = [now + (8 + hours) * 60 * MINUTE_US for hours in range(300)]
    table = pa.table({"timestamp": pa.array([*old, *last, *ahead], pa.timestamp("us", tz="UTC"))})
    found = spans_of(table, now)
    assert {(at, at + MINUTE_US) for at in last} <= set(found)


@given(spans.filter(bool), st.integers(2, 10), st.integers(0, 600))
def test_fewer_spans_cover_all_and_do_not_reach_over_now(found, most, now):
    minutes = [(start * MINUTE_US, end * MINUTE_US) for start, end in found]
    told = fewer(minutes, most, now * MINUTE_US)
    assert len(told) <= most
    assert all(any(start <= at * MINUTE_US < end for start, end in told) for span in found for at in range(*span))
    assert all(end <= (now + 1) * MINUTE_US or start > now * MINUTE_US for start, end in told)


@pytest.mark.parametrize(("took_s", "waited_s"), [(0.0, 10.0), (2.0, 10.0), (5.0, 20.0), (40.0, 60.0)])
def test_rounds_take_a_fifth_of_the_time_at_most_unless_they_would_be_a_minute_apart(took_s, waited_s):
    assert pause_s(10.0, took_s) == waited_s
    assert pause_s(300.0, took_s) == 300.0
