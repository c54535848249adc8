"""Flows: one request through several services, whose times, statuses, levels and error codes fit each other."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from generator.flows import shopping
from generator.flows.catalogue import FLOWS, Flow
from generator.flows.incidents import KINDS
from generator.flows.journey import Journey
from generator.log import Log
from logmill.record import LEVELS
from tests.support.generating import told

EVERY = [
    *((flow.tell.__name__, flow.tell) for flow in FLOWS),
    *((f"{kind.name} {name}", tell) for kind in KINDS.values() for name, tell in kind.instead.items()),
]
ADDED = [(kind.name, tell) for kind in KINDS.values() for tell, _share in kind.added]
every_flow = pytest.mark.parametrize("tell", [tell for _, tell in EVERY], ids=[name for name, _ in EVERY])
SEEDS = range(8)


def services(logs: list[tuple[int, Log]]) -> list[str]:
    seen: list[str] = []
    for _, log in logs:
        if log.level != "DEBUG" and (not seen or seen[-1] != log.service):
            seen.append(log.service)
    return seen


def rank(log: Log) -> int:
    return LEVELS.index(log.level)


@every_flow
def test_a_flow_is_one_request_in_one_trace(tell):
    for seed in SEEDS:
        logs = [log for _, log in told(tell, seed)]
        assert len({log.metadata.request_id for log in logs}) == 1
        assert len({log.trace_id for log in logs}) == 1
        assert len({log.metadata.user_id for log in logs}) == 1
        assert len({log.span_id for log in logs}) == len(logs)
        assert all(len(log.trace_id) == 32 and len(log.span_id) == 16 for log in logs)


@every_flow
def test_times_grow_and_response_times_add_up(tell):
    for seed in SEEDS:
        logs = told(tell, seed)
        times = [time_us for time_us, _ in logs]
        assert times == sorted(times)
        answer = logs[-1][1]
        assert answer.service == "api-gateway"
        took_us = answer.metadata.response_time_ms * 1000
        # From the request to the answer, to the microsecond; and the calls between them do not take longer than all.
        assert took_us == pytest.approx(times[-1] - times[0], abs=0.5)
        calls = [log.metadata.response_time_ms or 0.0 for _, log in logs[:-1]]
        assert sum(calls) < answer.metadata.response_time_ms


@every_flow
def test_levels_statuses_and_error_codes_fit(tell):
    for seed in SEEDS:
        for _, log in told(tell, seed):
            status, code = log.metadata.status_code, log.metadata.error_code
            if status >= 500:
                assert log.level in {"WARNING", "ERROR", "CRITICAL"}
            elif status >= 400:
                assert log.level == "WARNING"
            elif status:
                assert log.level in {"INFO", "WARNING"}
            assert bool(code) == (status >= 400)
            assert not status or (log.metadata.method and log.metadata.path.startswith("/"))


@every_flow
def test_what_fails_in_a_service_fails_at_the_gateway_too(tell):
    for seed in SEEDS:
        logs = [log for _, log in told(tell, seed)]
        failed = any(log.metadata.status_code >= 500 for log in logs[:-1])
        refused = any(400 <= log.metadata.status_code < 500 for log in logs[:-1])
        answered = logs[-1].metadata.status_code
        assert (answered >= 500) == failed
        assert (400 <= answered < 500) == (refused and not failed)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.tell.__name__)
def test_the_worst_level_of_a_flow_is_its_outcome(flow: Flow):
    for seed in SEEDS:
        assert max((log for _, log in told(flow.tell, seed)), key=rank).level == flow.outcome


@pytest.mark.parametrize("tell", [tell for _, tell in ADDED], ids=[name for name, _ in ADDED])
def test_what_an_incident_adds_says_that_something_is_wrong(tell):
    logs = told(tell)
    assert logs
    assert max(rank(log) for _, log in logs) >= LEVELS.index("WARNING")
    assert logs[-1][1].metadata.error_code


def test_a_checkout_touches_gateway_auth_inventory_and_payment():
    logs = told(shopping.checkout)
    assert services(logs) == ["api-gateway", "auth", "inventory", "payment", "inventory", "api-gateway"]
    assert logs[-1][1].metadata.status_code == 201


def test_with_payment_down_the_gateway_tries_again_later_each_time_and_gives_up():
    logs = told(shopping.charge_unreachable)
    tries = [(time_us, log) for time_us, log in logs if log.message.startswith("Charge of order")]
    assert [log.level for _, log in tries] == ["WARNING", "WARNING", "ERROR"]
    pauses = [later - sooner for (sooner, _), (later, _) in pairwise(tries)]
    assert 100_000 < pauses[0] < pauses[1]
    assert "payment" not in services(logs)
    assert logs[-1][1].metadata.status_code in {502, 503}


def test_all_five_services_have_their_part():
    seen = {log.service for _, tell in EVERY for _, log in told(tell)}
    assert seen == {"api-gateway", "auth", "user", "inventory", "payment"}


def test_only_requests_are_the_answers_of_the_gateway():
    for _, tell in EVERY:
        logs = told(tell, only_requests=True)
        assert [log.service for _, log in logs] == ["api-gateway"]
        assert logs[0][1].metadata.client_ip.startswith("198.1")


def test_slow_times_make_everything_take_longer():
    def took(slowness: float) -> float:
        journey = Journey(Random(3), users=10)
        journey.slowness = slowness
        journey.begin(0)
        shopping.checkout(journey)
        return journey.logs[-1][2].metadata.response_time_ms

    assert took(2.5) == pytest.approx(2.5 * took(1.0), rel=0.001)
