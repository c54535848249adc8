"""Options: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from generator.custom import CustomFields
from generator.log import metadata_with
from generator.options import Asked, plan_of
from generator.spans import Burst
from logmill.errors import ConfigError


def plan(**asked: Any):
    return plan_of(Asked(**{"rate": "10", "format": "json", "frequency": "5", **asked}))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10", 10.0),
        ("0.5", 0.5),
        ("50,000", 50_000.0),
        ("1,000,000", 1e6),
        ("1_000.5", 1000.5),
        ("max", None),
        ("MAX", None),
    ],
)
def test_rates(text: str, rate: float | None):
    assert plan(rate=text).rate == rate


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("500ms", 0.5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("1d", 86_400)]
)
def test_spans_of_time(text: str, seconds: float):
    assert plan(duration=text).duration_s == seconds


def test_a_burst_comes_after_one_period_unless_it_is_said_when():
    bursts = plan(bursts=["10x:30s:every=5m", "3x:1m:at=2m", "2.5x:10s", "0x:1s:at=5s:every=10s"]).bursts
    assert bursts == (
        Burst(factor=10, at_us=300_000_000, for_us=30_000_000, every_us=300_000_000),
        Burst(factor=3, at_us=120_000_000, for_us=60_000_000),
        Burst(factor=2.5, at_us=0, for_us=10_000_000),
        Burst(factor=0, at_us=5_000_000, for_us=1_000_000, every_us=10_000_000),
    )


def test_an_incident_has_a_kind_and_times():
    (incident,) = plan(incidents=["payment-outage:at=2m:for=30s:every=10m"]).incidents
    assert incident.kind.name == "payment-outage"
    assert (incident.at_us, incident.for_us, incident.every_us) == (120_000_000, 30_000_000, 600_000_000)


def test_levels_are_named_as_loggers_do():
    assert plan(levels="debug=5,warn=1,INFO=10").levels == {"DEBUG": 5, "WARNING": 1, "INFO": 10}
    assert plan(heartbeat=True, level="warn").heartbeat_level == "WARNING"


def test_a_heartbeat_has_the_rate_of_its_frequency():
    assert plan(heartbeat=True, frequency="0.5").rate == 2.0
    assert plan(heartbeat=True, frequency="1m").rate == pytest.approx(1 / 60)


def test_without_a_seed_runs_differ():
    assert len({plan().seed for _ in range(8)}) > 1
    assert plan(seed=7).seed == 7


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rate": "fast"}, "--rate"),
        ({"rate": "0"}, "--rate"),
        ({"rate": "-1"}, "--rate"),
        ({"rate": "nan"}, "--rate"),
        ({"rate": "1e9"}, "--rate"),
        ({"rate": "1,5"}, "--rate"),
        ({"rate": "1,0000"}, "--rate"),
        ({"duration": "soon"}, "--duration"),
        ({"duration": "-5s"}, "--duration"),
        ({"duration": "99999d"}, "--duration"),
        ({"start": "yesterday"}, "--start"),
        ({"levels": "INFO"}, "--levels"),
        ({"levels": "INFO=-1"}, "--levels"),
        ({"levels": "LOUD=1"}, "--levels"),
        ({"bursts": ["10:30s"]}, "--burst"),
        ({"bursts": ["10x"]}, "--burst"),
        ({"bursts": ["10x:30s:every=30s"]}, "--burst"),
        ({"bursts": ["10x:0s"]}, "--burst"),
        ({"bursts": ["10x:30s:every=5m:every=6m"]}, "--burst"),
        ({"bursts": ["10x:30s:sometimes"]}, "--burst"),
        ({"incidents": ["earthquake"]}, "--incident: there is no 'earthquake'; known are payment-outage"),
        ({"incidents": ["payment-outage:at=then"]}, "--incident"),
        ({"incidents": ["payment-outage:for=2m:every=1m"]}, "--incident"),
        ({"backfill": True}, "--backfill"),
        ({"backfill": True, "start": "2026-01-01"}, "--backfill"),
        ({"backfill": True, "start": "2026-01-01", "count": 5, "rate": "max"}, "--backfill"),
        ({"rate": "max", "start": "2026-01-01"}, "--rate max"),
        ({"rate": "max", "bursts": ["2x:1s"]}, "--rate max"),
        ({"rate": "max", "curve": "daily"}, "--rate max"),
        ({"heartbeat": True, "frequency": "0"}, "--frequency"),
        ({"heartbeat": True, "level": "loud"}, "--level"),
        ({"heartbeat": True, "incidents": ["disk-full"]}, "--heartbeat"),
        ({"producer": "http://a", "broker": "sqlite:///b"}, "only one of them"),
        ({"producer": "http://a", "outputs": ["b"]}, "only one of them"),
        ({"fields": ["region"]}, "--field"),
        ({"fields": ["a b=c"]}, "--field"),
        ({"fields": ["path=/"]}, "--field: logs have a path"),
        ({"fields": ["level=x"]}, "--field: logs have a level"),
        ({"fields": ["msg=x"]}, "--field: logs have a msg"),
        ({"fields": ["time=x"]}, "--field: logs have a time"),
        ({"fields": ["a=1", "a=2"]}, "--field"),
        ({"fields": ["a=1\n2"]}, "--field"),
        ({"fields": ["a={3..1}"]}, "--field"),
        ({"fields": [f"a{number}=1" for number in range(33)]}, "--field"),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(asked: dict[str, Any], words: str):
    with pytest.raises(ConfigError, match=words):
        plan(**asked)


def test_custom_fields_are_drawn_from_their_templates():
    fields = CustomFields.of(["region=eu-{1..3}", "tier={free,paid}", "version=7.2", "node={a,b}{-1..1}", "empty="])
    draw = fields.drawing(Random(1))
    assert draw is not None
    drawn = [dict(zip(fields.names, draw(), strict=True)) for _ in range(300)]
    assert {values["region"] for values in drawn} == {"eu-1", "eu-2", "eu-3"}
    assert {values["tier"] for values in drawn} == {"free", "paid"}
    assert {values["version"] for values in drawn} == {"7.2"}
    assert {values["node"] for values in drawn} == {"a-1", "a0", "a1", "b-1", "b0", "b1"}
    assert {values["empty"] for values in drawn} == {""}


def test_custom_fields_are_members_of_the_metadata():
    import msgspec

    made = metadata_with(["x-team", "region"])
    values = msgspec.structs.astuple(metadata_with([])("req-1"))
    assert msgspec.json.decode(msgspec.json.encode(made(*values, "blue", "eu-1"))) == {
        "request_id": "req-1",
        "x-team": "blue",
        "region": "eu-1",
    }
    assert CustomFields.of([]).drawing(Random(1)) is None
