"""The local copy: what is in it in each of its forms, and for whom."""

from __future__ import annotations

import json
import sqlite3
import stat

import polars as pl
import pytest

from benchmarks.parsing import SAMPLES
from collector.outputs.database import DatabaseOutput
from collector.outputs.structured import COLUMNS, Structure
from collector.outputs.unavailable import OutputUnavailable
from logmill.errors import AlreadyRunning, ConfigError
from logmill.ids import new_batch_id
from logmill.intake import from_lines
from logmill.rules.ruleset import load
from logmill.settings import Settings
from logmill.submitted import Limits
from logmill.wire import Batch
from processor.columns import to_frame
from processor.redaction.text import Redactor
from processor.stages import make_stages
from tests.support.copying import batch, messages, opened, records

KINDS = ("jsonl", "csv", "sqlite")
ACCESS = '10.0.0.1 - eve [10/Oct/2000:13:55:36 -0700] "GET /api/x?y HTTP/1.1" 503 5'


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_is_taken_apart(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path, kind)
    copy.write(
        "a", batch('{"time":"2026-01-31T12:00:00.5+01:00","level":"warn","msg":"login failed","user":7}', ACCESS)
    )
    assert records(path, kind) == [
        {
            "timestamp": "2026-01-31T11:00:00.500000Z",
            "level": "WARNING",
            "service": "app",
            "host": "web-1",
            "file": "/var/log/app.log",
            "message": "login failed",
            "tags": ["auth"],
            "fields": {"user": 7},
        },
        {
            "timestamp": "2000-10-10T20:55:36.000000Z",
            "level": "INFO",
            "service": "app",
            "host": "web-1",
            "file": "/var/log/app.log",
            "message": ACCESS,
            "tags": ["api"],
            "fields": {
                "client_ip": "10.0.0.1",
                "user_id": "eve",
                "method": "GET",
                "path": "/api/x",
                "query": "y",
                "http_version": "1.1",
                "status_code": 503,
                "bytes": 5,
            },
        },
    ]


def test_it_has_what_storage_gets_but_for_redaction():
    events = [SAMPLES[name](7) for name in SAMPLES] + ["plain", "Payment of eve refused", "tab\tand\x00 NUL"]
    body = batch(*events, tags=["prod"])
    rules, settings = load(""), Settings()
    frame = to_frame([Batch(new_batch_id(), 1, from_lines(body, Limits(), now_us=1, protocol="http").columns)])
    for _name, stage in make_stages(settings, rules, Redactor([], b"")):
        frame = stage(frame)
    copy = Structure(rules, Limits(), settings.slow_response_ms).frame_of(body)
    assert copy.columns == list(COLUMNS)
    for column in ("service", "host", "file", "message", "tags"):
        assert copy[column].to_list() == frame[column].to_list(), column
    assert copy["level"].to_list() == frame["level"].cast(pl.String).to_list()
    assert copy["fields"].to_list() == frame["metadata"].to_list()
    told = frame["timestamp"].dt.timestamp("us") != 1
    times = copy["timestamp"].str.to_datetime(time_unit="us", time_zone="UTC")
    assert times.filter(told).to_list() == frame["timestamp"].filter(told).to_list()
    assert told.sum() == len(SAMPLES) - 5


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_in_a_message_is_read_as_it_was(tmp_path, kind):
    odd = ["two\nlines", "carriage\rreturn\r\n", 'quo"te, comma; \\', "\x00\x1b[31m", "é\u2028\U0001f600", " spaces "]
    copy = opened(tmp_path / "copy", kind)
    copy.write("a", batch(*odd))
    copy.write("b", batch("after"))
    assert messages(tmp_path / "copy", kind) == [*odd, "after"]


def test_csv_has_its_header_once_and_no_formulas(tmp_path):
    copy = opened(tmp_path / "copy", "csv")
    copy.write("a", batch("=HYPERLINK(1)", "-1 +2", "fine"))
    copy.write("b", batch("@x"))
    whole = (tmp_path / "copy").read_bytes()
    assert whole.startswith(b"timestamp,level,service,host,file,message,tags,fields\r\n")
    assert whole.count(b"timestamp,") == 1
    assert whole.count(b"\r\n") == whole.count(b"\n") == 5
    assert messages(tmp_path / "copy", "csv") == ["'=HYPERLINK(1)", "'-1 +2", "fine", "'@x"]


def test_json_lines_are_one_a_record_and_alike(tmp_path):
    copy = opened(tmp_path / "copy")
    copy.write("a", batch("one\ntwo", '{"a":1}', tags=["x"]))
    lines = (tmp_path / "copy").read_bytes().splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(COLUMNS)] * 2
    assert json.loads(lines[1])["fields"] == {"tags": ["x"], "a": 1}


def test_a_database_can_be_asked_while_it_is_written(tmp_path):
    copy = opened(tmp_path / "copy", "sqlite")
    copy.write("a", batch('{"level":"error","order":{"id":7}}', tags=["x"]))
    db = sqlite3.connect(tmp_path / "copy")
    db.execute("BEGIN")
    found = db.execute("SELECT level, fields ->> '$.order.id', tags FROM logs").fetchall()
    copy.write("b", batch("more"))
    assert found == [("ERROR", 7, '["general","x"]')]
    assert db.execute("SELECT count(*) FROM logs").fetchone() == (1,)
    db.close()
    assert len(records(tmp_path / "copy", "sqlite")) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_written_once_for_its_key(tmp_path, kind):
    copy = opened(tmp_path / "copy", kind)
    for key in ("a", "b", "a", "b"):
        copy.write(key, batch(f"of {key}"))
    assert messages(tmp_path / "copy", kind) == ["of a", "of b"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_for_its_owner_alone(tmp_path, kind):
    path = tmp_path / "new" / "folder" / "copy"
    opened(path, kind).write("a", batch("x"))
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_producer_refuses_is_not_in_it(tmp_path, kind):
    body = batch("good") + b'{"message":"bad","metadata":7}\n' + batch("good too")
    copy = opened(tmp_path / "copy", kind)
    copy.write("a", body)
    copy.write("b", b'{"message":"bad","metadata":7}\n')
    assert messages(tmp_path / "copy", kind) == ["good", "good too"]


def test_only_one_collector_writes_a_file(tmp_path):
    first = opened(tmp_path / "copy")
    with pytest.raises(AlreadyRunning, match="another collector"):
        opened(tmp_path / "copy")
    first.close()
    opened(tmp_path / "copy").close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_cannot_be_written_is_an_error_that_names_the_setting(tmp_path, kind):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "copy", tmp_path):
        with pytest.raises(ConfigError, match="LOGMILL_COLLECT_OUTPUT"):
            opened(path, kind)


def test_a_file_that_is_no_database_or_another_one_is_left_alone(tmp_path):
    path = tmp_path / "copy"
    path.write_bytes(b"something else " * 100)
    with pytest.raises(ConfigError, match="is no copy"):
        opened(path, "sqlite")
    assert path.read_bytes() == b"something else " * 100
    other = tmp_path / "other"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE logs (id)")
    db.close()
    with pytest.raises(ConfigError, match="something else"):
        opened(other, "sqlite")


@pytest.mark.parametrize("kind", KINDS)
def test_writing_fails_in_a_way_that_can_be_tried_again(tmp_path, kind):
    copy = opened(tmp_path / "copy", kind)
    copy.close()
    with pytest.raises(OutputUnavailable):
        copy.write("a", batch("x"))


def test_the_oldest_logs_leave_a_database_that_is_too_long(tmp_path):
    path = tmp_path / "copy"
    copy = opened(path, "sqlite", collect_output_max_bytes=200_000)
    assert isinstance(copy, DatabaseOutput)
    for number in range(40):
        copy.write(str(number), batch(*(f"{number * 100 + k} {'x' * 50}" for k in range(100))))
    copy.close()
    numbers = [int(message.split()[0]) for message in messages(path, "sqlite")]
    assert numbers == list(range(numbers[0], 4000))
    assert 200 < len(numbers) < 2000
    assert path.stat().st_size < 260_000


FOREIGN = {
    "text": b"2026-01-31 12:00:00 ERROR x\n",
    "jsonl of an application": b'{"timestamp":"2026-01-31T12:00:00Z","level":"INFO","msg":"x"}\n',
    "csv of somebody": b"timestamp,level\r\n1,2\r\n",
    "line": b"x",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_something_else_is_refused_and_stays(tmp_path, kind, content):
    path = tmp_path / "copy"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"is no copy that the collector wrote, and --output-type is {kind}"):
        opened(path, kind)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("had", "wanted", "words"),
    [
        ("jsonl", "csv", "is a copy in JSON lines, and --output-type is csv"),
        ("csv", "jsonl", "is a copy in CSV, and --output-type is jsonl"),
        ("sqlite", "csv", "is a SQLite database, and --output-type is csv"),
        ("csv", "sqlite", "is a copy in CSV, and --output-type is sqlite"),
    ],
)
def test_a_copy_of_another_type_is_refused_and_stays(tmp_path, had, wanted, words):
    path = tmp_path / "copy"
    copy = opened(path, had)
    copy.write("a", batch('{"level":"warn","msg":"of \\"it\\"","order":7}'))
    copy.close()
    content = path.read_bytes()
    with pytest.raises(ConfigError, match=words):
        opened(path, wanted)
    assert path.read_bytes() == content
    opened(path, had).close()


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_copy_that_was_cut_off_in_its_first_line_is_one(tmp_path, kind):
    path = tmp_path / "copy"
    copy = opened(path, kind)
    copy.write("a", batch("plain"))
    copy.close()
    content = path.read_bytes()
    for size in (0, 1, 10, 30, 60):
        path.write_bytes(content[:size])
        opened(path, kind).close()
