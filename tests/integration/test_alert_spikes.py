"""Spikes among more services than one query may answer about: each is found, and nobody else is told of."""

from __future__ import annotations

import pytest

from storage.alerting import spikes
from tests.support.watched_store import MINUTE, SECOND, WatchedStore

RULES = """
detectors:
  defaults: false
  rules:
    - {name: volume, kind: spike, measure: count, at_least: 20, factor: 3, history: 14d}
"""
SERVICES = 60
SPIKES = {"s7", "s31", "s59"}


def watch(watched: WatchedStore, rounds: int = 3) -> None:
    """Four hours of steady services, some of which have six times as much in the end."""
    end = watched.now
    for bucket in range(48, 0, -1):
        watched.now = end - bucket * 5 * MINUTE
        steady = [
            {"service": f"s{number}", "timestamp": watched.now + second * SECOND}
            for number in range(SERVICES)
            for second in range(0, 300, 12)
        ]
        more = [
            {"service": name, "timestamp": watched.now + second * SECOND} for name in SPIKES for second in range(125)
        ]
        watched.insert(steady + (more if bucket == 1 else []))
        if bucket < 8 and rounds > 1:
            watched.tick()
    watched.now = end
    for _ in range(rounds):
        watched.tick(MINUTE)


@pytest.mark.parametrize("most_rows", [2000, 100_000])
def test_steady_services_are_no_alerts_and_spikes_are_however_many_services_there_are(tmp_path, monkeypatch, most_rows):
    monkeypatch.setattr(spikes, "MAX_ROWS", most_rows)
    with WatchedStore(tmp_path / "data", RULES) as watched:
        watch(watched)
        assert {alert["group"]["service"] for alert in watched.alerts()} == SPIKES
        assert watched.errors() == {}
        assert not watched.alerting.rules()[0]["truncated"]


def test_of_what_is_too_much_nothing_is_told_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(spikes, "MAX_ROWS", 30)
    with WatchedStore(tmp_path / "data", RULES) as watched:
        watch(watched, rounds=1)
        assert watched.alerts() == []
        assert watched.alerting.rules()[0]["truncated"]
