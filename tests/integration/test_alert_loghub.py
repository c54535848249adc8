"""A real log of sshd through the whole pipeline raises the alerts that a person reading it would, and no others."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from logmill.settings import in_ci
from tests.support.pipeline import Pipeline
from tests.support.waiting import wait_until
from tests.support.watched_store import SECOND, WatchedStore

DATA = Path(__file__).parents[3] / "shared" / "data" / "loghub" / "OpenSSH_2k.log"
TIMEOUT_S = 60
BURSTS = ("failed_logins_by_address", "failed_logins_by_user")
# Found by reading the file, with the time of day of the first attempt beside each. An attacker is who fails again and
# again within minutes: with 5 failures in 10 minutes (the usual setting of fail2ban) the line is clear, since the next
# who follow have 3 and 2 of them. Left out is 52.80.34.196, which fails 5 times too, but once in 50 minutes.
ATTACKERS = {
    "5.36.59.76",  # 07:13, root: one line, and one that says "message repeated 5 times"
    "112.95.230.3",  # 07:27, 26 times
    "123.235.32.19",  # 07:32, 7 times
    "5.188.10.180",  # 08:24, names of devices, among them " 0101" with a space before it
    "106.5.5.195",  # 08:39, root: again a line that stands for five
    "185.190.58.151",  # 09:07, admin
    "103.99.0.122",  # 09:11 and again 11:03
    "187.141.143.180",  # 09:12, 80 times
    "60.2.12.12",  # 10:04, root: 5 times in 28 seconds
    "119.4.203.64",  # 10:14, admin
    "183.62.140.253",  # 10:54, 286 times until the end
}
# Of whose passwords ten or more were tried within ten minutes; the next is oracle, with 4.
ATTACKED = {"root", "admin"}
# Who was there twice, an hour and a half apart: two alerts where the lines' own times are known to storage.
AGAIN = "103.99.0.122"
_HEADER = re.compile(r"(?P<time>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}) (?P<host>\S+) (?P<app>[^[]+)\[(?P<pid>[0-9]+)\]: ")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory):
    with Pipeline(tmp_path_factory.mktemp("watched"), "embedded", alert_interval_s=0.2) as running:
        yield running


def lines() -> list[str]:
    if not DATA.exists():
        message = "the Loghub samples are not beside the repository; see docs/testing.md"
        (pytest.fail if in_ci() else pytest.skip)(message)
    return [line.removesuffix("\r") for line in DATA.read_text().split("\n") if line.strip()]


def asked(pipeline: Pipeline, path: str) -> dict:
    found: dict = requests.get(pipeline.storage_url + path, timeout=TIMEOUT_S).json()
    return found


def evaluations(pipeline: Pipeline) -> dict[str, int]:
    """How often each detector has looked at something."""
    rules = asked(pipeline, "/alerts/rules")["rules"]
    assert not [rule for rule in rules if rule["last_error"]], rules
    return {rule["name"]: rule["evaluations"] for rule in rules}


def told(pipeline: Pipeline, logs: int, *rules: str) -> list[dict]:
    """All alerts, once so many logs are stored and, after that, these detectors have looked."""
    wait_until(lambda: pipeline.stored_logs() == logs, TIMEOUT_S, f"{logs} logs")
    waiting = {rule["name"]: rule["waiting"] for rule in asked(pipeline, "/alerts/rules")["rules"]}
    assert waiting.keys() >= set(rules)

    def is_done() -> bool:
        found = [rule for rule in asked(pipeline, "/alerts/rules")["rules"] if rule["name"] in rules]
        return all(rule["evaluations"] and not rule["waiting"] for rule in found)

    wait_until(is_done, TIMEOUT_S, "the evaluation")
    return asked(pipeline, "/alerts?limit=1000")["alerts"]


def test_posted_as_text_at_once_every_attacker_is_told_once_and_nobody_else(watched: Pipeline):
    count = len(lines())
    url = f"{watched.producer_url}/logs/batch?service=sshd&file=auth.log"
    answer = requests.post(url, DATA.read_bytes(), headers={"Content-Type": "text/plain"}, timeout=TIMEOUT_S)
    assert answer.json()["accepted"] == count
    alerts = told(watched, count, *BURSTS)
    check(alerts)
    for alert in alerts:
        logs = asked(watched, f"/logs?{urlencode({**alert['query'], 'limit': 1000})}")["logs"]
        assert logs, alert["query"]
        assert all(next(iter(alert["group"].values())) in log["message"] for log in logs)


def test_posted_with_its_own_times_it_has_the_same_attackers(watched: Pipeline):
    known = {alert["id"] for alert in asked(watched, "/alerts?limit=1000")["alerts"]}
    before = evaluations(watched)
    stored = watched.stored_logs()
    items = [
        {"message": line, "service": "sshd-json", "timestamp": moment(line).isoformat(), "file": "auth.log"}
        for line in lines()
    ]
    answer = requests.post(f"{watched.producer_url}/logs/batch", json=items, timeout=TIMEOUT_S)
    assert answer.json()["accepted"] == len(items)
    wait_until(lambda: evaluations(watched)[BURSTS[1]] > before[BURSTS[1]], TIMEOUT_S, "a look at the old day")
    alerts = [one for one in told(watched, stored + len(items), *BURSTS) if one["id"] not in known]
    check(alerts, times=2)


@pytest.mark.parametrize("form", ["whole", "whole_at_once", "lifted", "lifted_at_once"])
def test_whole_lines_and_those_without_their_header_have_the_same_attackers(tmp_path, form):
    """Stored as they are, with their times or at once; or as parsing leaves them, with the header in other fields."""
    made, is_dated = whole if form.startswith("whole") else lifted, not form.endswith("at_once")
    rows = [made(line, is_dated=is_dated) for line in lines()]
    with WatchedStore(tmp_path / "data") as watched:
        watched.insert(rows)
        watched.tick(SECOND)
        assert watched.errors() == {}
        check(watched.alerts(), times=2 if is_dated else 1)


def whole(line: str, *, is_dated: bool) -> dict[str, Any]:
    return {"service": "sshd", "message": line, **({"timestamp": us(line)} if is_dated else {})}


def lifted(line: str, *, is_dated: bool) -> dict[str, Any]:
    header = _HEADER.match(line)
    assert header is not None, line
    metadata = {name: header[name] for name in ("app", "pid", "time")}
    return {
        "service": "sshd",
        "host": header["host"],
        "message": line[header.end() :],
        "metadata": json.dumps(metadata),
        **({"timestamp": us(line)} if is_dated else {}),
    }


def us(line: str) -> int:
    return round(moment(line).timestamp()) * SECOND


def check(alerts: list[dict], times: int | None = None) -> None:
    """Every attacker once, who came back as often as is said, and nothing else."""
    counted = Counter(alert["group"].get("address") for alert in alerts if alert["rule"] == BURSTS[0])
    again = counted.pop(AGAIN)
    assert again == times if times else again in {1, 2}
    assert counted == dict.fromkeys(ATTACKERS - {AGAIN}, 1)
    assert Counter(alert["group"].get("user") for alert in alerts if alert["rule"] == BURSTS[1]).keys() == ATTACKED
    assert {alert["rule"] for alert in alerts} == set(BURSTS), "no other rule has anything to say"


def moment(line: str) -> datetime:
    """Of a year that nobody takes a line without one to be of."""
    return datetime.strptime(f"2023 {line[:15]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
