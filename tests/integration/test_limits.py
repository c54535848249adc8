"""No read goes on past its time, nor for a client that has gone, and no expression hangs the service."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest
import requests

from logmill.settings import Settings
from storage.blocks import decode
from storage.engine.chdb_engine import ChdbEngine
from storage.errors import QueryCancelled, QueryTimeout
from storage.reading import Reading, in_force
from storage.search.filters import Matches
from storage.search.patterns import check_pattern
from storage.store import Store
from tests.support.service_process import ServiceProcess
from tests.support.storage_blocks import SLOW, later, realistic, stream
from tests.support.waiting import wait_until

ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("limits")
    with ServiceProcess(
        "storage", folder, recent_max_records=0, storage_threads=2, max_tails=0, query_timeout_s=60
    ) as service:
        service.wait_ready()
        block = realistic(20_000, start_us=1_700_000_000_000_000)
        for number in range(10):
            body = stream(later(block, number * 400))
            assert requests.post(f"{service.url}/ingest", data=body, headers=ARROW, timeout=60).status_code == 201
        yield service


def get(storage: ServiceProcess, path: str, **params: Any) -> requests.Response:
    return requests.get(f"{storage.url}{path}", params=params, timeout=60)


def counted(storage: ServiceProcess, name: str) -> float:
    lines = get(storage, "/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"logmill_storage_{name}_total "))


def asked(storage: ServiceProcess, path: str, **params: Any) -> socket.socket:
    """A connection on which this was asked; the answer is not read."""
    url = requests.Request("GET", f"{storage.url}{path}", params=params).prepare().path_url
    connection = socket.create_connection(("127.0.0.1", storage.port), timeout=60)
    connection.sendall(f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def is_busy(storage: ServiceProcess) -> bool:
    """Whether no thread is free to answer."""
    try:
        requests.get(f"{storage.url}/health", timeout=0.5)
    except requests.Timeout:
        return True
    return False


def test_a_request_may_lower_its_time_limit(storage: ServiceProcess) -> None:
    before = counted(storage, "query_timeouts")
    start_s = time.monotonic()
    answer = get(storage, "/logs", q=SLOW, timeout=1.5)
    took_s = time.monotonic() - start_s
    assert (answer.status_code, answer.json()["code"]) == (504, "query_timeout")
    assert 1.4 < took_s < 4
    assert counted(storage, "query_timeouts") == before + 1


@pytest.mark.parametrize("path", ["/logs/anomalies", "/logs/histogram", "/logs/facets", "/logs/stats"])
def test_the_time_limit_is_of_the_whole_request_not_of_each_query(storage: ServiceProcess, path: str) -> None:
    start_s = time.monotonic()
    assert get(storage, path, q=SLOW, timeout=0.5).status_code == 504
    assert time.monotonic() - start_s < 3


@pytest.mark.parametrize("path", ["/logs", "/logs/stats", "/logs/facets", "/rejections"])
@pytest.mark.parametrize("text", ["0", "0.01", "61", "-1", "nan", "1_0", "soon"])
def test_a_time_limit_that_is_none_is_refused(storage: ServiceProcess, path: str, text: str) -> None:
    answer = get(storage, path, timeout=text)
    assert (answer.status_code, answer.json()["field"]) == (400, "timeout")


def test_a_query_whose_client_has_gone_ends_and_its_thread_serves_again(storage: ServiceProcess) -> None:
    before = counted(storage, "queries_cancelled")
    gone = [asked(storage, "/logs", q=SLOW), asked(storage, "/logs/facets", q=SLOW)]
    wait_until(lambda: is_busy(storage), 30, "both threads are taken")
    for connection in gone:
        connection.close()
    closed_s = time.monotonic()
    # Both threads were taken, so that this waits for one.
    wait_until(lambda: counted(storage, "queries_cancelled") == before + 2, 10, "both are cancelled")
    assert time.monotonic() - closed_s < 2
    assert storage.said.count("query cancelled") >= 2
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: get(storage, "/logs", limit=1).status_code, range(4)))
    assert found == [200] * 4


def test_a_kept_connection_and_one_with_requests_sent_ahead_are_no_close(storage: ServiceProcess) -> None:
    before = counted(storage, "queries_cancelled")
    with requests.Session() as session:
        for _ in range(2):
            found = session.get(f"{storage.url}/logs", params={"q": SLOW, "timeout": "1"}, timeout=60)
            assert found.status_code == 504
    with asked(storage, "/logs", q=SLOW, timeout=1) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with connection.makefile("rb") as file:
            answers = file.read()
    assert answers.startswith(b"HTTP/1.1 504")
    assert b"HTTP/1.1 200 OK" in answers
    assert counted(storage, "queries_cancelled") == before


def test_answers_with_a_cap_say_whether_there_is_more(storage: ServiceProcess) -> None:
    assert get(storage, "/logs", limit=5).json()["truncated"] is True
    last = get(storage, "/logs", limit=5, until="2023-11-14T22:13:20.000001Z").json()
    assert (last["count"], last["truncated"], last["next_cursor"]) == (1, False, None)
    assert get(storage, "/logs/anomalies", limit=5).json()["truncated"] is True
    facets = get(storage, "/logs/facets", field=["path", "method"], size=2).json()
    assert (facets["truncated"], facets["truncated_fields"]) == (True, ["path"])
    assert get(storage, "/logs/facets", field="level").json()["truncated"] is False
    stats = get(storage, "/logs/stats").json()
    assert (stats["truncated"], stats["truncated_fields"]) == (False, [])


def test_a_histogram_of_too_many_values_counts_all_and_shows_the_most_frequent(storage: ServiceProcess) -> None:
    whole = get(storage, "/logs/histogram", by="level", buckets=2000).json()
    assert (whole["truncated"], whole["total"]) == (False, 200_000)
    part = get(storage, "/logs/histogram", by="user_id", buckets=2000).json()
    assert (part["truncated"], part["total"]) == (True, 200_000)
    assert [one["count"] for one in part["buckets"]] == [one["count"] for one in whole["buckets"]]
    values = {name for one in part["buckets"] for name in one["values"]}
    top = get(storage, "/logs/facets", field="user_id", size=10).json()["facets"]["user_id"]
    assert {one["value"] for one in top} <= values
    assert len(values) < 200


def test_rejections_say_whether_there_are_more(storage: ServiceProcess) -> None:
    items = [{"batch_id": f"00000000-0000-7000-8000-{n:012d}", "code": "x", "reason": "y"} for n in range(3)]
    assert requests.post(f"{storage.url}/rejections", json=items, timeout=30).status_code == 201
    assert get(storage, "/rejections", limit=2).json()["truncated"] is True
    assert get(storage, "/rejections", limit=3, timeout=5).json()["truncated"] is False


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path_factory.mktemp("limits-engine") / "store", Settings())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def store(engine: ChdbEngine) -> Store:
    store = Store(engine, Settings())
    # For each expression below the texts that take a backtracking engine longest, as long as a message may be.
    long = ["a" * 1_000_000 + "!", "ab" * 500_000 + "!", "x" * 1_000_000, "a1 " * 300_000 + "!"]
    block = realistic(len(long)).with_columns(message=pl.Series(long))
    store.insert(decode(stream(block))[0])
    return store


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$", r"(a|aa)+$", r"(a*)*b", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(x+x+)+y", r"(?i)(a|b|ab)*c",
        r"(.*a){20}z", r"((a?){50}){9}[!?]{2}", r"(a|b)*a(a|b){100}[zy]", r"(\w+\s?)+$$", r"(((((a+)+)+)+)+)+\d[!]?",
        r"(.?){498}[zy]$", r"(\pL?){9}[zy]$",
    ],
)  # fmt: skip
def test_nested_quantifiers_take_linear_time(store: Store, pattern: str) -> None:
    check_pattern(pattern)
    wanted = Matches("message", pattern)
    for search in (lambda: store.memory.recent.newest(wanted, 10), lambda: store.newest_on_disk(wanted, 10)):
        start_s = time.monotonic()
        with in_force(Reading(20)):
            found = search()
        assert time.monotonic() - start_s < 10
        assert found is not None


def processes(engine: ChdbEngine) -> int:
    sql = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'"
    found: int = engine.select(sql)["n"][0].as_py()
    return found


def test_a_cancelled_query_leaves_the_engine_and_others_stay(engine: ChdbEngine) -> None:
    readings = [Reading(60), Reading(60)]
    ended: dict[int, float] = {}
    sql = "SELECT count(sleepEachRow(0.05)) FROM numbers(400) SETTINGS max_block_size = 1"

    def run(number: int) -> None:
        try:
            with in_force(readings[number]):
                engine.select(sql)
        except QueryCancelled:
            ended[number] = time.monotonic()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    try:
        for thread in threads:
            thread.start()
        wait_until(lambda: processes(engine) == 2, 10, "both queries run")
        start_s = time.monotonic()
        readings[0].cancel()
        threads[0].join(5)
        assert ended[0] - start_s < 1
        assert processes(engine) == 1
        assert 1 not in ended
        readings[1].cancel()
        threads[1].join(5)
        assert processes(engine) == 0
        assert engine.select("SELECT 1 AS one")["one"].to_pylist() == [1]
    finally:
        for reading in readings:
            reading.cancel()
        for thread in threads:
            thread.join(30)


def test_the_limits_of_a_reading_hold_for_each_of_its_queries(engine: ChdbEngine) -> None:
    with in_force(Reading(0.3)), pytest.raises(QueryTimeout):
        engine.select("SELECT count(sleepEachRow(0.1)) FROM numbers(100) SETTINGS max_block_size = 1")
    assert engine.select("SELECT 1 AS one").num_rows == 1


def test_the_limits_cost_an_ordinary_query_next_to_nothing(engine: ChdbEngine) -> None:
    def fastest_s(reading: Reading | None) -> float:
        found = []
        for _ in range(200):
            start_s = time.perf_counter()
            with in_force(reading):
                engine.select("SELECT 1 AS one")
            found.append(time.perf_counter() - start_s)
        return sorted(found)[20]

    fastest_s(None)
    assert fastest_s(Reading(60)) - fastest_s(None) < 0.0005
