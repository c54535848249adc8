"""Searches and pages over HTTP: a walk with cursors sees each record once, whatever is stored meanwhile."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from logmill.ids import new_batch_id
from tests.support.storage_blocks import batch, row, stream
from tests.support.storage_service import StorageService

TIMES = range(1_700_000_000_000_000, 1_700_000_000_000_050)


@pytest.fixture(scope="module", params=[100_000, 300], ids=["memory", "engine"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    with StorageService(tmp_path_factory.mktemp("pages") / "data", recent_max_records=request.param) as service:
        yield service


@pytest.fixture(autouse=True)
def empty(storage: StorageService) -> None:
    assert storage.http.delete(storage.url + "/logs/clear", timeout=30).status_code == 200


def walk(storage: StorageService, **params: Any) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        answer = storage.get("/logs", cursor=cursor, **params).json()
        yield from answer["logs"]
        cursor = answer["next_cursor"]


@pytest.mark.parametrize("q", ["", "level:error", "message:1*"])
def test_a_walk_sees_each_record_once_while_others_are_stored(storage: StorageService, q: str) -> None:
    rng = random.Random(5)

    def some(count: int) -> list[dict[str, Any]]:
        # Few distinct times, so that pages end within rows of the same time and within a batch.
        return [
            {**one, "timestamp": rng.choice(TIMES), "level": level, "priority": "high" if level == "ERROR" else "low"}
            for one, level in zip(batch(count), rng.choices(["INFO", "ERROR"], k=count), strict=True)
        ]

    first = [one for _ in range(5) for one in some(100)]
    assert storage.ingest(stream(first)).status_code == 201
    wanted = [log["id"] for log in walk(storage, q=q, limit=10_000)]
    assert 50 < len(wanted) <= 500
    done = threading.Event()
    stored = 0

    def store() -> None:
        nonlocal stored
        with StorageClient(storage) as client:
            while not done.is_set():
                stored += client.ingest(stream(some(20)))

    writer = threading.Thread(target=store)
    writer.start()
    try:
        seen = Counter(log["id"] for log in walk(storage, q=q, limit=7))
    finally:
        done.set()
        writer.join(30)
    assert stored > 0
    assert max(seen.values()) == 1
    assert set(wanted) <= set(seen)


class StorageClient:
    """A connection of a thread's own."""

    def __init__(self, storage: StorageService) -> None:
        self._url = storage.url
        self._http = requests.Session()

    def ingest(self, body: bytes) -> int:
        answer = self._http.post(
            self._url + "/ingest",
            data=body,
            headers={"Content-Type": "application/vnd.apache.arrow.stream"},
            timeout=30,
        )
        assert answer.status_code == 201
        stored: int = answer.json()["stored"]
        return stored

    def __enter__(self) -> StorageClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def test_a_search_finds_what_it_says(storage: StorageService) -> None:
    made = [
        row(uuid.uuid4(), 0, message="Connection timed out", service="auth", metadata='{"order": {"id": 4711}}'),
        row(
            uuid.uuid4(), 0, message="connection accepted", service="api", metadata='{"order.id": 4711}', level="ERROR"
        ),
        row(uuid.uuid4(), 0, message="payment failed", service="pay", status_code=503, tags=["payment"]),
    ]
    for one in made:
        assert storage.ingest(stream([one])).status_code == 201

    def services(**params: Any) -> list[str]:
        answer = storage.get("/logs", **params)
        assert answer.status_code == 200, answer.text
        return sorted(log["service"] for log in answer.json()["logs"])

    assert services(q="connection") == ["api", "auth"]
    assert services(q='"timed out"') == ["auth"]
    assert services(q="conn* -accepted") == ["auth"]
    assert services(q="metadata.order.id:4711") == ["api", "auth"]
    assert services(q="order.id:[4000 TO 5000] AND level:error") == ["api"]
    assert services(q="status_code:>=500 OR tag:auth") == ["pay"]
    assert services(q="/fail(ed|ure)/") == ["pay"]
    assert services(q='"\'; DROP TABLE logs --"') == []
    assert storage.http.get(f"{storage.url}/logs?service=api&service=pay", timeout=30).json()["count"] == 2


def test_a_search_that_cannot_be_read_says_where(storage: StorageService) -> None:
    answer = storage.get("/logs", q="level:error AND (service:a")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["field"], body["position"]) == ("invalid_query", "q", 26)


def test_a_histogram_is_of_what_passes_and_shows_empty_buckets(storage: StorageService) -> None:
    start_us = 1_700_000_040_000_000
    for minute, level in ((0, "INFO"), (0, "ERROR"), (3, "ERROR")):
        assert (
            storage.ingest(stream(batch(2, level=level, timestamp=start_us + minute * 60_000_000))).status_code == 201
        )
    found = storage.get("/logs/histogram", buckets=5).json()
    assert found["total"] == 6
    assert [bucket["values"] for bucket in found["buckets"]] == [{"ERROR": 2, "INFO": 2}, {}, {}, {"ERROR": 2}]
    assert found["buckets"][0]["start"] == found["since"] == "2023-11-14T22:14:00.000000Z"
    assert found["bucket_ms"] == 60_000
    part = storage.get("/logs/histogram", q="message:0", by="service", since="2023-11-14T22:15:00Z", buckets=1).json()
    assert [bucket["values"] for bucket in part["buckets"] if bucket["count"]] == [{"test": 1}]
    assert storage.get("/logs/histogram", q="nothing").json()["buckets"] == []


def test_a_fingerprint_that_was_counted_by_is_what_logs_show_and_finds_them(storage: StorageService) -> None:
    for count, fingerprint in ((3, 2**64 - 1), (2, 0xAB), (1, 0)):
        assert storage.ingest(stream(batch(count, fingerprint=fingerprint))).status_code == 201
    facet = storage.get("/logs/facets", field="fingerprint").json()["facets"]["fingerprint"]
    assert facet == [
        {"value": "f" * 16, "count": 3}, {"value": "00000000000000ab", "count": 2}, {"value": "0" * 16, "count": 1}
    ]  # fmt: skip
    (bucket,) = storage.get("/logs/histogram", by="fingerprint", buckets=1).json()["buckets"]
    assert bucket["values"] == {one["value"]: one["count"] for one in facet}
    for one in facet:
        for asked in ({"fingerprint": one["value"]}, {"q": f"fingerprint:{one['value']}"}):
            logs = storage.get("/logs", **asked).json()["logs"]
            assert [log["fingerprint"] for log in logs] == [one["value"]] * one["count"]


def test_logs_without_a_value_count_as_an_empty_one_and_are_found_as_such(storage: StorageService) -> None:
    assert storage.ingest(stream(batch(3))).status_code == 201
    given = {"status_code": 200, "response_time_ms": 12.5, "method": "GET", "user_id": "7", "host": "h"}
    assert storage.ingest(stream(batch(2, **given))).status_code == 201
    for field, value in given.items():
        facet = storage.get("/logs/facets", field=field).json()["facets"][field]
        assert facet == [{"value": "", "count": 3}, {"value": str(value), "count": 2}]
        (bucket,) = storage.get("/logs/histogram", by=field, buckets=1).json()["buckets"]
        assert bucket["values"] == {"": 3, str(value): 2}
        for search, count in ((f"NOT {field}:*", 3), (f"{field}:*", 2)):
            assert storage.get("/logs", q=search).json()["count"] == count


def test_parts_of_fields_are_shown_by_pages_and_exports(storage: StorageService) -> None:
    given = {"metadata": '{"order": {"id": 4711, "paid": true}}', "host": "h"}
    assert storage.ingest(stream(batch(2, **given))).status_code == 201
    fields = "metadata.order.id,source.host"
    shown = {"metadata": {"order": {"id": 4711}}, "source": {"host": "h"}}
    assert storage.get("/logs", fields=fields).json()["logs"] == [shown, shown]
    assert storage.get("/logs/export", fields=fields, format="json").json() == [shown, shown]
    assert storage.get("/logs/export", fields=fields, format="csv").text == f"{fields}\r\n4711,h\r\n4711,h\r\n"
    refused = storage.get("/logs", fields="order.id")
    assert (refused.status_code, refused.json()["field"]) == (400, "fields")


def test_facets_and_statistics(storage: StorageService) -> None:
    assert storage.ingest(stream(batch(3, level="ERROR", tags=["x"], host="h"))).status_code == 201
    assert storage.ingest(stream(batch(1, tags=["x", "y"], status_code=200))).status_code == 201
    facets = storage.get("/logs/facets").json()["facets"]
    assert facets["level"] == [{"value": "ERROR", "count": 3}, {"value": "INFO", "count": 1}]
    assert facets["tags"] == [{"value": "x", "count": 4}, {"value": "y", "count": 1}]
    assert storage.get("/logs/facets", field="tag", size=1, level="info").json()["facets"] == {
        "tags": [{"value": "x", "count": 1}]
    }
    stats = storage.get("/logs/stats", level="error").json()
    assert (stats["total_logs"], stats["by_level"], stats["by_host"]) == (3, {"ERROR": 3}, {"h": 3})
    assert stats["oldest"] == "2023-11-14T22:13:20.000000Z"
    assert stats["disk"]["bytes"] > 0
    assert stats["logs_per_s"] == {"last_minute": 0, "last_5_minutes": 0, "last_hour": 0}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/logs/histogram?by=message", "by"), ("/logs/histogram?by=nothing", "by"),
        ("/logs/histogram?buckets=0", "buckets"),
        ("/logs/facets?field=timestamp", "field"), ("/logs/facets?size=1001", "size"), ("/logs/stats?limit=5", "limit"),
        ("/logs/histogram?limit=5", "limit"),
        ("/logs/patterns?limit=1001", "limit"), ("/logs/patterns?buckets=0", "buckets"),
        ("/logs/patterns?size=5", "size"),
        ("/logs/patterns?cluster=some", "cluster"), (f"/logs/{uuid.uuid4()}-0?context=201", "context"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_is_refused_by_name(storage: StorageService, path: str, field: str) -> None:
    answer = storage.http.get(storage.url + path, timeout=30)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_one_log_is_shown_with_those_around_it(storage: StorageService) -> None:
    mine = batch(9, service="a", host="h", file="f")
    assert storage.ingest(stream([*mine, *batch(9, service="b", host="h", file="f")])).status_code == 201
    ids = [f"{uuid.UUID(bytes=one['batch_id'])}-{one['ordinal']}" for one in mine]
    found = storage.get(f"/logs/{ids[2]}", context=3).json()
    assert found["log"]["id"] == ids[2]
    assert [log["id"] for log in found["context"]["before"]] == ids[:2]
    assert [log["id"] for log in found["context"]["after"]] == ids[3:6]
    assert storage.get(f"/logs/{ids[2]}", context=0).json()["context"] == {"before": [], "after": []}
    assert "context" not in storage.get(f"/logs/{ids[2]}").json()
    assert storage.get(f"/logs/{uuid.uuid4()}-0", context=3).status_code == 404


def test_patterns_over_http(storage: StorageService) -> None:
    common = batch(5, fingerprint=255, level="ERROR", service="a", timestamp=1_700_000_040_000_000)
    rare = batch(2, fingerprint=7, service="b", timestamp=1_700_000_100_000_000)
    assert storage.ingest(stream([*common, *rare])).status_code == 201
    found = storage.get("/logs/patterns", buckets=3).json()
    assert (found["total"], found["count"], found["truncated"], found["bucket_ms"]) == (7, 2, False, 60_000)
    assert (found["since"], found["until"]) == ("2023-11-14T22:14:00.000000Z", "2023-11-14T22:16:00.000000Z")
    first, second = found["patterns"]
    newest = storage.get("/logs", fingerprint="00000000000000ff", limit=1).json()["logs"][0]
    assert first == {
        "template": "message <*>",
        "fingerprint": "00000000000000ff",
        "fingerprints": ["00000000000000ff"],
        "fingerprint_count": 1,
        "count": 5,
        "share": 5 / 7,
        "trend": [5, 0],
        "first_seen": "2023-11-14T22:14:00.000000Z",
        "last_seen": "2023-11-14T22:14:00.000000Z",
        "levels": {"ERROR": 5},
        "services": {"a": 5},
        "example": newest,
    }
    assert (second["fingerprint"], second["trend"]) == ("0000000000000007", [0, 2])
    part = storage.get("/logs/patterns", limit=1, q="message:0").json()
    assert (part["total"], part["count"], part["truncated"]) == (2, 1, True)
    none = storage.get("/logs/patterns", q="nothing").json()
    assert (none["total"], none["patterns"], none["since"], none["bucket_ms"]) == (0, [], None, None)


def test_clusters_over_http_name_the_fingerprints_that_find_their_logs(storage: StorageService) -> None:
    names = [f"{first}{second}" for first in "ghijklmnopq" for second in "ghijklmnopqr"]
    one_batch = new_batch_id()
    logins = [
        row(one_batch, at, message=f"login of {name} failed", fingerprint=at + 1, level="ERROR")
        for at, name in enumerate(names)
    ]
    other = batch(1, fingerprint=999, timestamp=1_700_000_000_000_000)
    assert storage.ingest(stream([*logins, *other])).status_code == 201
    found = storage.get("/logs/patterns", cluster="true", buckets=1).json()
    assert [(one["template"], one["count"], one["fingerprint_count"]) for one in found["patterns"]] == [
        ("login of <*> failed", 132, 132),
        ("message <*>", 1, 1),
    ]
    first = found["patterns"][0]
    assert first["fingerprint"] == first["fingerprints"][0]
    assert (len(first["fingerprints"]), first["share"]) == (100, 132 / 133)
    assert (first["levels"], first["example"]["message"].split()[0]) == ({"ERROR": 132}, "login")
    search = storage.get("/logs", limit=1000, q=f"fingerprint:({' OR '.join(first['fingerprints'])})").json()
    same = "&".join(f"fingerprint={one}" for one in first["fingerprints"])
    assert search["count"] == storage.get(f"/logs?limit=1000&{same}").json()["count"] == 100
    assert storage.get("/logs/patterns", cluster="false").json()["count"] == 50
