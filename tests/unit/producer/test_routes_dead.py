"""Dead letters over HTTP, on an embedded broker: what is shown, what is asked for, and what can be done."""

from __future__ import annotations

import threading
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

import producer.app
from logmill import dead_letters
from logmill.broker import Broker, Message, broker_of
from logmill.columns import Columns
from logmill.dead_letters import MAX_CONTENT_BYTES
from logmill.ids import new_batch_id
from logmill.record import Entry, Lane
from logmill.settings import Settings, load
from logmill.wire import VERSION_HEADER, pack
from tests.support.broker_client import Client, collect

NO_ID = "0" * 36


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    url = f"sqlite:///{tmp_path}/broker.sqlite3"
    return load({}, broker_url=url, data_dir=str(tmp_path / "data"), producer_pin_cores=False)


@pytest.fixture
def broker(settings: Settings) -> Broker:
    return broker_of(settings)


@pytest.fixture
def client(settings: Settings):
    # As the producer does it on a thread of its own, which takes its time.
    broker_of(settings).declare(10)
    app = producer.app.create_app(settings)
    yield app.test_client()
    app.extensions["logmill_close"]()


def put_aside(broker: Broker, *messages: Message) -> None:
    """Have these messages become dead letters as a processor does it."""
    with Client(broker) as user:
        publisher, consumer = user.publisher(), user.consumer()
        for message in messages:
            publisher.publish(message).result(10)
        for delivery in collect(consumer, len(messages)):
            assert consumer.dead_letter([(delivery, f"why {delivery.message.message_id}")]) == []


def foreign(body: bytes, message_id: str = "m") -> Message:
    return Message(body, Lane.NORMAL, message_id, content_type="application/json")


def batch(*entries: Entry) -> Message:
    return pack(Columns.of(entries), batch_id=new_batch_id(), lane=Lane.URGENT, received_at=5_000_000)


def letters(client, query: str = "") -> list[dict]:
    answer = client.get(f"/dead{query}")
    assert answer.status_code == 200
    return answer.json["letters"]


def show(client) -> dict:
    (letter,) = letters(client)
    answer = client.get(f"/dead/{letter['id']}")
    assert answer.status_code == 200
    shown = answer.json["letter"]
    assert letter.items() <= shown.items()
    return shown


def test_the_list_says_what_is_known_of_each_and_how_many_there_are(client, broker):
    own = batch(Entry(timestamp=1), Entry(timestamp=2))
    put_aside(broker, own, foreign(b"nonsense"), foreign(b"more", "n"))
    answer = client.get("/dead?limit=2").json
    assert (answer["status"], answer["count"], len(answer["letters"])) == ("success", 3, 2)
    first, second = answer["letters"]
    assert (first["lane"], first["message_id"], first["records"]) == ("urgent", own.message_id, 2)
    assert (first["bytes"], first["content_type"]) == (len(own.body), own.content_type)
    assert (second["reason"], second["lane"], second["bytes"]) == ("why m", "normal", 8)
    assert "records" not in second
    assert ":" in second["origin"]
    assert second["at"] > "2020"


def test_a_batch_is_shown_as_its_records(client, broker):
    entry = Entry(timestamp=1_500_000, message="m", level="ERROR", metadata=Raw(b'{"a": [1]}'), host="h")
    put_aside(broker, batch(entry))
    shown = show(client)
    assert (shown["form"], shown["truncated"]) == ("records", False)
    assert shown["content"] == [
        {"timestamp": "1970-01-01T00:00:01.500000Z", "level": "ERROR", "message": "m", "service": "unknown",
         "metadata": {"a": [1]}, "host": "h"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "form", "content"),
    [
        (b'{"message": null}', "text", '{"message": null}'),
        ("ü".encode() * 40_000, "text", "ü" * (MAX_CONTENT_BYTES // 2)),
        (b"x" + "ü".encode() * 40_000, "text", "x" + "ü" * (MAX_CONTENT_BYTES // 2 - 1)),
        (b"\xff\xfe", "base64", b"\xff\xfe"),
        (b"\xff" * 100_000, "base64", b"\xff" * MAX_CONTENT_BYTES),
        (b"", "text", ""),
    ],
)
def test_a_foreign_body_is_shown_as_text_or_base64_and_cut(client, broker, body, form, content):
    put_aside(broker, foreign(body))
    shown = show(client)
    assert (shown["form"], shown["truncated"]) == (form, len(body) > MAX_CONTENT_BYTES)
    assert (b64decode(shown["content"]) if form == "base64" else shown["content"]) == content


@pytest.mark.parametrize("count", [1, 5000])
def test_a_long_batch_is_cut_between_records_but_one_is_shown_at_least(client, broker, count):
    put_aside(broker, batch(*[Entry(timestamp=1, message="x" * (70_000 if count == 1 else 50))] * count))
    shown = show(client)
    assert shown["truncated"]
    assert 1 <= len(shown["content"]) < max(count, 2)
    assert shown["records"] == count
    assert len(msgspec.json.encode(shown["content"])) < MAX_CONTENT_BYTES + 2048


def test_a_batch_that_cannot_be_decoded_is_shown_as_bytes(client, broker):
    own = batch(Entry(timestamp=1))
    put_aside(broker, of_another_version(own))
    assert show(client)["form"] in {"base64", "text"}


def of_another_version(own: Message) -> Message:
    return Message(own.body, own.lane, own.message_id, own.content_type, "", {**own.headers, VERSION_HEADER: 99})


@pytest.mark.parametrize(
    ("timestamp", "metadata"),
    [
        (float("nan"), b"{}"),
        (float("inf"), b"{}"),
        (1e300, b"{}"),
        (10**18, b"{}"),
        (-(10**18), b"{}"),
        (1, b'{"a": "\xff"}'),
        (1, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        (1, b'{"a": 1e999}'),
        (1, b'{"a": "\\ud800"}'),
        (1, b"{"),
        (1, b""),
    ],
)
def test_a_batch_with_values_that_nobody_can_show_is_shown_as_bytes(client, broker, timestamp, metadata):
    columns = Columns([timestamp], ["INFO"], ["m"], ["s"], [metadata])
    put_aside(broker, pack(columns, batch_id=new_batch_id(), lane=Lane.URGENT, received_at=1))
    shown = show(client)
    assert shown["form"] in {"base64", "text"}
    assert shown["content"]


def test_replay_sends_them_on_their_way_and_purge_removes_them(client, broker):
    put_aside(broker, foreign(b"1", "a"), foreign(b"2", "b"), foreign(b"3", "c"), foreign(b"4", "d"))
    a, b, c, _ = letters(client)
    answer = client.post("/dead/replay", json={"ids": [a["id"], a["id"], NO_ID]})
    assert (answer.status_code, answer.json) == (200, {"status": "success", "replayed": 1, "missing": 1})
    with Client(broker) as user:
        (again,) = collect(user.consumer(), 1, acknowledge=True)
    assert (again.message.message_id, again.message.body) == ("a", b"1")
    answer = client.post("/dead/purge", json={"ids": [b["id"]]})
    assert answer.json == {"status": "success", "purged": 1, "missing": 0}
    assert letters(client, "?limit=1")[0]["id"] == c["id"]
    assert client.post("/dead/purge", json={"all": True}).json["purged"] == 2
    assert client.post("/dead/purge", json={"all": True}).json["purged"] == 0
    assert letters(client) == []


def test_an_id_that_is_unknown_is_404(client):
    answers = [
        client.get(f"/dead/{NO_ID}"),
        client.get("/dead/x"),
        client.post("/dead/replay", json={"ids": [NO_ID]}),
        client.post("/dead/purge", json={"ids": ["x", "y"]}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json["code"], answer.json["field"]) == (404, "no_such_letter", "id")


LONG_LIMITS = ["9" * 5000, "0" * 8 + "1" + "9" * 5000, "000000001999999", "0" * 5000]


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "1001", "", "1.5", "²", *LONG_LIMITS])
def test_a_bad_limit_is_400_and_named(client, limit):
    answer = client.get(f"/dead?limit={limit}")
    assert (answer.status_code, answer.json["field"]) == (400, "limit")


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"ids": []}', b'{"all": false}', b'{"ids": ["a"], "all": true}', b'{"ids": "a"}', b'{"id": ["a"]}',
     b"[]", b"", b"{", b"\xff", b'{"ids": [1]}', b'{"all": 1}'],
)  # fmt: skip
def test_replay_and_purge_take_no_guess_at_what_is_meant(client, broker, body):
    put_aside(broker, foreign(b"1"))
    for path in ("/dead/replay", "/dead/purge"):
        answer = client.post(path, data=body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json["status"] == "error"
    assert len(letters(client)) == 1


def test_a_page_of_another_site_cannot_purge(client, broker):
    """A browser sends these types across sites without asking first."""
    put_aside(broker, foreign(b"1"))
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/dead/purge", data=b'{"all": true}', content_type=content_type)
        assert answer.status_code == 415
    assert len(letters(client)) == 1


def test_a_key_is_asked_for_where_one_is_set(settings: Settings):
    broker_of(settings).declare(10)
    app = producer.app.create_app(msgspec.structs.replace(settings, api_key="k"))
    client = app.test_client()
    assert client.get("/dead").status_code == 401
    assert client.post("/dead/purge", json={"all": True}).status_code == 401
    assert client.get("/dead", headers={"Authorization": "Bearer k"}).status_code == 200
    app.extensions["logmill_close"]()


def test_a_broker_that_is_away_is_503(client, broker, tmp_path: Path):
    put_aside(broker, foreign(b"1"))
    (tmp_path / "aside").mkdir()
    for file in tmp_path.glob("broker.sqlite3*"):
        file.rename(tmp_path / "aside" / file.name)
    (tmp_path / "broker.sqlite3").mkdir()
    for answer in (client.get("/dead"), client.get("/dead/x"), client.post("/dead/purge", json={"all": True})):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_only_so_many_are_looked_through_for_an_id_and_it_is_said(client, broker, monkeypatch: pytest.MonkeyPatch):
    put_aside(broker, *[foreign(b"1", name) for name in "abcd"])
    a, b, c, d = [letter["id"] for letter in letters(client)]
    assert "oldest" not in client.get(f"/dead/{NO_ID}").json["message"]
    monkeypatch.setattr(dead_letters, "MAX_SEARCHED", 2)
    assert client.get(f"/dead/{b}").status_code == 200
    bounded = [client.get(f"/dead/{c}")]
    bounded += [client.post(f"/dead/{what}", json={"ids": [c, d]}) for what in ("replay", "purge")]
    for answer in bounded:
        assert answer.status_code == 404
        assert answer.json["message"].endswith("among the 2 oldest; there may be more")
    answer = client.post("/dead/purge", json={"ids": [a, d]})
    assert answer.json == {"status": "success", "purged": 1, "missing": 1, "searched": 2}
    answer = client.post("/dead/replay", json={"ids": [b]})
    assert answer.json == {"status": "success", "replayed": 1, "missing": 0}
    assert client.post("/dead/purge", json={"all": True}).json["purged"] == 2


def test_two_are_answered_at_a_time_and_the_next_is_503(client, monkeypatch: pytest.MonkeyPatch):
    begun, go_on = threading.Semaphore(0), threading.Event()

    def wait(*_args: object) -> dead_letters.Listing:
        begun.release()
        assert go_on.wait(30)
        return dead_letters.Listing(0, [])

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(dead_letters, "listing", wait)
        waiting = [pool.submit(lambda: client.application.test_client().get("/dead").status_code) for _ in range(2)]
        for _ in waiting:
            assert begun.acquire(timeout=30)
        for refused in (client.get("/dead"), client.get("/dead/x"), client.post("/dead/purge", json={"all": True})):
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert client.post("/logs", json={"message": "m"}).status_code == 201
        go_on.set()
        assert [one.result(30) for one in waiting] == [200, 200]
    assert [client.get(path).status_code for path in ("/dead/x", "/dead/x", "/dead/x", "/dead")] == [404] * 3 + [200]


def test_each_has_a_deadline(client, broker, monkeypatch: pytest.MonkeyPatch):
    given: list[float] = []
    opened = type(broker).dead_letters

    def noted(self: Broker, timeout_s: float):
        given.append(timeout_s)
        return opened(self, timeout_s)

    monkeypatch.setattr(type(broker), "dead_letters", noted)
    letters(client)
    client.get("/dead/x")
    client.post("/dead/replay", json={"all": True})
    client.post("/dead/purge", json={"ids": ["x"]})
    assert given == [5, 5, 30, 30]
