"""What a running collector says of itself while its producer is away, and once it is there."""

from __future__ import annotations

import contextlib
import signal
import subprocess

import pytest
import requests

from logmill.settings import child_environment, load
from logmill.supervisor import python_command
from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess
from tests.support.waiting import wait_until

TIMEOUT_S = 10
LINES = 500


@pytest.fixture
def collector(tmp_path):
    """Follows `app.log`; its address and its settings."""
    settings = load(
        {},
        data_dir=str(tmp_path / "data"),
        producer_url=f"http://127.0.0.1:{free_port()}",
        collect_files=str(tmp_path / "app.log"),
        collect_format="json",
        collect_batch_interval_s=0.2,
        collect_port=free_port(),
        drain_timeout_s=5,
    )
    with (tmp_path / "collector.log").open("wb") as output:
        process = subprocess.Popen(
            python_command("collect"), env=child_environment(settings), stdout=output, stderr=subprocess.STDOUT
        )
    yield f"http://127.0.0.1:{settings.collect_port}", settings
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(40) == 0, (tmp_path / "collector.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def get(url):
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=TIMEOUT_S)
    return None


def readiness(url):
    """The status of /ready and what it says; 0 while nobody answers."""
    answer = get(f"{url}/ready")
    return (answer.status_code, answer.json().get("message", "")) if answer is not None else (0, "")


def test_lag_batches_and_readiness_follow_the_producer(collector, tmp_path):
    url, settings = collector
    log = tmp_path / "app.log"
    lines = ['{"level": "ERROR", "message": "it broke"}', *['{"message": "fine"}'] * (LINES - 2), "<b>no json"]
    log.write_text("\n".join([*lines, ""]))
    wait_until(lambda: readiness(url)[0] == 503, 30, "the producer is missed")
    assert "the producer has taken nothing for" in readiness(url)[1]

    def status():
        return requests.get(f"{url}/status.json", timeout=TIMEOUT_S).json()

    waits = wait_until(lambda: (found := status())["totals"]["records"] == LINES and found, 30, "all is read")
    assert waits["totals"]["accepted"] == 0
    assert waits["totals"]["read_bytes"] == waits["lag"]["bytes"] == log.stat().st_size
    assert 1 <= waits["in_flight"]["batches"] <= waits["in_flight"]["most"] == 4
    assert waits["producer"]["state"] != ""
    assert [(one["path"], one["lag_bytes"], one["faults"]) for one in waits["files"]] == [
        (str(log), log.stat().st_size, 1)
    ]
    assert [(one["file"], one["sample"]) for one in waits["faults"]] == [(str(log), "<b>no json")]
    assert {one["name"]: one["count"] for one in waits["levels"]}["ERROR"] == 1
    with ServiceProcess("producer", tmp_path, producer_port=int(settings.producer_url.rpartition(":")[2])):
        wait_until(lambda: status()["totals"]["accepted"] == LINES, 40, "all is accepted")
        done = wait_until(lambda: (found := status())["lag"]["bytes"] == 0 and found, 10, "no lag")
        assert (done["ready"], done["producer"]["state"], done["in_flight"]["batches"]) == ("ready", "", 0)
        assert readiness(url) == (200, "")
        assert f"logmill_collector_accepted_records_total {LINES}.0" in get(f"{url}/metrics").text
