"""The logs that the load test sends."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from logmill.bench.records import LEVELS, PROBE_SERVICE, SERVICES, Bodies, bytes_per_log, probe

RUN = "bench-bcdfghjklmnp"


def without_times(body: bytes) -> bytes:
    return re.sub(rb'"timestamp":"[^"]+"', b"", body)


def test_the_same_seed_gives_the_same_logs_and_another_seed_others() -> None:
    one, same, other = (Bodies(seed, RUN, 50) for seed in (1, 1, 2))
    assert [without_times(one.body(number)) for number in (0, 7, 400)] == [
        without_times(same.body(number)) for number in (0, 7, 400)
    ]
    assert without_times(one.body(3)) != without_times(other.body(3))


def test_logs_are_as_the_producer_takes_them_and_no_two_have_the_same_request() -> None:
    bodies = Bodies(1, RUN, 100)
    logs = [log for number in range(400) for log in json.loads(bodies.body(number))]
    assert len(logs) == 40_000
    assert len({log["metadata"]["request_id"] for log in logs}) == 40_000
    assert {log["metadata"]["bench_run"] for log in logs} == {RUN}
    assert {log["service"] for log in logs} == set(SERVICES)
    assert all(name.startswith("bench-") for name in SERVICES)
    assert not any(mark in log["message"] for log in logs for mark in "{}%")
    levels = Counter(log["level"] for log in logs)
    for level, weight in LEVELS.items():
        assert levels[level] / len(logs) == pytest.approx(weight / 100, rel=0.15)
    for log in logs:
        is_good = log["level"] in {"DEBUG", "INFO"}
        assert (log["metadata"]["status_code"] < 400) == is_good
        if "request" in log["message"]:
            assert log["metadata"]["request_id"] in log["message"]
        if "/" in log["message"]:
            assert log["metadata"]["path"] in log["message"]


def test_times_are_those_of_the_making_and_rise_within_a_request() -> None:
    times = [datetime.fromisoformat(log["timestamp"]) for log in json.loads(Bodies(1, RUN, 1000).body(0))]
    assert times == sorted(times)
    assert len(set(times)) == 1000
    assert abs(datetime.now(UTC) - times[0]) < timedelta(seconds=10)


def test_a_request_of_one_log_is_an_object() -> None:
    log = json.loads(Bodies(1, RUN, 1).body(5))
    assert log["metadata"]["bench_run"] == RUN
    assert bytes_per_log(1, RUN, 1) == pytest.approx(bytes_per_log(1, RUN, 5000), rel=0.3)


def test_a_probe_is_an_error_that_is_told_apart_from_what_is_counted() -> None:
    log = json.loads(probe(RUN, 7))
    assert (log["level"], log["service"]) == ("ERROR", PROBE_SERVICE)
    assert log["metadata"] == {"bench_probe": RUN, "bench_number": 7}
