"""A synthetic day with planted spikes, silences and fraud: every plant is found, with at most one false alarm."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.support.synthetic_day import Day, Plant
from tests.support.watched_store import MIDNIGHT, MINUTE, WatchedStore

# As if storage looked so seldom: a round at each five minutes would take a minute of a machine.
STEP_MINUTES = 15
# A plant may be told of so long after it began: a bucket, its grace, and the step of this test; silence takes longer.
LATE = 21 * MINUTE
SILENCE_LATE = 45 * MINUTE


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def is_of(alert: dict, plant: Plant) -> bool:
    since = us(alert["since"]) - MIDNIGHT
    late = SILENCE_LATE if "silence" in plant.rules else LATE
    return (
        alert["rule"] in plant.rules
        and plant.group in alert["group"].values()
        and plant.start - 5 * MINUTE <= since <= plant.start + late
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
def test_every_plant_is_found_in_time_and_hardly_anything_else(tmp_path, seed):
    day = Day(seed, MIDNIGHT)
    with WatchedStore(tmp_path / "data") as watched:
        for rows in day.pieces(STEP_MINUTES):
            watched.now += STEP_MINUTES * MINUTE
            watched.insert(rows)
            watched.tick()
        assert watched.errors() == {}
        alerts = watched.alerts()
    for plant in day.plants:
        found = [alert for alert in alerts if is_of(alert, plant)]
        assert len(found) == 1, (plant, [(one["rule"], one["group"], one["since"]) for one in alerts])
        assert us(found[0]["fired_at"]) - MIDNIGHT <= plant.start + SILENCE_LATE
        assert found[0]["state"] == "resolved"
    others = [alert for alert in alerts if not any(is_of(alert, plant) for plant in day.plants)]
    assert len(others) <= 1, [(one["rule"], one["group"], one["since"], one["summary"]) for one in others]
