"""An export is whole or visibly not, sees each log once, holds little memory and leaves room for other requests."""

from __future__ import annotations

import csv
import http.client
import io
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import requests

from tests.support.service_process import ServiceProcess
from tests.support.storage_blocks import batch, later, realistic, stream
from tests.support.waiting import wait_until

ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
BLOCK_ROWS = 20_000
BLOCKS = 10
MAX_GROWTH_MB = 60


def service(folder: Path, **settings: Any) -> ServiceProcess:
    return ServiceProcess("storage", folder, recent_max_records=1000, storage_threads=4, **settings).wait_ready()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with 200,000 logs of blocks whose times overlap."""
    with service(tmp_path_factory.mktemp("export")) as running:
        block = realistic(BLOCK_ROWS, start_us=1_700_000_000_000_000)
        for number in range(BLOCKS):
            ingest(running, stream(later(block, number * 200)))
        yield running


@pytest.fixture
def small(tmp_path: Path) -> Iterator[ServiceProcess]:
    with service(tmp_path) as running:
        yield running


def ingest(storage: ServiceProcess, body: bytes) -> None:
    assert requests.post(f"{storage.url}/ingest", data=body, headers=ARROW, timeout=60).status_code == 201


def export(storage: ServiceProcess, **params: Any) -> requests.Response:
    return requests.get(f"{storage.url}/logs/export", params=params, timeout=60, stream=True)


def metric(storage: ServiceProcess, name: str) -> float:
    lines = requests.get(f"{storage.url}/metrics", timeout=30).text.splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def test_an_export_has_every_log_once_newest_first(storage: ServiceProcess) -> None:
    answer = export(storage, fields="id,timestamp")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert re.fullmatch(r'attachment; filename="logs-\d{8}T\d{6}Z\.ndjson"', answer.headers["Content-Disposition"])
    logs = [json.loads(line) for line in answer.iter_lines()]
    assert len(logs) == len({log["id"] for log in logs}) == BLOCKS * BLOCK_ROWS
    times = [log["timestamp"] for log in logs]
    assert times == sorted(times, reverse=True)


def test_the_forms_hold_the_same_logs_as_a_page_with_the_same_filter(storage: ServiceProcess) -> None:
    wanted = {"level": "critical", "since": "2023-11-14T22:30:00Z"}
    page = requests.get(f"{storage.url}/logs", params={**wanted, "limit": 10_000}, timeout=60).json()
    assert page["truncated"] is False
    assert page["count"] > 600  # more than the first page of an export
    assert export(storage, **wanted, format="json").json() == page["logs"]
    lines = export(storage, **wanted, format="ndjson").content.splitlines()
    assert list(map(json.loads, lines)) == page["logs"]
    answer = export(storage, **wanted, format="csv", fields="id,message")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert rows == [{"id": log["id"], "message": log["message"]} for log in page["logs"]]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"format": "xml"}, "format"), ({"fields": "nothing"}, "fields"), ({"limit": "5"}, "limit"),
        ({"q": "(a"}, "q"), ({"timeout": "4000"}, "timeout"),
    ],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused_by_name(storage: ServiceProcess, params: Any, field: str) -> None:
    answer = export(storage, **params)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_exports_of_200_000_logs_grow_the_process_by_less_than_their_size(storage: ServiceProcess) -> None:
    pid = max(storage.group(), key=lambda one: memory_mb(one, "VmRSS"))
    export(storage, since="2023-11-14T22:45:00Z").content  # noqa: B018  what is made once is there then
    growths = []
    for name in ("ndjson", "json"):
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is counted from here
        before_mb = memory_mb(pid, "VmRSS")
        exported_mb = sum(map(len, export(storage, format=name).iter_content(1 << 20))) / 1e6
        growths.append(memory_mb(pid, "VmHWM") - before_mb)
        assert exported_mb > MAX_GROWTH_MB * 1.3
    # A merge beside an export takes memory of its own; what an export kept would show in both, and be many times that.
    assert min(growths) < MAX_GROWTH_MB, growths


def memory_mb(pid: int, name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def test_an_export_that_fails_midway_does_not_look_complete(storage: ServiceProcess) -> None:
    failed = 'logmill_storage_exports_total{outcome="failed"}'
    for number, name in enumerate(("ndjson", "csv", "json"), 1):
        connection = http.client.HTTPConnection("127.0.0.1", storage.port, timeout=60)
        connection.request("GET", f"/logs/export?format={name}&timeout=1")
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        connection.close()
        body = cut.value.partial
        assert 1000 < body.count(b"\n") < BLOCKS * BLOCK_ROWS
        if name == "json":
            with pytest.raises(json.JSONDecodeError):
                json.loads(body)
        assert metric(storage, failed) == number
    assert "Traceback" not in storage.said


def test_what_is_stored_meanwhile_doubles_nothing_and_hides_nothing(small: ServiceProcess) -> None:
    first = realistic(BLOCK_ROWS, start_us=1_700_000_000_000_000)
    ingest(small, stream(first))
    before = {json.loads(line)["id"] for line in export(small, fields="id").iter_lines()}
    assert len(before) == BLOCK_ROWS
    done = threading.Event()
    stored = 0

    def store() -> None:
        nonlocal stored
        block = first.head(200)
        while not done.is_set():
            ingest(small, stream(later(block, stored % 400)))
            stored += 200

    writer = threading.Thread(target=store)
    writer.start()
    try:
        seen = Counter(json.loads(line)["id"] for line in export(small, fields="id").iter_lines())
    finally:
        done.set()
        writer.join(60)
    assert stored > 0
    assert max(seen.values()) == 1
    assert before <= seen.keys()
    assert len(seen) <= len(before) + stored


def unread(storage: ServiceProcess) -> socket.socket:
    """An export that has begun, and of which nothing more is read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", storage.port))
    connection.sendall(b"GET /logs/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def test_exports_leave_threads_to_others_and_those_that_nobody_reads_end(storage: ServiceProcess) -> None:
    left = 'logmill_storage_exports_total{outcome="left"}'
    with unread(storage), unread(storage) as closed:
        refused = export(storage)
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_exports")
        assert int(refused.headers["Retry-After"]) > 0
        assert requests.get(f"{storage.url}/logs", params={"limit": 1}, timeout=10).status_code == 200
        closed.close()
        wait_until(lambda: metric(storage, left) >= 1, 10, "the export that was closed ends")
        assert export(storage, service="nothing").content == b""
        wait_until(lambda: metric(storage, left) >= 2, 60, "the export that nobody reads ends")
    assert "Traceback" not in storage.said


def test_a_head_and_an_old_client_take_no_place(storage: ServiceProcess) -> None:
    for _ in range(5):
        assert requests.head(f"{storage.url}/logs/export", timeout=30).status_code == 200
    with socket.create_connection(("127.0.0.1", storage.port), timeout=30) as connection:
        connection.sendall(b"GET /logs/export HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert b" 505 " in connection.recv(100)
    assert export(storage, service="nothing").content == b""


def test_logs_as_long_as_they_may_be_are_exported_in_little_memory(small: ServiceProcess) -> None:
    long = batch(150)
    message = "".join(chr(33 + n * 7919 % 90) for n in range(1_000_000))
    for start in range(0, 150, 30):
        rows = (
            realistic(1)
            .clear()
            .vstack(
                pl.DataFrame(long[start : start + 30], schema=realistic(1).schema).with_columns(message=pl.lit(message))
            )
        )
        ingest(small, stream(rows))
    pid = max(small.group(), key=lambda one: memory_mb(one, "VmRSS"))
    export(small, q="nothing").content  # noqa: B018
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before_mb = memory_mb(pid, "VmRSS")
    sizes = [len(line) for line in export(small).iter_lines(chunk_size=1 << 20)]
    assert len(sizes) == 150
    assert min(sizes) > 1_000_000
    assert memory_mb(pid, "VmHWM") - before_mb < 400
