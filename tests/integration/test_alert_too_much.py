"""What is too much for one look is judged by halves, and keeps nothing else from being judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from storage.alerting.book import Owed, together
from storage.errors import QueryTimeout
from tests.support.watched_store import HOUR, MINUTE, SECOND, WatchedStore

OWN = "detectors:\n  defaults: false\n  rules:\n"
COUNT = "  - {name: errors, kind: threshold, q: 'level:error', group_by: [service], when: count >= 5}\n"
BEAT = "  - {name: beats, kind: threshold, q: 'message:beat', window: 10s, when: count < 1}\n"
BURST = "  - {name: logins, kind: burst, q: failed, per: address, at_least: 5, window: 10m}\n"


def limit(
    watched: WatchedStore, monkeypatch: pytest.MonkeyPatch, is_ok: Callable[[tuple[int, int]], bool]
) -> list[Any]:
    """Have looks of the first rule time out where a span is too much; those that it was asked for."""
    detector = watched.alerting.detectors[0]
    look, asked = detector.look, []

    def limited(engine: Any, span: tuple[int, int], now_us: int) -> Any:
        asked.append(span)
        if not is_ok(span):
            raise QueryTimeout("too long")
        return look(engine, span, now_us)

    monkeypatch.setattr(detector, "look", limited)
    return asked


def shorter_than(length: int) -> Callable[[tuple[int, int]], bool]:
    return lambda span: span[1] - span[0] <= length


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * SECOND)


def state(watched: WatchedStore) -> dict[str, Any]:
    return watched.alerting.rules()[0]


def test_a_span_that_takes_too_long_is_judged_by_halves(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + COUNT) as watched:
        asked = limit(watched, monkeypatch, shorter_than(2 * HOUR))
        then = watched.now - 11 * HOUR
        watched.insert([{"timestamp": watched.now - number * 5 * MINUTE} for number in range(144)])
        watched.insert([{"level": "ERROR", "timestamp": then}] * 5)
        for _ in range(6):
            watched.tick(MINUTE)
        assert [alert["rule"] for alert in watched.alerts()] == ["errors"]
        assert (state(watched)["waiting"], state(watched)["behind"], watched.errors()) == (0, False, {})
        assert "unjudged" not in watched.alerting.file.counts()
        assert len(asked) < 15
        assert [end for _, end in asked[3:]] == sorted((end for _, end in asked[3:]), reverse=True), "newest first"


def test_logs_of_now_are_judged_while_a_backlog_before_them_takes_too_long(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + COUNT) as watched:
        limit(watched, monkeypatch, shorter_than(2 * HOUR))
        watched.insert([{"timestamp": watched.now - number * MINUTE} for number in range(240)])
        for _ in range(6):
            watched.insert([{"level": "ERROR", "service": "live"}] * 5)
            watched.tick(MINUTE)
        assert [alert["group"]["service"] for alert in watched.alerts()] == ["live"]


def test_what_can_never_be_judged_is_given_up_counted_and_keeps_neither_old_nor_new_logs_from_it(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + COUNT) as watched:
        bad = watched.now - 100 * MINUTE
        limit(watched, monkeypatch, lambda span: not span[0] <= bad < span[1])
        watched.insert([{"timestamp": watched.now - number * MINUTE} for number in range(240)])
        watched.insert([{"level": "ERROR", "service": "old", "timestamp": watched.now - 230 * MINUTE}] * 5)
        told = {}
        for minute in range(60):
            watched.insert([{"level": "ERROR", "service": f"live{minute}"}] * 5)
            watched.tick(MINUTE)
            for alert in watched.alerts():
                told.setdefault(alert["group"]["service"], minute)
        assert told.pop("old") < 20
        assert len(told) == 60
        assert all(minute - int(name.removeprefix("live")) <= 5 for name, minute in told.items())
        assert 0 < watched.alerting.file.counts()["unjudged"] <= 10
        assert not state(watched)["behind"]


def test_a_look_that_finds_more_than_it_may_is_repeated_by_halves_and_says_meanwhile_that_it_is_behind(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("storage.alerting.bursts.MAX_ROWS", 500)
    with WatchedStore(tmp_path / "data", OWN + BURST) as watched:
        asked = limit(watched, monkeypatch, lambda _: True)
        start = watched.now - 10 * HOUR
        # More are cut off than the latest or the oldest of them: who attacks is in the middle of the time.
        watched.insert(
            [
                {
                    "message": f"failed password from 10.0.{number // 250}.{number % 250} port 1",
                    "timestamp": start + number * 30 * SECOND,
                }
                for number in range(1200)
            ]
            + [
                {
                    "message": "failed password from 192.0.2.9 port 1",
                    "timestamp": start + hours * HOUR + number * SECOND,
                }
                for hours in (1, 5, 9)
                for number in range(5)
            ]
        )
        watched.tick(SECOND)
        assert state(watched)["behind"]
        for _ in range(6):
            watched.tick(10 * SECOND)
        assert {(alert["group"]["address"], alert["since"]) for alert in watched.alerts()} == {
            ("192.0.2.9", f"2026-03-01T{hour}:00:04.000000Z") for hour in (15, 19, 23)
        }
        assert not state(watched)["behind"]
        assert len(asked) < 15


def test_what_was_tried_in_vain_is_looked_at_by_itself_and_last():
    owed = {(0, 1): Owed(), (1, 2): Owed(1), (2, 3): Owed(), (3, 4): Owed(), (9, 10): Owed(), (10, 11): Owed(1)}
    assert [(whole, list(rows)) for whole, rows in together(owed, 0)] == [
        ((9, 10), [(9, 10)]),
        ((2, 4), [(2, 3), (3, 4)]),
        ((0, 1), [(0, 1)]),
        ((10, 11), [(10, 11)]),
        ((1, 2), [(1, 2)]),
    ]


def test_many_spans_that_lie_apart_are_told_apart_in_no_time():
    owed = {(number * 100, number * 100 + 1): Owed() for number in range(5000)}
    start_s = time.perf_counter()
    assert len(together(owed, 10)) == 5000
    assert time.perf_counter() - start_s < 1


def test_a_beat_that_never_stopped_is_not_missed_after_an_outage_of_hours(tmp_path):
    with WatchedStore(tmp_path / "data", OWN + BEAT) as watched:
        watched.insert([{"message": "beat", "timestamp": watched.now + number * 5 * SECOND} for number in range(84)])
        watched.tick(6 * MINUTE)
        since = watched.now
        assert watched.alerts() == []
        watched.now += 8 * HOUR
        gap = (since + 7 * HOUR, since + 7 * HOUR + MINUTE)
        beats = range(since + MINUTE, watched.now, 5 * SECOND)
        watched.insert([{"message": "beat", "timestamp": at} for at in beats if not gap[0] < at <= gap[1]])
        watched.tick()
        assert watched.errors() == {}
        assert [alert["since"][:16] for alert in watched.alerts()] == ["2026-03-02T07:06"]
        assert not state(watched)["truncated"]


def test_what_has_to_be_missing_for_long_is_told_in_time_and_only_then_though_its_windows_are_many(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("storage.alerting.thresholds._ROWS", 200)
    lasting = BEAT.replace("count < 1", "count < 1, for: 5m, resolve_after: 1m")
    with WatchedStore(tmp_path / "data", OWN + lasting) as watched:
        watched.tick(6 * MINUTE)
        watched.insert([{"message": "beat", "timestamp": watched.now + at * SECOND} for at in range(-360, 720, 5)])
        watched.tick(12 * MINUTE)
        assert [alert["until"] for alert in watched.alerts()] == ["2026-03-02T00:05:00.000000Z"], "before they came"
        for minute in range(1, 9):
            watched.tick(MINUTE)
            assert len(watched.alerts()) == 1 + (minute > 6), minute


def test_what_goes_by_the_clock_gets_on_by_pieces_where_all_of_it_takes_too_long(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + BEAT.replace("10s", "5m")) as watched:
        watched.insert([{"message": "beat"}])
        watched.tick(6 * MINUTE)
        watched.tick(MINUTE)
        asked = limit(watched, monkeypatch, shorter_than(30 * MINUTE))
        watched.now += 5 * HOUR
        for _ in range(4):
            watched.tick(MINUTE)
        assert len(asked) < 20
        assert watched.errors() == {}
        assert watched.now - us(state(watched)["evaluated_until"]) <= 2 * MINUTE
        assert "unjudged" not in watched.alerting.file.counts()


def test_what_goes_by_the_clock_passes_over_what_it_can_never_judge_and_counts_it(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + BEAT.replace("10s", "5m")) as watched:
        watched.insert([{"message": "beat", "timestamp": watched.now + number * MINUTE} for number in range(180)])
        watched.tick(6 * MINUTE)
        bad = watched.now + 30 * MINUTE
        limit(watched, monkeypatch, lambda span: not span[0] <= bad < span[1])
        watched.now += 2 * HOUR
        for _ in range(50):
            watched.tick(MINUTE)
        assert watched.alerting.file.counts()["unjudged"] == 1
        assert watched.errors() == {}
        assert watched.now - us(state(watched)["evaluated_until"]) <= 2 * MINUTE
        assert watched.alerts() == []
