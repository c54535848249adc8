"""Logs for moments: one each, in order, repeatable, many flows at once, incidents while they last."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest

from generator.flows.incidents import KINDS
from generator.flows.journey import Journey
from generator.log import Made
from generator.maker import Maker
from generator.mix import DEFAULT_LEVELS, mix_of
from generator.spans import Incident
from tests.support.generating import EPOCH_US, made, maker

S = 1_000_000


def by_request(found: Made) -> dict[str, list[tuple[int, str]]]:
    flows = defaultdict(list)
    for time_us, log in zip(*found, strict=True):
        flows[log.metadata.request_id].append((time_us, log.service))
    return flows


@pytest.mark.parametrize("rate", [1, 10, 1000, 100_000])
def test_each_moment_has_one_log_that_is_not_later_than_it(rate: int):
    moments = range(0, min(20_000, 2000 * rate) * S // rate, S // rate)
    found = maker().make(moments)
    assert len(found.logs) == len(found.times_us) == len(moments)
    assert found.times_us == sorted(found.times_us)
    lags = [EPOCH_US + moment - time_us for moment, time_us in zip(moments, found.times_us, strict=True)]
    assert min(lags) >= 0
    # A flow's logs lie closer together than moments at a low rate; then it is told within so many moments.
    assert max(lags) <= max(2 * S, 60 * S // rate)


def test_the_same_seed_makes_the_same_logs_however_they_are_asked_for():
    one, other = maker(7), maker(7)
    moments = list(range(0, 10 * S, 700))
    at_once = one.make(moments)
    in_parts = [other.make(moments[start : start + size]) for start, size in _parts(len(moments))]
    assert [log for part in in_parts for log in part.logs] == at_once.logs
    assert [time_us for part in in_parts for time_us in part.times_us] == at_once.times_us
    assert maker(8).make(moments).logs != at_once.logs


def _parts(count: int):
    rng, start = Random(1), 0
    while start < count:
        size = rng.choice([1, 3, 50, 999])
        yield start, size
        start += size


def test_flows_of_many_users_go_on_at_once_and_end():
    found = made(100_000, rate=2000)
    flows = by_request(found)
    spans = [(times[0][0], times[-1][0]) for times in flows.values()]
    middle = EPOCH_US + 25 * S
    assert sum(begin <= middle <= end for begin, end in spans) > 50
    # All but those that were cut off at the end have an answer.
    complete = sum(times[-1][1] == "api-gateway" and len(times) > 1 for times in flows.values())
    assert complete / len(flows) > 0.98


def test_flows_begin_evenly():
    """A rate that is kept by whatever happens to be there must not come in waves of beginnings and ends."""
    found = made(100_000, rate=2500)
    begins = Counter(times[0][0] // 100_000 for times in by_request(found).values())
    settled = [begins[EPOCH_US // 100_000 + tenth] for tenth in range(100, 390)]
    mean = sum(settled) / len(settled)
    assert all(0.5 * mean < count < 1.5 * mean for count in settled)


def test_no_two_flows_share_an_id():
    flows = by_request(made(50_000))
    assert max(map(len, flows.values())) < 30
    assert len(flows) > 50_000 / 10


@pytest.mark.parametrize("name", KINDS)
def test_an_incident_is_there_while_it_lasts_and_not_otherwise(name: str):
    incident = Incident(kind=KINDS[name], at_us=20 * S, for_us=10 * S, every_us=40 * S)
    found = made(40_000, rate=500, incidents=[incident])
    during: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for time_us, log in zip(*found, strict=True):
        at_s = (time_us - EPOCH_US) / S
        # The first seconds after a change have flows of before.
        if at_s % 20 > 5:
            during[20 <= at_s % 40 < 30][log.level] += 1
    share = {
        is_on: {level: levels[level] / levels.total() for level in ("WARNING", "ERROR", "CRITICAL")}
        for is_on, levels in during.items()
    }
    assert max(share[True][level] / share[False][level] for level in share[True]) > 1.5
    assert sum(share[False].values()) == pytest.approx(0.2, abs=0.03)


def test_payment_down_is_seen_at_the_gateway_as_502_and_503():
    incident = Incident(kind=KINDS["payment-outage"], at_us=10 * S, for_us=20 * S)
    found = made(40_000, rate=1000, incidents=[incident])
    outcomes: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    for time_us, log in zip(*found, strict=True):
        if log.metadata.path == "/api/v1/checkout" and log.metadata.user_agent:
            at_s = (time_us - EPOCH_US) / S
            # Checkouts that began before it take some seconds to end.
            if at_s < 10 or 20 < at_s < 29:
                outcomes[at_s > 20][log.metadata.status_code] += 1
    assert set(outcomes[True]) == {502, 503}
    assert outcomes[False][201] > outcomes[False].total() / 4


def test_a_login_attack_comes_from_one_address():
    incident = Incident(kind=KINDS["login-attack"], at_us=0, for_us=60 * S)
    failed = [log for log in made(30_000, incidents=[incident]).logs if log.message.startswith("Login failed")]
    addresses = Counter(log.message.partition(" from ")[2].partition(":")[0] for log in failed)
    address, count = addresses.most_common(1)[0]
    assert count > 0.7 * len(failed)
    assert len({log.metadata.user_id for log in failed if address in log.message}) > 0.9 * count


def test_slow_hours_are_slow():
    def median_ms(slowness: float) -> float:
        journey = Journey(Random(2), users=1000)
        slow = Maker(mix_of(DEFAULT_LEVELS), journey, Random(1), slowness=lambda _time_s: slowness)
        logs = slow.make(range(0, 20 * S, 1000)).logs
        answers = sorted(log.metadata.response_time_ms for log in logs if log.metadata.user_agent)
        return answers[len(answers) // 2]

    assert median_ms(2.0) == pytest.approx(2 * median_ms(1.0), rel=0.1)


def test_what_waits_is_bounded_where_an_incident_has_longer_flows():
    """Without a bound flows would begin at the old pace and wait longer and longer."""
    incident = Incident(kind=KINDS["payment-outage"], at_us=0, for_us=10**12)
    running = maker(incidents=[incident])
    for start in range(0, 100 * S, 10 * S):
        found = running.make(range(start, start + 10 * S, 1000))
    assert EPOCH_US + 100 * S - found.times_us[-1] < S
