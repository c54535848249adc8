"""Dead letters as people meet them: listed, shown, replayed and purged, by command and over HTTP, on both brokers."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from logmill.broker import Message, broker_of
from logmill.broker.topology import AT_HEADER, DEAD_ID_HEADER, ORIGIN_HEADER
from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.record import Entry, Lane
from logmill.settings import Settings, child_environment, load
from logmill.supervisor import python_command
from logmill.wire import VERSION_HEADER, pack
from tests.support.broker_client import Client
from tests.support.pipeline import Pipeline
from tests.support.ports import free_port
from tests.support.waiting import wait_until

TIMEOUT_S = 30
NO_ID = "0" * 36
NOW_US = 1_750_000_000_000_000


@pytest.fixture
def broker(pipeline: Pipeline):
    """The broker of the pipeline, without the letters that other tests left."""
    broker = broker_of(pipeline.settings)
    with broker.dead_letters() as letters:
        letters.purge()
    wait_until(lambda: broker.depths()["dead"].ready == 0, what="no letters")
    return broker


@pytest.fixture
def bury(broker):
    """Publishes messages that no processor can read, and returns once they are put aside."""
    publisher = broker.publisher()

    def send(*messages: Message) -> None:
        before = broker.depths()["dead"].ready
        for message in messages:
            publisher.publish(message).result(TIMEOUT_S)
        wait_until(lambda: broker.depths()["dead"].ready == before + len(messages), what="the dead letters")

    yield send
    publisher.close(TIMEOUT_S)


def nonsense(body: bytes = b"no json") -> Message:
    return Message(body, Lane.NORMAL, str(uuid4()), content_type="application/json")


def batch_of_another_version() -> Message:
    own = pack(Columns.of([Entry(timestamp=1)] * 3), batch_id=new_batch_id(), lane=Lane.URGENT, received_at=1)
    return Message(own.body, own.lane, own.message_id, own.content_type, "", {**own.headers, VERSION_HEADER: 99})


def run(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*python_command("dead"), *words]
    return subprocess.run(command, env=child_environment(settings), capture_output=True, text=True, timeout=60)


def get(pipeline: Pipeline, path: str) -> requests.Response:
    return requests.get(pipeline.producer_url + path, timeout=TIMEOUT_S)


def act(pipeline: Pipeline, what: str, body: object) -> requests.Response:
    return requests.post(f"{pipeline.producer_url}/dead/{what}", json=body, timeout=TIMEOUT_S)


def test_http_and_command_list_and_show_the_same(pipeline: Pipeline, bury):
    one, other = nonsense(b"\x1b[31mno json"), batch_of_another_version()
    bury(one)
    bury(other)
    answer = get(pipeline, "/dead").json()
    assert answer["count"] == 2
    first, second = answer["letters"]
    assert (first["message_id"], first["lane"], first["bytes"]) == (one.message_id, "normal", len(one.body))
    assert "JSON" in first["reason"]
    assert (second["message_id"], second["lane"], second["records"]) == (other.message_id, "urgent", 3)
    assert "version 99" in second["reason"]
    assert json.loads(run(pipeline.settings, "list", "--json").stdout) == {"count": 2, "letters": answer["letters"]}
    assert len(get(pipeline, "/dead?limit=1").json()["letters"]) == 1

    table = run(pipeline.settings, "list")
    assert table.returncode == 0
    lines = table.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", first["id"], second["id"], "2"]
    assert "version 99" in lines[2]

    shown = get(pipeline, f"/dead/{first['id']}").json()["letter"]
    assert (shown["form"], shown["content"], shown["truncated"]) == ("text", "\x1b[31mno json", False)
    said = run(pipeline.settings, "show", first["id"])
    assert said.returncode == 0
    assert r"\x1b[31mno json" in said.stdout
    assert "\x1b" not in said.stdout
    assert get(pipeline, "/dead").json()["count"] == 2, "looking takes nothing away"


def put_aside_a_good_one(broker, service: str) -> list[str]:
    """Have a batch put aside that any processor can read; the texts of all batches that it took until we got one."""
    sent: list[str] = []
    with Client(broker) as user:
        publisher, consumer = user.publisher(), user.consumer(prefetch=1)

        def ours() -> bool:
            sent.append(f"kept {len(sent)}")
            entry = Entry(timestamp=NOW_US, message=sent[-1], service=service)
            message = pack(Columns.of([entry]), batch_id=new_batch_id(), lane=Lane.URGENT, received_at=NOW_US)
            publisher.publish(message).result(TIMEOUT_S)
            delivery = consumer.receive(0.2)
            return delivery is not None and consumer.dead_letter([(delivery, "by mistake")]) == []

        wait_until(ours, what="a delivery to us among the processors")
    wait_until(lambda: broker.depths()["dead"].ready == 1, what="the dead letter")
    return sent


@pytest.mark.parametrize("by", ["http", "command"])
def test_a_replayed_letter_is_stored_once(pipeline: Pipeline, broker, by: str):
    service = f"dead-{uuid4().hex[:12]}"
    sent = put_aside_a_good_one(broker, service)
    (letter,) = get(pipeline, "/dead").json()["letters"]
    assert (letter["reason"], letter["lane"], letter["records"]) == ("by mistake", "urgent", 1)
    shown = get(pipeline, f"/dead/{letter['id']}").json()["letter"]
    assert (shown["form"], shown["content"][0]["service"]) == ("records", service)
    assert shown["content"][0]["message"] in run(pipeline.settings, "show", letter["id"]).stdout

    def stored() -> list[str]:
        query = {"service": service, "limit": 1000}
        answer = requests.get(f"{pipeline.storage_url}/logs", query, timeout=TIMEOUT_S).json()
        return sorted(log["message"] for log in answer["logs"])

    wait_until(lambda: len(stored()) == len(sent) - 1, what="all others")
    if by == "http":
        answer = act(pipeline, "replay", {"ids": [letter["id"]]})
        assert answer.json() == {"status": "success", "replayed": 1, "missing": 0}
    else:
        assert run(pipeline.settings, "replay", letter["id"]).returncode == 0
    wait_until(lambda: len(stored()) == len(sent), what="the one that was put aside")
    assert stored() == sorted(sent)
    assert get(pipeline, "/dead").json()["count"] == 0


def test_a_letter_that_still_cannot_be_read_comes_back(pipeline: Pipeline, broker, bury):
    bury(nonsense(), nonsense(), nonsense())
    ids = [letter["id"] for letter in get(pipeline, "/dead").json()["letters"]]
    done = run(pipeline.settings, "replay", ids[0])
    assert (done.returncode, done.stdout) == (0, "replayed 1 dead letter\n")
    wait_until(lambda: broker.depths()["dead"].ready == 3, what="the letter is back")
    assert run(pipeline.settings, "replay", "--all").stdout == "replayed 3 dead letters\n"
    wait_until(lambda: broker.depths()["dead"].ready == 3, what="the letters are back")


def test_purge_removes_those_that_are_named_or_all(pipeline: Pipeline, bury):
    bury(*[nonsense() for _ in range(4)])
    ids = [letter["id"] for letter in get(pipeline, "/dead").json()["letters"]]
    assert act(pipeline, "purge", {"ids": [ids[1]]}).json()["purged"] == 1
    done = run(pipeline.settings, "purge", ids[0], NO_ID)
    assert (done.returncode, done.stdout) == (1, "purged 1 dead letter\n")
    assert "1 dead letter not found" in done.stderr
    assert [letter["id"] for letter in get(pipeline, "/dead").json()["letters"]] == ids[2:]
    assert run(pipeline.settings, "purge", "--all").returncode == 1, "it asks first"
    assert run(pipeline.settings, "purge", "--all", "--yes").stdout == "purged 2 dead letters\n"
    assert run(pipeline.settings, "list").stdout == "0 dead letters\n"


def test_an_unknown_id_is_said(pipeline: Pipeline, broker):
    for words in (("show", NO_ID), ("replay", NO_ID), ("purge", NO_ID)):
        done = run(pipeline.settings, *words)
        assert done.returncode == 1
        assert "there is no dead letter" in done.stderr
        assert "Traceback" not in done.stderr
    assert get(pipeline, f"/dead/{NO_ID}").status_code == 404
    assert act(pipeline, "replay", {"ids": [NO_ID]}).status_code == 404


def test_a_command_that_names_no_letter_is_a_usage_error(pipeline: Pipeline):
    for words in (("replay",), ("purge",), ("purge", NO_ID, "--all")):
        assert run(pipeline.settings, *words).returncode == 2
    assert act(pipeline, "purge", {}).status_code == 400


def test_what_strangers_wrote_reaches_no_terminal_as_it_is(tmp_path: Path):
    """A client of the broker may set any header, so id, time and origin too."""
    settings = load({}, broker_url=f"sqlite:///{tmp_path}/broker.sqlite3")
    broker = broker_of(settings)
    broker.declare(TIMEOUT_S)
    evil = "\x1b[2J\x9b31m\n\u202e"
    with Client(broker) as user:
        publisher, consumer = user.publisher(), user.consumer()
        message = Message(b"x", Lane.NORMAL, evil, content_type=evil)
        publisher.publish(message).result(TIMEOUT_S)
        delivery = consumer.receive(TIMEOUT_S)
        assert delivery is not None
        assert consumer.dead_letter([(delivery, evil)]) == []
    with sqlite3.connect(tmp_path / "broker.sqlite3") as db:
        for header in (DEAD_ID_HEADER, AT_HEADER, ORIGIN_HEADER):
            db.execute("UPDATE messages SET properties = json_set(properties, ?, ?)", (f'$.headers."{header}"', evil))
    for words, lines in ((["list"], 3), (["show", evil], 10), (["list", "--json"], 1)):
        done = run(settings, *words)
        assert (done.returncode, done.stdout.count("\n")) == (0, lines)
        assert not set("\x1b\x9b\u202e") & set(done.stdout)
    assert json.loads(done.stdout)["letters"][0]["at"] == evil


@pytest.mark.parametrize("kind", ["rabbitmq", "embedded"])
def test_a_broker_that_is_away_is_one_clear_line(tmp_path: Path, kind: str):
    (tmp_path / "file").write_text("in the way")
    urls = {"rabbitmq": f"amqp://127.0.0.1:{free_port()}/", "embedded": f"sqlite:///{tmp_path}/file/broker.sqlite3"}
    done = run(load({}, broker_url=urls[kind]), "list")
    assert done.returncode == 1
    assert done.stderr.startswith("logmill: ")
    assert len(done.stderr.splitlines()) == 1


def test_the_embedded_broker_of_a_data_folder_is_found_by_the_folder(tmp_path: Path):
    settings = load({}, data_dir=str(tmp_path / "data"))
    broker_of(settings).declare(10)
    command = [*python_command("dead"), "--data-dir", settings.data_dir, "list"]
    environment = child_environment(load({}), LOGMILL_BROKER_URL="", LOGMILL_DATA_DIR="")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "0 dead letters\n")
