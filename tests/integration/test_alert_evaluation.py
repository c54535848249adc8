"""When detectors are evaluated: while logs are late, after a bug in one of them, with a clock that was ahead."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

from storage import reading
from storage.alerting import showing
from storage.errors import QueryTimeout
from tests.support.waiting import wait_until
from tests.support.watched_store import HOUR, MIDNIGHT, MINUTE, SECOND, WatchedStore
from tests.support.webhook_receiver import Receiver

OWN = "detectors:\n  defaults: false\n  rules:\n"
SHARE = "  - {name: share, kind: threshold, group_by: [service], when: error_share >= 50% and count >= 5}\n"
COUNT = "  - {name: errors, kind: threshold, q: 'level:error', group_by: [service], when: count >= 5}\n"
SILENCE = "  - {name: silence, kind: silence, learn: 20m, resolve_after: 1m}\n"
LATE = 10 * MINUTE


def rules(watched: WatchedStore) -> dict[str, dict]:
    return {rule["name"]: rule for rule in watched.alerting.rules()}


def names(watched: WatchedStore) -> list[str]:
    return [alert["rule"] for alert in watched.alerts()]


def test_errors_that_overtake_other_logs_raise_no_share_but_their_number_at_once(tmp_path):
    with WatchedStore(tmp_path / "data", OWN + SHARE + COUNT) as watched:
        then = watched.now - LATE
        watched.insert([{"level": "ERROR", "timestamp": then}] * 6, late_us=LATE)
        watched.tick(2 * SECOND)
        assert names(watched) == ["errors"]
        assert (rules(watched)["share"]["behind"], rules(watched)["errors"]["behind"]) == (True, False)
        watched.insert([{"level": "INFO", "timestamp": then}] * 60, late_us=LATE)
        for _ in range(4):
            watched.tick(MINUTE)
        assert names(watched) == ["errors"]
        assert rules(watched)["share"]["evaluations"]
        assert not rules(watched)["share"]["behind"]


def test_a_share_waits_for_late_logs_half_an_hour_and_no_longer(tmp_path):
    with WatchedStore(tmp_path / "data", OWN + SHARE) as watched:
        watched.insert([{"level": "ERROR"}] * 6)
        for minutes in range(1, 33):
            watched.now += MINUTE
            watched.insert([{"level": "INFO", "service": "other", "timestamp": watched.now - LATE}], late_us=LATE)
            watched.tick()
            assert names(watched) == (["share"] if minutes > 30 else []), minutes


def test_what_lasts_is_told_in_time_though_no_more_logs_come(tmp_path):
    lasting = "  - {name: lasting, kind: threshold, window: 5m, when: count >= 5, for: 2m}\n"
    with WatchedStore(tmp_path / "data", OWN + lasting + SHARE) as watched:
        watched.insert([{"level": "INFO"}] * 20)
        told = {}
        for minute in range(16):
            if minute == 4:
                watched.insert([{"level": "ERROR"}] * 6)
            watched.tick(MINUTE)
            for name in names(watched):
                told.setdefault(name, minute + 1)
        assert told["lasting"] == 3
        assert 5 < told["share"] <= 4 + 5 + 2
        assert [rule["waiting"] for rule in watched.alerting.rules()] == [0, 0]
        before = [rule["evaluations"] for rule in watched.alerting.rules()]
        watched.tick(HOUR)
        assert [rule["evaluations"] for rule in watched.alerting.rules()] == before, "a quiet store costs nothing"


def test_a_short_burst_of_what_has_to_last_is_not_told(tmp_path):
    lasting = "  - {name: lasting, kind: threshold, window: 1m, when: count >= 5, for: 3m}\n"
    with WatchedStore(tmp_path / "data", OWN + lasting) as watched:
        watched.insert([{"level": "INFO"}] * 20)
        for _ in range(10):
            watched.tick(MINUTE)
        assert names(watched) == []


def test_a_bug_in_a_rule_ends_no_other_and_is_made_good_once_it_is_mended(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + COUNT.replace("errors", "broken") + COUNT) as watched:
        broken, _ = watched.alerting.detectors

        def fail(*_: object) -> None:
            raise ValueError("a bug")

        with monkeypatch.context() as patched:
            patched.setattr(broken, "look", fail)
            watched.insert([{"level": "ERROR"}] * 5)
            watched.tick(SECOND)
            assert names(watched) == ["errors"]
            assert watched.errors() == {"broken": "a bug"}
        watched.tick(MINUTE)
        assert sorted(names(watched)) == ["broken", "errors"]
        assert watched.errors() == {}


def test_a_new_pattern_is_told_though_what_is_shown_of_it_could_not_be_counted_at_first(tmp_path, monkeypatch):
    new = "  - {name: new, kind: new_pattern, learn: 1s}\n"
    with WatchedStore(tmp_path / "data", OWN + new + COUNT) as watched:
        watched.insert([{"level": "INFO", "timestamp": watched.now - 20 * HOUR}])
        watched.tick(MINUTE)

        def fail(*_: object) -> None:
            raise QueryTimeout("too long")

        watched.insert([{"level": "ERROR", "message": "a message that never was"}])
        with monkeypatch.context() as patched:
            patched.setattr("storage.counting.counts", fail)
            watched.tick(MINUTE)
        assert list(watched.errors()) == ["new"]
        assert rules(watched)["errors"]["evaluations"] == 2, "it was evaluated after that"
        watched.tick(MINUTE)
        assert names(watched) == ["new"]


def test_a_look_that_is_under_way_ends_with_storage_and_is_had_after_the_next_start(tmp_path, monkeypatch):
    began = threading.Event()

    def go_on(*_: object) -> None:
        began.set()
        for _ in range(2000):
            reading.check()
            time.sleep(0.01)

    with WatchedStore(tmp_path / "data", OWN + COUNT, alert_interval_s=0.01) as watched:
        monkeypatch.setattr(watched.alerting.detectors[0], "look", go_on)
        watched.insert([{"level": "ERROR"}] * 5)
        watched.alerting.start()
        assert began.wait(10)
        start_s = time.monotonic()
        watched.alerting.close()
        assert time.monotonic() - start_s < 5
    with WatchedStore(tmp_path / "data", OWN + COUNT) as watched:
        watched.tick()
        assert names(watched) == ["errors"]


def test_a_receiver_that_does_not_answer_keeps_storage_from_ending_for_no_more_than_a_moment(tmp_path):
    with Receiver() as receiver:
        receiver.hold.clear()
        with WatchedStore(tmp_path / "data", OWN + COUNT, alert_webhook_url=receiver.url) as watched:
            watched.insert([{"level": "ERROR"}] * 5)
            watched.tick()
            watched.alerting.webhook.start()
            wait_until(lambda: receiver.requests, 10, "the message")
            start_s = time.monotonic()
            watched.alerting.close()
            assert time.monotonic() - start_s < 3
        with WatchedStore(tmp_path / "data", OWN + COUNT, alert_webhook_url=receiver.url) as watched:
            assert watched.alerting.webhook.deliveries().waiting == 1


def test_a_clock_that_was_ahead_for_a_while_keeps_nothing_from_being_evaluated(tmp_path):
    heartbeat = "  - {name: heartbeat, kind: threshold, q: 'message:beat', window: 1m, when: count < 1}\n"
    with WatchedStore(tmp_path / "data", OWN + heartbeat) as watched:
        watched.insert([{"message": "beat"}])
        watched.tick(6 * MINUTE)
        watched.now += 1000 * HOUR
        watched.tick()
        watched.now -= 1000 * HOUR
        before = rules(watched)["heartbeat"]["evaluations"]
        watched.tick(MINUTE)
        watched.tick(MINUTE)
        assert rules(watched)["heartbeat"]["evaluations"] == before + 2


def test_a_clock_that_was_ahead_at_the_start_keeps_silence_from_being_told_for_no_longer_than_any_start(tmp_path):
    with WatchedStore(tmp_path / "data", OWN + SILENCE, now=MIDNIGHT + 8 * HOUR) as watched:
        # Received by a clock that is right, so that it looks late.
        watched.insert([{"service": "other"}], late_us=7 * HOUR)
        watched.now = MIDNIGHT + HOUR
        watched.insert(
            [
                {"service": service, "timestamp": MIDNIGHT + minute * MINUTE}
                for minute in range(60)
                for service in (["a", "b"] if minute >= 30 else ["a", "b", "gone"])
            ]
        )
        watched.tick()
        for _ in range(5):
            assert names(watched) == []
            watched.insert([{"service": "a"}])
            watched.tick(MINUTE)
        assert names(watched) == ["silence"]


def test_a_long_round_resolves_nothing_that_was_seen_in_it(tmp_path, monkeypatch):
    with WatchedStore(tmp_path / "data", OWN + SILENCE + COUNT) as watched:
        start, watched.now = watched.now, watched.now + HOUR
        watched.insert([{"service": "a", "timestamp": start + minute * MINUTE} for minute in range(60)])
        watched.insert([{"service": "gone", "timestamp": start + minute * MINUTE} for minute in range(30)])
        watched.tick(6 * MINUTE)
        slow = watched.alerting.detectors[1]
        look = slow.look

        def slowly(*about: Any) -> Any:
            watched.now += 150 * SECOND
            return look(*about)

        monkeypatch.setattr(slow, "look", slowly)
        for _ in range(4):
            watched.insert([{"service": "a"}])
            watched.tick(10 * SECOND)
        (alert,) = watched.alerts()
        changes = showing.transitions(watched.alerting.file, alert["id"])
        assert [change["state"] for change in changes] == ["firing"]


def test_where_all_fall_silent_who_was_silent_before_is_told_apart(tmp_path):
    with WatchedStore(tmp_path / "data", OWN + SILENCE) as watched:
        start, watched.now = watched.now, watched.now + HOUR
        watched.insert(
            [
                {"service": service, "timestamp": start + minute * MINUTE}
                for minute in range(60)
                for service in (["a", "b", "c"] if minute >= 30 else ["a", "b", "c", "before"])
            ]
        )
        for _ in range(6):
            watched.tick(MINUTE)
        groups = [alert["group"]["service"] for alert in watched.alerts()]
        assert groups == ["before"]
        for _ in range(5):
            watched.tick(3 * MINUTE)
        assert [alert["group"]["service"] for alert in watched.alerts("firing")] == ["before", "*"]
        assert all(one["fired_at"] <= two["fired_at"] for one, two in pairwise(watched.alerts()))


def test_what_a_condition_measures_is_the_same_over_steps_as_over_logs(tmp_path):
    measures = {
        "least": ("min(response_time_ms) >= 1", 1.0),
        "most": ("max(response_time_ms) >= 1", 100.0),
        "mean": ("avg(response_time_ms) >= 1", 50.5),
        "total": ("sum(response_time_ms) >= 5050", 5050.0),
        "users": ("distinct(user_id) >= 10", 10.0),
        "slowest": ("p95(response_time_ms) >= 95", 95.05),
        "share": ("error_share >= 25%", 0.25),
    }
    own = OWN + "".join(
        f"  - {{name: {name}, kind: threshold, window: 10m, when: '{when}'}}\n" for name, (when, _) in measures.items()
    )
    with WatchedStore(tmp_path / "data", own) as watched:
        start = watched.now - 20 * MINUTE
        watched.insert(
            [
                {
                    "timestamp": start + number * 5 * SECOND,
                    "response_time_ms": float(number + 1),
                    "user_id": f"u{number % 10}",
                    "level": "INFO" if number % 4 else "ERROR",
                }
                for number in range(100)
            ]
        )
        watched.tick(2 * MINUTE)
        assert watched.errors() == {}
        found = {alert["rule"]: alert["value"] for alert in watched.alerts()}
        for name, (_, value) in measures.items():
            least = name in {"total", "users"}
            assert found[name] == value if least else found[name] >= value, (name, found)


def test_one_log_with_a_clock_that_is_ahead_keeps_nothing_of_now_from_being_judged(tmp_path):
    spike = "  - {name: volume, kind: spike, measure: count, at_least: 50, factor: 3}\n"
    with WatchedStore(tmp_path / "data", OWN + spike, now=MIDNIGHT + 5 * HOUR) as watched:
        now = watched.now
        watched.insert([{"timestamp": now - number * 30 * SECOND} for number in range(20, 360)])
        watched.tick()
        flood = [{"timestamp": now - 5 * MINUTE + number * SECOND} for number in range(250)]
        old = [{"timestamp": now - (24 + hours) * HOUR} for hours in range(300)]
        watched.insert([*flood, *old, {"timestamp": now + 8 * HOUR}])
        watched.tick(2 * MINUTE)
        watched.tick(MINUTE)
        assert names(watched) == ["volume"]
