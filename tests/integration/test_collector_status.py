"""The collector's status server over HTTP: its figures, files, metrics and readiness."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from collector.records.made import Fault, Made, Source
from collector.status.document import AWAY_S, MAX_FILES
from collector.status.following import FileState, Shipping
from tests.support.collector_status import running
from tests.support.waiting import wait_until

TIMEOUT_S = 10


def state(path, lag=0, **more):
    return FileState(
        path, **{"size_bytes": 1000, "read_bytes": 900, "accepted_bytes": 1000 - lag, "lag_bytes": lag, **more}
    )


def status(run, **headers):
    answer = requests.get(f"{run.url}/status.json", headers=headers, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def samples(run):
    """Name and labels -> value, of /metrics."""
    text = requests.get(f"{run.url}/metrics", timeout=TIMEOUT_S).text
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    values = {(sample.name, *sample.labels.values()): sample.value for sample in found if "_created" not in sample.name}
    assert len(values) == len([sample for sample in found if "_created" not in sample.name])
    return values


@pytest.fixture
def run():
    with running() as one:
        yield one


def test_the_status_has_what_was_counted_and_how_far_each_file_is(run):
    app = Source("/logs/app.log", "app", "here")
    odd = Fault("no JSON", "{<b>")
    run.statistics.add(
        app,
        Made(
            b"",
            5,
            filtered=2,
            levels={"INFO": 4, "ERROR": 1},
            formats={"json": 5},
            tags={"shop": 5},
            fault_count=1,
            faults=[odd],
        ),
        700,
    )
    run.statistics.accepted(4, 120)
    run.statistics.retried("503")
    changed = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    run.held.states = [state("/logs/old.log"), state("/logs/app.log", lag=60, modified_at=changed)]
    run.held.sent = Shipping(batches_in_flight=3, oldest_in_flight_s=1.5)
    found = status(run)
    assert (found["status"], found["service"], found["ready"]) == ("success", "collector", "ready")
    assert found["host"] == socket.gethostname()
    assert found["totals"] == {
        "records": 5,
        "read_bytes": 700,
        "filtered": 2,
        "faults": 1,
        "accepted": 4,
        "accepted_bytes": 120,
        "requests": 1,
        "refused": 0,
        "retried": 1,
    }
    assert [(one["name"], one["count"]) for one in found["levels"]] == [("INFO", 4), ("ERROR", 1)]
    assert found["lag"] == {"bytes": 60, "files": 2}
    assert found["in_flight"] == {"batches": 3, "most": 4, "oldest_s": 1.5}
    first, second = found["files"]
    assert (first["path"], first["service"], first["records"], first["faults"]) == ("/logs/app.log", "app", 5, 1)
    assert (first["lag_bytes"], first["size_bytes"], first["read_bytes"], first["accepted_bytes"]) == (
        60,
        1000,
        900,
        940,
    )
    assert first["modified_at"] == "2026-01-02T03:04:05Z"
    assert (second["path"], second["lag_bytes"], second["records"], second["state"]) == (
        "/logs/old.log",
        0,
        0,
        "following",
    )
    (fault,) = found["faults"]
    assert (fault["reason"], fault["file"], fault["sample"]) == ("no JSON", "/logs/app.log", "{<b>")
    assert found["rates"]["records_per_s"] > 0
    assert found["retries"][0]["reason"] == "503"


def test_what_was_counted_for_a_name_is_shown_once_and_kept_when_the_file_is_gone(run):
    run.statistics.add(Source("/logs/app.log", "app", "here"), Made(b"", 5), 10)
    run.statistics.add(Source("/logs/gone.log", "gone", "here"), Made(b"", 2), 10)
    run.statistics.add(Source("-", "stdin", "here"), Made(b"", 1), 10)
    run.held.states = [state("/logs/app.log", lag=500, is_rotated=True), state("/logs/app.log")]
    shown = [
        (one["path"], one["is_rotated"], one["records"], one["size_bytes"], one["state"])
        for one in status(run)["files"]
    ]
    assert shown == [
        ("/logs/app.log", True, 0, 1000, "following"),
        ("/logs/app.log", False, 5, 1000, "following"),
        ("/logs/gone.log", False, 2, None, "not followed any more"),
        ("-", False, 1, None, "read as it comes"),
    ]


def test_of_ten_thousand_files_those_that_lag_most_are_shown_and_all_are_summed(run):
    run.held.states = [state(f"/logs/{number}", lag=number) for number in range(10_000)]
    found = status(run)
    assert found["lag"] == {"bytes": sum(range(10_000)), "files": 10_000}
    assert [one["lag_bytes"] for one in found["files"]] == list(range(9_999, 9_999 - MAX_FILES, -1))
    metrics = samples(run)
    lags = {key[1]: value for key, value in metrics.items() if key[0] == "logmill_collector_file_lag_bytes"}
    assert len(lags) == MAX_FILES
    assert lags["/logs/9999"] == 9999
    assert metrics["logmill_collector_lag_bytes",] == sum(range(10_000))
    assert metrics["logmill_collector_files",] == 10_000


def test_metrics_have_every_count_and_one_value_for_each_file(run):
    source = Source("/logs/app.log", "app", "here")
    run.statistics.add(
        source,
        Made(b"", 3, filtered=1, levels={"INFO": 2, "ERROR": 1}, formats={"json": 3}, tags={"a": 3}, fault_count=2),
        90,
    )
    run.statistics.accepted(2, 50)
    run.statistics.refused(1, "no")
    run.statistics.retried("503")
    odd = 'a"b\\c\n\udce9'
    run.held.states = [state(odd, lag=7), state("/x", lag=1, is_rotated=True), state("/x", lag=2)]
    run.held.sent = Shipping(2, 3.5, "gone", 4.0)
    found = samples(run)
    assert {key: value for key, value in found.items() if value} == {
        ("logmill_collector_records_total", "INFO"): 2,
        ("logmill_collector_records_total", "ERROR"): 1,
        ("logmill_collector_formats_total", "json"): 3,
        ("logmill_collector_tags_total", "a"): 3,
        ("logmill_collector_read_bytes_total",): 90,
        ("logmill_collector_filtered_total",): 1,
        ("logmill_collector_faults_total",): 2,
        ("logmill_collector_accepted_records_total",): 2,
        ("logmill_collector_accepted_bytes_total",): 50,
        ("logmill_collector_refused_records_total",): 1,
        ("logmill_collector_requests_total", "accepted"): 1,
        ("logmill_collector_requests_total", "retried"): 1,
        ("logmill_collector_files",): 3,
        ("logmill_collector_lag_bytes",): 10,
        ("logmill_collector_file_lag_bytes", 'a"b\\c\n\\udce9'): 7,
        ("logmill_collector_file_lag_bytes", "/x"): 3,
        ("logmill_collector_batches_in_flight",): 2,
        ("logmill_collector_oldest_in_flight_seconds",): 3.5,
        ("logmill_collector_producer_away_seconds",): 4,
    }


def test_it_is_ready_until_the_producer_is_away_for_seconds_and_says_so(run):
    def ready():
        answer = requests.get(f"{run.url}/ready", timeout=TIMEOUT_S)
        return answer.status_code, answer.json().get("message", "")

    assert ready() == (200, "")
    run.held.sent = Shipping(1, 0.5, "connection refused", AWAY_S)
    assert ready() == (200, "")
    run.held.sent = Shipping(1, 30, "connection refused", 31.2)
    words = "the producer has taken nothing for 31 s: connection refused"
    assert ready() == (503, words)
    assert requests.get(f"{run.url}/health", timeout=TIMEOUT_S).json() == {"status": "healthy", "service": "collector"}
    wait_until(lambda: status(run)["ready"] == words, TIMEOUT_S, "the same on the page")
    assert status(run)["producer"] == {"url": "http://127.0.0.1:5000", "state": "connection refused", "away_s": 31.2}
    run.held.sent = Shipping()
    assert ready() == (200, "")


def test_the_key_guards_the_figures_and_no_secret_is_among_them():
    url = "http://bob:hunter2@producer.example:5000/?token=hunter2"
    with running(api_key="sesame-hunter2", producer_url=url, collect_tags="shop") as run:
        for path in ("/status.json", "/metrics"):
            assert requests.get(run.url + path, timeout=TIMEOUT_S).status_code == 401
        found = status(run, Authorization="Bearer sesame-hunter2")
        assert "hunter2" not in json.dumps(found)
        shown = {one["name"]: one["value"] for one in found["configuration"]}
        assert shown["LOGMILL_API_KEY"] == "…"
        assert shown["LOGMILL_COLLECT_TAGS"] == "shop"
        assert shown["LOGMILL_PRODUCER_URL"] == found["producer"]["url"] == "http://producer.example:5000/?…"
        assert "LOGMILL_ALERT_WEBHOOK_SECRET" not in shown
        assert requests.get(run.url, timeout=TIMEOUT_S).status_code == 200


def test_a_name_that_is_not_trusted_gets_no_sample(run):
    refused = requests.get(f"{run.url}/status.json", headers={"Host": "evil.example"}, timeout=TIMEOUT_S)
    assert (refused.status_code, refused.json()["code"]) == (421, "untrusted_host")


def test_the_page_is_there_with_all_that_it_loads_and_a_policy(run):
    page = requests.get(f"{run.url}/", timeout=TIMEOUT_S)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    names = [part.split('"')[0] for part in page.text.split("static/")[1:]]
    assert len(names) > 15
    for name in names:
        assert requests.get(f"{run.url}/static/{name}", timeout=TIMEOUT_S).status_code == 200, name


def test_a_rotated_file_has_the_name_that_it_has_now(run):
    run.held.states = [
        state("/logs/app.log", is_rotated=True, present_path="/logs/app.log.2.gz"),
        state("/logs/b.log"),
    ]
    files = {file["path"]: file["present_path"] for file in status(run)["files"]}
    assert files == {"/logs/app.log": "/logs/app.log.2.gz", "/logs/b.log": ""}
