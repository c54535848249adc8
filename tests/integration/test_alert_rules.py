"""Each kind of detector over a real store: what it finds, and what it leaves alone."""

from __future__ import annotations

from tests.support.watched_store import HOUR, MINUTE, SECOND, WatchedStore

OWN = "detectors:\n  defaults: false\n  rules:\n"


def failed(user: str, address: str, at: int) -> dict:
    return {"timestamp": at, "service": "sshd", "message": f"Failed password for {user} from {address} port 4711 ssh2"}


def test_a_threshold_is_told_by_group_and_resolved_when_it_is_over(tmp_path):
    rules = (
        OWN + "  - {name: slow, kind: threshold, q: 'level:error', group_by: [service], window: 5m, when: count >= 3}\n"
    )
    with WatchedStore(tmp_path / "data", rules) as watched:
        watched.insert([{"level": "ERROR", "service": "a"}] * 3 + [{"level": "ERROR", "service": "b"}] * 2)
        watched.tick()
        (alert,) = watched.alerts()
        assert (alert["group"], alert["value"], alert["state"]) == ({"service": "a"}, 3.0, "firing")
        watched.tick(10 * SECOND)
        assert len(watched.alerts()) == 1
        watched.tick(30 * MINUTE)
        assert [one["state"] for one in watched.alerts()] == ["resolved"]
        assert watched.errors() == {}


def test_conditions_over_fields_of_the_record_and_of_the_metadata(tmp_path):
    rules = OWN + (
        "  - {name: slow, kind: threshold, group_by: [metadata.region],"
        " when: avg(response_time_ms) > 500 and count >= 3}\n"
        "  - {name: users, kind: threshold, group_by: [path], when: distinct(user_id) >= 3}\n"
        "  - {name: money, kind: threshold, when: sum(metadata.order.amount) > 100}\n"
        "  - {name: share, kind: threshold, group_by: [service], when: error_share >= 50%}\n"
    )
    with WatchedStore(tmp_path / "data", rules) as watched:
        watched.insert(
            [
                {
                    "response_time_ms": 600.0 + n, "path": "/pay", "user_id": f"u{n}", "level": "ERROR",
                    "metadata": '{"region": "eu", "order": {"amount": 40.5}}',
                }
                for n in range(3)
            ]
        )  # fmt: skip
        watched.tick(3 * MINUTE)
        assert watched.errors() == {}
        found = {alert["rule"]: (alert["group"], round(alert["value"], 1)) for alert in watched.alerts()}
        assert found == {
            "slow": ({"metadata.region": "eu"}, 601.0),
            "users": ({"path": "/pay"}, 3.0),
            "money": ({}, 121.5),
            "share": ({"service": "test"}, 1.0),
        }


def test_too_little_is_told_by_the_clock(tmp_path):
    rules = OWN + "  - {name: heartbeat, kind: threshold, q: 'message:beat', window: 1m, when: count < 1, for: 2m}\n"
    with WatchedStore(tmp_path / "data", rules) as watched:
        for _ in range(12):
            watched.insert([{"message": "beat"}])
            watched.tick(30 * SECOND)
        assert watched.alerts() == []
        for _ in range(12):
            watched.tick(30 * SECOND)
        assert [alert["state"] for alert in watched.alerts()] == ["firing"], watched.errors()


def test_failed_logins_count_by_address_and_user_with_what_a_line_stands_for(tmp_path):
    with WatchedStore(tmp_path / "data") as watched:
        start = watched.now - HOUR
        watched.insert([failed("invalid user admin", "192.0.2.7", start + n * MINUTE) for n in range(5)])
        watched.insert([failed("root", "192.0.2.8", start + n * 10 * MINUTE) for n in range(6)])
        repeated = "message repeated 5 times: [ Failed password for bob from 2001:db8::7 port 1 ssh2]"
        watched.insert([{"service": "sshd", "message": repeated}])
        login = '{"ip": "192.0.2.9", "username": "eve"}'
        watched.insert([{"service": "web", "message": "Login failed", "metadata": login}] * 12)
        watched.tick()
        found = {(alert["rule"], *alert["group"].values()): alert["value"] for alert in watched.alerts()}
        assert found == {
            ("failed_logins_by_address", "192.0.2.7"): 5.0,
            ("failed_logins_by_address", "2001:db8::7"): 5.0,
            ("failed_logins_by_address", "192.0.2.9"): 12.0,
            ("failed_logins_by_user", "eve"): 12.0,
        }
        assert watched.errors() == {}
