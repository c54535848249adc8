"""Tests of the processes of a load test: what becomes of them when they are ended."""

from __future__ import annotations

import os
import signal

import pytest

from logmill.bench.fleet import Fleet
from logmill.bench.plan import Part, Plan
from logmill.errors import LogmillError

PLAN = Plan(
    run="bench-bcdf",
    producer_url="http://127.0.0.1:1",
    storage_url="http://127.0.0.1:1",
    key="",
    parts=(Part.QUERY,),
    rate=None,
    query_rate=1.0,
    batch=1,
    processes=1,
    connections=1,
    duration_s=5.0,
    warm_up_s=0.0,
    max_behind_s=1.0,
    timeout_s=1.0,
    settle_s=1.0,
    seed=1,
)


def end_before_it_reads(fleet: Fleet) -> None:
    """Have the process end with commands that it has not read, and take what is left of what it told."""
    [process] = fleet._processes
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    fleet.begin()


def listen(fleet: Fleet) -> None:
    for _ in range(50):
        fleet.listen(0.2)
        if fleet.is_done():
            return


def test_a_process_that_is_killed_before_it_has_read_its_commands_is_one_that_has_ended():
    with Fleet(PLAN) as fleet:
        end_before_it_reads(fleet)
        fleet.stop()
        fleet.kill()
        listen(fleet)
        assert fleet.is_done()


def test_a_process_that_goes_without_being_asked_to_is_an_error_that_names_it():
    with Fleet(PLAN) as fleet:
        end_before_it_reads(fleet)
        fleet.kill()
        with pytest.raises(LogmillError, match=r"\(query 1 of 1\) has gone"):
            listen(fleet)
