"""What the load test measures, against servers that stall, refuse, fail and are away."""

from __future__ import annotations

import json
import math
import time

import pytest

from logmill.bench.counts import Totals
from logmill.bench.plan import Part, Plan, Question, Share
from logmill.bench.sending import Sending
from tests.support.answering_server import AnsweringServer, Reply
from tests.support.ports import free_port
from tests.support.waiting import wait_until


def plan(url: str, **more: object) -> Plan:
    values: dict[str, object] = {
        "run": "bench-test", "producer_url": url, "storage_url": url, "key": "secret", "parts": (Part.INGEST,),
        "rate": 200.0, "query_rate": None, "batch": 1, "processes": 1, "connections": 2, "duration_s": 3.0,
        "warm_up_s": 0.0, "max_behind_s": 10.0, "timeout_s": 10.0, "settle_s": 5.0, "seed": 1,
        "questions": (Question("newest", "/logs?limit=1"), Question("stats", "/logs/stats")),
    }  # fmt: skip
    return Plan(**{**values, **more})  # type: ignore[arg-type]


def measured(asked: Plan, part: Part = Part.INGEST, lead_s: float = 0.05) -> Totals:
    """What one process measures of all of a plan."""
    sending = Sending(asked, Share(part, 0, 1))
    sending.begin(time.monotonic() + lead_s)
    wait_until(sending.is_done, 60, "the load is over")
    assert sending.error is None
    return Totals([sending.snapshot()])


def ranked(values_s: list[float], percent: float) -> float:
    """The nearest rank, a little less: a histogram is exact to a thousandth."""
    return sorted(values_s)[math.ceil(len(values_s) * percent / 100) - 1] * 0.998


def test_a_server_that_stalls_shows_in_the_latency_of_all_that_were_due_meanwhile() -> None:
    """By the stall as the server measured it, so that it holds however busy this machine is."""
    with AnsweringServer() as server:
        sending = Sending(plan(server.url), Share(Part.INGEST, 0, 1))
        start_s = time.monotonic() + 0.05
        server.stall(after_s=1.0, time_s=1.0)
        sending.begin(start_s)
        wait_until(sending.is_done, 60, "the load is over")
        found = Totals([sending.snapshot()])
        assert server.stalled_s is not None
        begin_s, end_s = server.stalled_s
    assert sending.error is None
    assert found.all.counts.ok == len(server.arrived_s) == 600
    due_s = [start_s + number / 200 for number in range(600)]
    # What was due while it stalled had no answer before its end.
    at_least_s = [end_s - at_s if begin_s <= at_s <= end_s else 0.0 for at_s in due_s]
    assert sum(time_s > 0 for time_s in at_least_s) > 100
    for percent in (75.0, 90.0, 99.0, 100.0):
        assert found.all.latency.at([percent])[0] >= ranked(at_least_s, percent), percent
    # Only two were sent meanwhile, one a connection: a test that waits for answers would see nothing else.
    arrived_s = [at_s for at_s in server.arrived_s if begin_s <= at_s < end_s]
    assert 1 <= len(arrived_s) <= 2
    assert found.all.service.at([100.0])[0] >= (end_s - arrived_s[0]) * 0.998
    assert found.all.service.at([99.0])[0] < found.all.latency.at([99.0])[0] / 2
    # The others were sent when it was over,
    waited_s = [*sorted(at_least_s)[:-2], 0.0, 0.0]
    for percent in (75.0, 90.0, 99.0):
        assert found.behind.at([percent])[0] >= ranked(waited_s, percent), percent
    # and no time is counted that was not waited: nothing was sent later than it arrived.
    late_s = sum(server.arrived_s) / 600 - sum(due_s) / 600
    assert found.behind.mean_s <= late_s * 1.002
    assert found.all.latency.mean_s == pytest.approx(found.behind.mean_s + found.all.service.mean_s, rel=0.002)


def test_the_rate_is_kept_within_two_percent_and_the_requests_are_evenly_apart() -> None:
    with AnsweringServer() as server:
        found = measured(plan(server.url, rate=1000.0, batch=10, connections=8, duration_s=4.0))
    assert found.all.counts.ok == len(server.arrived_s) == 400
    assert found.all.counts.ok / found.elapsed_s == pytest.approx(100.0, rel=0.02)
    # As the server saw it; the ends are a request apart from the length.
    span_s = server.arrived_s[-1] - server.arrived_s[0]
    assert 399 / span_s == pytest.approx(100.0, rel=0.02)
    halfway = sum(arrived_s - server.arrived_s[0] < span_s / 2 for arrived_s in server.arrived_s)
    assert halfway == pytest.approx(200, rel=0.05)
    assert server.keys == {"Bearer secret"}
    assert len(json.loads(server.bodies[7])) == 10


def test_what_is_slower_than_the_rate_is_behind_drops_and_ends_in_time() -> None:
    began_s = time.monotonic()
    with AnsweringServer(lambda _number: Reply(after_s=0.05)) as server:
        # 2 connections of 20 answers a second each, where 200 are asked for.
        found = measured(plan(server.url, duration_s=2.0, max_behind_s=0.5))
    took_s = time.monotonic() - began_s
    counts = found.all.counts
    assert counts.ok + counts.dropped == 400
    assert counts.ok == len(server.arrived_s) <= 110
    assert took_s < 5.0
    assert found.behind_s == 0.0
    # Those that were dropped count with what they had waited: most of all requests, so the median shows it.
    assert found.all.latency.at([50.0])[0] >= 0.5
    assert found.all.service.at([50.0])[0] < 0.2
    assert len(found.all.latency) == 400
    # The time goes on until the last answer, so what was kept is what the server could do.
    assert counts.ok / found.elapsed_s == pytest.approx(2 / 0.05, rel=0.25)


def test_the_warm_up_is_counted_apart_and_not_timed() -> None:
    with AnsweringServer(lambda number: Reply(after_s=0.3 if number < 2 else 0.0)) as server:
        found = measured(plan(server.url, rate=100.0, warm_up_s=1.0, duration_s=1.0, connections=8))
    assert (found.warm_up.ok, found.all.counts.ok) == (100, 100)
    assert found.all.latency.at([100.0])[0] < 0.3
    assert found.warm_up.logs_accepted + found.all.counts.logs_accepted == 200


def test_what_is_refused_is_counted_never_sent_again_and_not_timed() -> None:
    refusal = Reply(503, b'{"code": "broker_full", "message": "full"}', {"Retry-After": "1"})
    with AnsweringServer(lambda number: refusal if number % 2 else Reply(after_s=0.02)) as server:
        found = measured(plan(server.url, rate=50.0, duration_s=1.0))
    counts = found.all.counts
    assert (counts.ok, counts.refused, counts.failed) == (25, 25, 0)
    assert (counts.logs_accepted, counts.logs_refused) == (25, 25)
    assert len(server.arrived_s) == 50
    assert len(found.all.latency) == 25


def test_failures_are_counted_by_kind_with_what_the_first_said() -> None:
    replies = {
        0: Reply(400, b'{"code": "invalid_field", "message": "level must be text"}'),
        1: Reply(500, b"<html>"),
        2: Reply(0),
        3: Reply(201, b"not JSON"),
        4: Reply(after_s=3.0),
        5: Reply(201, b'{"accepted": 0, "rejected": 1}'),
    }
    with AnsweringServer(lambda number: replies.get(number, Reply())) as server:
        found = measured(plan(server.url, rate=10.0, duration_s=1.0, connections=4, timeout_s=0.5))
    counts = found.all.counts
    assert found.failures == {
        "status 400": 1, "status 500": 1, "connection": 1, "answer is no JSON": 1, "timeout": 1
    }  # fmt: skip
    assert found.example == "400 invalid_field: level must be text"
    assert (counts.ok, counts.failed) == (5, 5)
    assert (counts.logs_accepted, counts.logs_rejected, counts.logs_unsure) == (4, 2, 4)
    # The one that timed out has waited half a second at least; the others that failed say nothing of time.
    assert len(found.all.latency) == 6
    assert 0.5 <= found.all.latency.at([100.0])[0] < 1.5


def test_a_server_that_is_away_fails_every_request_and_nothing_spins() -> None:
    found = measured(plan(f"http://127.0.0.1:{free_port()}", rate=None, duration_s=1.0))
    counts = found.all.counts
    assert counts.ok == 0
    # Two connections that rest for a fifth of a second after each.
    assert 2 <= counts.failed <= 12
    assert found.failures == {"connection": counts.failed}


def test_a_closed_loop_sends_when_it_was_answered_and_rests_as_long_as_it_is_told_to() -> None:
    with AnsweringServer(lambda _number: Reply(after_s=0.05)) as server:
        found = measured(plan(server.url, rate=None, duration_s=1.0))
    assert 10 <= found.all.counts.ok <= 40
    assert found.all.latency.encoded() == found.all.service.encoded()
    refusal = Reply(503, b"{}", {"Retry-After": "1"})
    with AnsweringServer(lambda _number: refusal) as server:
        found = measured(plan(server.url, rate=None, duration_s=1.5))
    assert found.all.counts.refused == 4


def test_questions_are_counted_by_name_the_same_ones_for_the_same_seed() -> None:
    found = []
    for _ in range(2):
        with AnsweringServer(lambda _number: Reply(200, b"x" * 100_000)) as server:
            totals = measured(plan(server.url, query_rate=100.0, duration_s=1.0, connections=8), Part.QUERY)
        assert totals.all.counts.bytes_received == 100 * 100_000
        found.append({name: times.counts.ok for name, times in totals.series.items()})
    assert found[0] == found[1]
    assert sum(found[0].values()) == 100
    assert set(found[0]) == {"newest", "stats"}


def test_a_load_that_is_stopped_ends_with_what_it_has() -> None:
    with AnsweringServer() as server:
        sending = Sending(plan(server.url, duration_s=600.0, rate=100.0), Share(Part.INGEST, 0, 1))
        sending.begin(time.monotonic())
        wait_until(lambda: len(server.arrived_s) >= 20, 20, "some were sent")
        stopped_s = time.monotonic()
        sending.stop()
        wait_until(sending.is_done, 10, "it ends")
        assert time.monotonic() - stopped_s < 3.0
        found = Totals([sending.snapshot()])
    assert found.all.counts.ok == len(server.arrived_s)
    assert found.all.counts.ok / found.elapsed_s == pytest.approx(100.0, rel=0.15)
    assert sending.error is None
