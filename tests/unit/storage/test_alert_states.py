"""What becomes of what is found: never twice, extended, resolved, silenced, told."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from logmill.rules.detectors import Threshold
from storage.alerting import showing
from storage.alerting.detector import Held
from storage.alerting.file import StateFile
from storage.alerting.silencing import Silenced, Silences
from storage.alerting.spans import MINUTE_US
from storage.alerting.states import Alerts, Found
from storage.alerting.webhook import Webhook, signature
from storage.search.filters import EVERYTHING

RULE = Threshold(name="many", when="count > 1", resolve_after="10m")


class Kept:
    """The alerts of a folder, on a clock that the test moves."""

    def __init__(self, folder: Path, *, tells: bool = True) -> None:
        self.now = 1_000 * MINUTE_US
        self.file = StateFile(folder)
        self.silences = Silences(self.file)
        self.alerts = Alerts(self.file, self.silences, tells=tells, body=showing.message, clock=lambda: self.now)

    def find(self, start: int, end: int, group: str = "a") -> None:
        held = Held((group,), start * MINUTE_US, end * MINUTE_US, 2.0, start * MINUTE_US, "two", EVERYTHING, "")
        self.alerts.apply(RULE, ("service",), "count > 1", [Found(held, [1])])

    def at(self, minute: int) -> Kept:
        self.now = minute * MINUTE_US
        self.alerts.settle()
        return self

    def states(self) -> list[str]:
        page = showing.page(self.file, self.silences.held(self.now), "", "", 100, "")
        return [alert["state"] for alert in page.alerts[::-1]]

    def told(self) -> list[str]:
        return [row["delivery"].split("-")[2] for row in self.file.rows("due_posts", now_us=1 << 60, most=100)]

    def events(self) -> list[str]:
        rows = self.file._db.execute("SELECT delivery FROM outbox ORDER BY number")
        return [row["delivery"].split("-")[2] for row in rows]

    def all_told(self) -> int:
        return self.file.number("count_posts")


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def test_what_is_found_again_is_the_same_alert(kept):
    for _ in range(3):
        kept.find(995, 1000)
    kept.find(990, 996)
    assert kept.states() == ["firing"]
    assert kept.all_told() == 1


def test_an_alert_is_resolved_after_its_time_and_what_follows_later_is_another(kept):
    kept.find(995, 1000)
    assert kept.at(1009).states() == ["firing"]
    assert kept.at(1010).states() == ["resolved"]
    kept.find(1050, 1050)
    assert kept.at(1050).states() == ["resolved", "firing"]
    assert kept.all_told() == 3


def test_the_end_of_an_alert_is_told_before_the_next_one_of_its_group(kept):
    kept.find(995, 1000)
    kept.now = 1050 * MINUTE_US  # nothing settled what was over meanwhile, as after a restart
    kept.find(1050, 1050)
    assert kept.states() == ["resolved", "firing"]
    assert kept.events() == ["firing", "resolved", "firing"]


def test_what_goes_on_fires_again_though_it_was_taken_for_over(kept):
    kept.find(995, 1000)
    assert kept.at(1011).states() == ["resolved"]
    kept.find(1005, 1011)
    assert kept.states() == ["firing"]
    changes = showing.transitions(kept.file, showing.page(kept.file, Silenced(()), "", "", 1, "").alerts[0]["id"])
    assert [change["state"] for change in changes] == ["firing", "resolved", "firing"]


def test_old_logs_fire_and_are_resolved_by_the_clock(kept):
    kept.find(3, 5)
    assert kept.at(1001).states() == ["firing"]
    assert kept.at(1010).states() == ["resolved"]
    kept.find(5, 6)
    assert kept.states() == ["resolved"], "late news of what is over"


def test_after_a_crash_between_any_two_statements_all_or_nothing_of_a_change_is_there(tmp_path):
    """The file is closed in the middle of a transaction, at each of its statements in turn."""
    for stop_at in range(1, 12):
        folder = tmp_path / str(stop_at)
        folder.mkdir()
        kept = Kept(folder)
        steps = iter(range(1, 100))

        def trace(_: str, steps=steps, stop_at=stop_at) -> None:
            if next(steps) == stop_at:
                raise KeyboardInterrupt

        original = kept.file.run

        def run(name: str, /, original=original, trace=trace, **values: object) -> int:
            trace(name)
            return original(name, **values)

        kept.file.run = run  # type: ignore[method-assign]
        with suppress(KeyboardInterrupt):
            kept.find(995, 1000)
        kept.file.close()
        again = Kept(folder)
        count = len(again.states())
        assert count == again.all_told() == again.file.number("count_open", rule="many")
        again.find(995, 1000)
        assert (again.states(), again.told()) == (["firing"], ["firing"])


def test_nobody_is_told_while_a_silence_holds_and_then_of_what_still_fires(kept):
    silence = kept.silences.add("many", {"service": "a"}, 1_005 * MINUTE_US, kept.now, "", "")
    kept.find(995, 1000)
    kept.find(995, 1000, "b")
    assert sorted(kept.states()) == ["firing", "silenced"]
    assert kept.told() == ["firing"]
    assert ("other", {"service": "a"}) not in Silenced([silence])
    assert kept.at(1006).states() == ["firing", "firing"]
    assert kept.told() == ["firing", "firing"]


def test_nobody_is_told_of_the_end_of_what_they_were_not_told_of(kept):
    kept.silences.add("many", {}, 5_000 * MINUTE_US, kept.now, "", "")
    kept.find(995, 1000)
    assert kept.at(1020).states() == ["resolved"]
    assert kept.all_told() == 0


def test_under_a_silence_nobody_is_told_of_an_end_and_after_it_of_what_they_were_told_to_fire(kept):
    kept.find(995, 1000)
    kept.find(995, 1000, "b")
    assert kept.all_told() == 2
    kept.silences.add("many", {"service": "a"}, 1_025 * MINUTE_US, kept.now, "", "")
    kept.find(1018, 1020, "c")
    kept.silences.add("many", {"service": "c"}, 1_100 * MINUTE_US, kept.now, "", "")
    assert kept.at(1024).states() == ["resolved", "resolved", "silenced"]
    assert sorted(kept.events()) == ["firing", "firing", "firing", "resolved"], "only b's end"
    assert kept.at(1026).states() == ["resolved", "resolved", "silenced"]
    assert sorted(kept.events()) == ["firing", "firing", "firing", "resolved", "resolved"]
    kept.at(1040)
    assert kept.at(1101).all_told() == 6, "c's end, once its silence is over"
    assert kept.at(1102).all_told() == 6


def test_who_takes_an_alert_under_a_silence_is_told_after_it(kept):
    kept.find(995, 1000)
    kept.silences.add("many", {}, 1_002 * MINUTE_US, kept.now, "", "")
    kept.alerts.acknowledge(showing.page(kept.file, Silenced(()), "", "", 1, "").alerts[0]["id"], "eve", "")
    assert kept.events() == ["firing"]
    assert kept.at(1003).states() == ["acknowledged"]
    assert kept.events() == ["firing", "acknowledged"]


def test_two_alerts_that_late_logs_bring_together_are_one_and_the_other_is_resolved(kept):
    kept.find(996, 1000)
    kept.find(980, 982)
    kept.find(900, 905)
    assert kept.states() == ["firing", "firing", "firing"]
    kept.find(982, 996)
    other, first, second = showing.page(kept.file, Silenced(()), "", "", 9, "").alerts[::-1]
    by_start = sorted([other, first, second], key=lambda alert: alert["since"])
    assert [alert["state"] for alert in by_start] == ["firing", "firing", "resolved"]
    assert by_start[1]["until"] == by_start[2]["until"], "it lasts as long as both"
    change = showing.transitions(kept.file, by_start[2]["id"])[0]
    assert (change["state"], by_start[1]["id"] in change["comment"]) == ("resolved", True)
    assert kept.file.number("count_open", rule="many") == 2
    kept.find(982, 1001)
    assert kept.states().count("resolved") == 1, "found again it is still the first"


def test_long_values_of_groups_are_cut_and_told_apart_by_a_hash(kept):
    for end in ("a", "b", "b"):
        kept.find(995, 1000, "x" * 200_000 + end)
    found = showing.page(kept.file, Silenced(()), "", "", 9, "").alerts
    values = [alert["group"]["service"] for alert in found]
    assert len(set(values)) == len(values) == 2
    assert all(len(value) < 250 and value.startswith("x" * 200) for value in values)
    kept.silences.add("many", {"service": values[0]}, 1_005 * MINUTE_US, kept.now, "", "")
    assert sorted(kept.states()) == ["firing", "silenced"]


def test_too_many_groups_of_a_rule_are_left_out_and_counted(kept):
    for number in range(105):
        kept.find(995, 1000, f"group-{number}")
    assert len(kept.states()) == 100
    assert kept.file.counts()["left_out"] == 5


def test_a_damaged_file_is_put_aside(tmp_path):
    (tmp_path / "alerts.sqlite3").write_bytes(b"no database at all" * 100)
    assert Kept(tmp_path).states() == []
    assert (tmp_path / "alerts.sqlite3.damaged").exists()


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://" + "a" * 70 + ".example", "http://\udcff/", "http://127.0.0.1:99999"]
)
def test_an_address_that_cannot_be_is_an_error_of_the_message_and_is_not_told(tmp_path, url):
    kept = Kept(tmp_path)
    kept.find(995, 1000)
    webhook = Webhook(kept.file, url, "a secret", 3600, clock=lambda: kept.now)
    assert webhook.once() == 0
    found = webhook.deliveries()
    assert (found.waiting, found.given_up) == (1, 0)
    assert found.error is not None
    assert url not in found.error
    assert kept.file.rows("due_posts", now_us=kept.now, most=1) == [], "tried again later"


def test_a_signature_can_be_checked_with_a_shared_secret():
    expected = hmac.new(b"key", b"1700000000.{}", hashlib.sha256).hexdigest()
    assert signature("key", "1700000000", b"{}") == f"v1={expected}"


def test_the_file_is_one_that_survives_a_power_cut(tmp_path):
    StateFile(tmp_path).close()
    assert sqlite3.connect(tmp_path / "alerts.sqlite3").execute("PRAGMA journal_mode").fetchone() == ("wal",)
