"""Alerts over HTTP and in the terminal: listed, acknowledged, silenced; and the rules behind them."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator

import pytest
import requests

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from logmill.timestamps import now_us
from tests.support.storage_blocks import batch, stream
from tests.support.storage_service import StorageService
from tests.support.waiting import wait_until

RULES = """
detectors:
  defaults: false
  rules:
    - {name: many, kind: threshold, q: 'message:message', group_by: [service], when: count >= 3, labels: {team: blue}}
    - {name: costly, kind: threshold, when: count >= 1000}
"""
SERVICES = ("a", "b", 'c "quoted" \\ é', "d", "e")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "rules.yaml").write_text(RULES)
    with StorageService(folder / "data", alert_interval_s=0.05, rules_file=str(folder / "rules.yaml")) as service:
        for name in SERVICES:
            now = now_us()
            rows = batch(3, service=name, timestamp=now, received_at=now, processed_at=now)
            assert service.ingest(stream(rows)).status_code == 201
            wait_until(lambda name=name: name in groups(service, limit=1), 30, f"the alert of {name}")
        yield service


def listed(storage: StorageService, **asked: object) -> dict:
    return storage.get("/alerts", **asked).json()


def groups(storage: StorageService, **asked: object) -> list[str]:
    return [alert["group"]["service"] for alert in listed(storage, **asked)["alerts"]]


def post(storage: StorageService, path: str, **body: object) -> requests.Response:
    return storage.http.post(storage.url + path, json=body, timeout=30)


def command(storage: StorageService, *words: str) -> subprocess.CompletedProcess[str]:
    settings = load({}, storage_url=storage.url)
    return subprocess.run(
        [*python_command("alerts"), *words], env=child_environment(settings), capture_output=True, text=True, timeout=60
    )


def test_alerts_are_listed_newest_first_page_by_page(storage: StorageService):
    assert groups(storage) == list(reversed(SERVICES))
    found, cursor = [], ""
    for _ in range(3):
        page = listed(storage, limit=2, cursor=cursor)
        found += [alert["group"]["service"] for alert in page["alerts"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (list(reversed(SERVICES)), None)
    alert = listed(storage, limit=1)["alerts"][0]
    assert (alert["rule"], alert["kind"], alert["state"], alert["value"]) == ("many", "threshold", "firing", 3.0)
    assert (alert["labels"], alert["limit"]) == ({"team": "blue"}, "count >= 3 within 5m")
    assert sum(alert["trend"]) == 3


def test_the_query_of_an_alert_finds_its_logs(storage: StorageService):
    for alert in listed(storage)["alerts"]:
        one = storage.get(f"/alerts/{alert['id']}").json()
        logs = storage.get("/logs", **one["alert"]["query"]).json()["logs"]
        assert {log["service"] for log in logs} == {alert["group"]["service"]}
        assert len(logs) == 3
        assert [change["state"] for change in one["history"]][-1] == "firing"


def test_an_alert_is_acknowledged_once_with_who_and_why(storage: StorageService):
    (alert,) = [one for one in listed(storage)["alerts"] if one["group"]["service"] == "a"]
    answer = post(storage, f"/alerts/{alert['id']}/acknowledge", by="eve", comment="on it").json()
    assert (answer["alert"]["state"], answer["alert"]["acknowledged_by"]) == ("acknowledged", "eve")
    again = post(storage, f"/alerts/{alert['id']}/acknowledge", by="bob").json()
    assert again["alert"]["acknowledged_by"] == "eve"
    assert [change["comment"] for change in again["history"]] == ["on it", ""]
    assert groups(storage, state="acknowledged") == ["a"]
    assert "a" in groups(storage, state="open")


def test_a_silence_hides_what_it_is_for_until_it_is_removed(storage: StorageService):
    made = post(storage, "/alerts/silences", until="now+1h", group={"service": "b"}, comment="known").json()["silence"]
    assert groups(storage, state="silenced") == ["b"]
    assert "b" not in groups(storage, state="firing")
    assert listed(storage)["counts"]["silenced"] == 1
    assert storage.get("/alerts/silences").json()["silences"] == [made]
    url = f"{storage.url}/alerts/silences/{made['id']}"
    assert storage.http.delete(url, timeout=30).status_code == 200
    assert storage.http.delete(url, timeout=30).json()["code"] == "no_such_silence"
    assert "b" in groups(storage, state="firing")


def test_what_cannot_be_asked_is_refused_by_name(storage: StorageService):
    for path, params, field in (
        ("/alerts", {"state": "burning"}, "state"),
        ("/alerts", {"cursor": "x"}, "cursor"),
        ("/alerts", {"no_such": "1"}, "no_such"),
        ("/alerts/rules", {"no_such": "1"}, "no_such"),
    ):
        answer = storage.get(path, **params)
        assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert storage.get("/alerts/none").json()["code"] == "no_such_alert"
    assert post(storage, "/alerts/none/acknowledge").status_code == 404
    for body, field in (
        ({"until": "now+1h"}, "rule"),
        ({"until": "now-1h", "rule": "many"}, "until"),
        ({"until": "x", "rule": "many"}, "until"),
        ({"rule": "many"}, "until"),
        ({"until": "now+1h", "rule": 7}, "rule"),
        ({"until": "now+1h", "rule": "no_such"}, "rule"),
        ({"until": "now+1h", "rule": "many", "comment": "x" * 1001}, "comment"),
        ({"until": "now+1h", "rule": "many", "unknown": 1}, "unknown"),
        ({"until": "now+1h", "rule": "many", "`unknown`": 1}, "`unknown`"),
        ({"until": "now+1h", "group": {"service": 7}}, "group"),
        ({"until": "now+1h", "group": {"`": "x" * 10_001}}, "group"),
        ({"until": "now+1h", "group": {"`" * 201: "x"}}, "group"),
        ({"until": "now+1h", "group": {str(number): "" for number in range(11)}}, "group"),
    ):
        answer = post(storage, "/alerts/silences", **body)
        assert (answer.status_code, answer.json().get("field")) == (400, field)


def test_a_body_that_is_too_long_or_no_json_is_refused(storage: StorageService):
    url = f"{storage.url}/alerts/silences"
    # A connection each: one whose body was not read to its end is closed.
    answers = {
        413: requests.post(url, json={"comment": "x" * 70_000}, timeout=30),
        415: requests.post(url, b"until=now", headers={"Content-Type": "text/plain"}, timeout=30),
        400: requests.post(url, b"{", headers={"Content-Type": "application/json"}, timeout=30),
    }
    for status, answer in answers.items():
        assert (answer.status_code, answer.json()["status"]) == (status, "error")


def test_without_the_key_nothing_is_told_taken_or_silenced(tmp_path):
    with StorageService(tmp_path / "data", api_key="a key of a sufficient length") as closed:
        for method, path in (
            ("GET", "/alerts"),
            ("GET", "/alerts/rules"),
            ("GET", "/alerts/silences"),
            ("POST", "/alerts/silences"),
            ("POST", "/alerts/0a1b/acknowledge"),
            ("DELETE", "/alerts/silences/0a1b"),
        ):
            answer = requests.request(method, closed.url + path, json={}, timeout=30)
            assert answer.status_code == 401, path


def test_rules_and_metrics_say_how_they_are_doing(storage: StorageService):
    many, costly = storage.get("/alerts/rules").json()["rules"]
    assert (many["name"], many["last_error"], many["group_by"]) == ("many", None, ["service"])
    assert many["evaluations"] >= len(SERVICES)
    assert costly["open"] == 0
    assert "logmill_alerts_firing " in storage.get("/metrics").text


def test_the_command_lists_shows_acknowledges_and_silences(storage: StorageService):
    done = command(storage, "--json")
    assert done.returncode == 0, done.stderr
    alerts = [json.loads(line) for line in done.stdout.splitlines()]
    assert alerts[-1]["group"]["service"] == SERVICES[-1]
    assert "many" in command(storage).stdout
    alert = next(one for one in alerts if one["group"]["service"] == "d")
    assert "acknowledged by eve" in command(storage, "acknowledge", alert["id"], "--by", "eve").stdout
    assert "acknowledged by eve" in command(storage, "acknowledge", alert["id"], "--by", "bob").stdout
    shown = command(storage, "show", alert["id"]).stdout
    assert "acknowledged by eve" in shown
    words = shlex.split(next(line for line in shown.splitlines() if line.startswith("logs: ")))
    assert words[1:4] == ["logmill", "query", alert["query"]["q"]]
    silenced = command(storage, "silence", "--rule", "many", "--group", "service=e", "--for", "1h").stdout
    assert "e" in groups(storage, state="silenced")
    assert silenced.split()[0] in command(storage, "silences").stdout
    assert command(storage, "unsilence", silenced.split()[0]).returncode == 0
    assert "count >= 3 within 5m" in command(storage, "rules").stdout
    assert command(storage, "show", "none").returncode == 2
    assert command(storage, "silence", "--rule", "many").returncode == 2
