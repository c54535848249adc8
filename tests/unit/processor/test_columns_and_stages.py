"""From batches to the block that storage takes: what each stage adds, and that none loses or reorders a row."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from logmill.columns import Columns
from logmill.ids import new_batch_id
from logmill.parsing.attributes import attribute_columns
from logmill.record import COLUMNS, DEFAULTED, LEVELS, Entry, Lane
from logmill.rules.labels import label_lists
from logmill.rules.ruleset import load
from logmill.settings import Settings
from logmill.timestamps import MAX_US, MIN_US
from logmill.wire import Batch, pack, unpack
from processor.columns import STORED, to_arrow, to_frame
from processor.redaction.text import Redactor
from processor.stages import make_stages
from processor.stages.fingerprint import add_fingerprint


def batch(*entries: Entry) -> Batch:
    return Batch(batch_id=new_batch_id(), received_at=1_800_000_000_000_000, columns=Columns.of(entries))


def enriched(*entries: Entry) -> pl.DataFrame:
    frame = to_frame([batch(*entries)])
    for _name, stage in make_stages(Settings(), load(""), Redactor([], b"")):
        frame = stage(frame)
    return frame


def entry(message: str = "m", level: str = "INFO", metadata: object = None, **more) -> Entry:
    raw = Raw(json.dumps(metadata or {}).encode())
    return Entry(timestamp=1_700_000_000_000_000, level=level, message=message, metadata=raw, **more)


def only(frame: pl.DataFrame, *names: str):
    values = frame.select(names).rows()
    assert len(values) == 1
    return values[0] if len(names) > 1 else values[0][0]


@pytest.mark.parametrize(
    ("level", "priority", "severity", "severity_class"),
    [
        ("DEBUG", "low", 10, "low"), ("INFO", "low", 20, "low"), ("WARNING", "medium", 45, "medium"),
        ("ERROR", "high", 70, "high"), ("CRITICAL", "high", 90, "critical"),
    ],
)  # fmt: skip
def test_priority_and_severity_follow_the_level(level, priority, severity, severity_class):
    frame = enriched(entry(level=level))
    assert only(frame, "priority", "severity", "severity_class") == (priority, severity, severity_class)


@pytest.mark.parametrize(
    ("level", "metadata", "reasons", "severity"),
    [
        ("INFO", {}, [], 20),
        ("ERROR", {}, ["error_level"], 70),
        ("INFO", {"status_code": 500}, ["status_code"], 35),
        ("INFO", {"status_code": 499}, [], 25),
        ("INFO", {"status_code": "503"}, ["status_code"], 35),
        ("INFO", {"response_time_ms": 1000}, ["slow_response"], 30),
        ("INFO", {"response_time_ms": 999.9}, [], 20),
        ("INFO", {"response_time": "1500"}, ["slow_response"], 30),
        ("INFO", {"error_code": "E42"}, ["error_code"], 25),
        ("CRITICAL", {"status_code": 500, "response_time_ms": 5e3, "error_code": 7},
         ["error_level", "status_code", "slow_response", "error_code"], 100),
    ],
)  # fmt: skip
def test_an_anomaly_says_why_and_adds_to_the_severity(level, metadata, reasons, severity):
    frame = enriched(entry(level=level, metadata=metadata))
    assert only(frame, "anomaly_reasons", "anomaly", "severity") == (reasons, bool(reasons), severity)


@pytest.mark.parametrize(
    ("message", "service", "path", "tags"),
    [
        ("User logged in", "s", "", ["auth"]),
        ("Failed password for root", "sshd", "", ["auth"]),
        ("Payment accepted", "payment-service", "", ["payment"]),
        ("GET took 5 ms", "s", "/api/v1/x", ["api"]),
        ("checkout session request", "s", "", ["auth", "payment", "api"]),
        ("the author restarted the interest", "s", "", ["general"]),
        ("disk is fine", "s", "", ["general"]),
    ],
)
def test_tags_say_what_a_record_speaks_of(message, service, path, tags):
    assert only(enriched(entry(message, service=service, metadata={"path": path})), "tags") == tags


@pytest.mark.parametrize(
    ("metadata", "tags"),
    [
        ({"tags": ["prod", " eu ", "prod"]}, ["auth", "prod", "eu"]),
        ({"tags": ["auth"], "a": {"tags": ["inner"]}}, ["auth"]),
        ({"a": {"tags": ["inner"]}}, ["auth"]),
        ({"a": '"tags"'}, ["auth"]),
        ({"tags": "prod"}, ["auth"]),
        ({"tags": None}, ["auth"]),
        ({"tags": [1, None, ["x"], "", "  ", "x" * 65, "y" * 64]}, ["auth", "y" * 64]),
        ({"tags": [f"t{number}" for number in range(40)]}, ["auth", *(f"t{number}" for number in range(16))]),
        ({"tags": ["\ud800"]}, ["auth"]),
    ],
)
def test_texts_in_a_sent_list_of_tags_are_tags_too(metadata, tags):
    around = entry("disk"), entry("login failed", metadata=metadata), entry("disk", metadata={"tags": ["z"]})
    frame = enriched(*around)
    assert frame["tags"].to_list() == [["general"], tags, ["general", "z"]]
    assert json.loads(frame["metadata"][1]) == metadata


def test_tags_of_a_log_that_is_json_itself_are_tags_too():
    assert only(enriched(entry('{"msg": "disk", "tags": ["blue"]}')), "tags") == ["general", "blue"]


def test_a_line_of_syslog_is_tagged_by_the_program_that_wrote_it():
    assert only(enriched(entry("Dec 10 06:55:46 h sshd[24200]: Invalid user webmaster from ::1")), "tags") == ["auth"]
    assert only(enriched(entry("Dec 10 06:55:46 h cron[24]: done")), "tags") == ["general"]


def test_fields_of_a_message_fill_the_columns_that_metadata_does():
    frame = enriched(entry('10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /x?y HTTP/1.1" 503 5'))
    assert only(frame, "status_code", "method", "path", "anomaly_reasons") == (503, "GET", "/x", ["status_code"])
    frame = enriched(
        entry(
            '{"msg": "m", "level": "error", "trace_id": "t", "request_id": "r", "duration_ms": 7}', level_from=DEFAULTED
        )
    )
    assert only(frame, "level", "priority", "trace_id", "request_id", "response_time_ms") == (
        "ERROR", "high", "t", "r", 7.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "message", "status", "took_ms", "names"),
    [
        ({"status": 200}, '{"status_code": 500}', 200, None, {"status", "status_code_2"}),
        ({"http_status": "200"}, '{"status_code": 500, "status": 1}', 200, None,
         {"http_status", "status_code_2", "status"}),
        ({"duration_ms": 5}, '{"response_time": 9, "response_time_ms": 8, "msg": "m"}', 0, 5.0,
         {"duration_ms", "response_time_2", "response_time_ms_2"}),
        ({"status_code": 200}, '{"status": 500, "a": 1}', 200, None, {"status_code", "status", "a"}),
        # What fills no column gives way.
        ({"status": "ok"}, '{"status_code": 500}', 500, None, {"status", "status_code"}),
        ({"status": [200]}, '{"status_code": 500}', 500, None, {"status", "status_code"}),
        ({"duration_ms": "soon"}, '{"response_time": 9}', 0, 9.0, {"duration_ms", "response_time"}),
    ],
)  # fmt: skip
def test_what_a_sender_gave_keeps_its_column(metadata, message, status, took_ms, names):
    frame = enriched(entry(message, metadata=metadata))
    assert only(frame, "status_code", "response_time_ms") == (status, took_ms)
    assert json.loads(only(frame, "metadata")).keys() == names


def test_messages_that_differ_in_variable_parts_share_a_fingerprint():
    same = [
        "Request 3fa85f64-5717-4562-b3fc-2c963f66afa6 from 10.0.0.1 took 12.5 ms at 0xdeadbeef",
        "Request 00000000-aaaa-bbbb-cccc-ddddeeeeffff from 192.168.1.77 took 7 ms at 0x1",
    ]
    prints = add_fingerprint(pl.DataFrame({"message": [*same, "Another request"]}))["fingerprint"].to_list()
    assert prints[0] == prints[1] != prints[2]
    # Known for good: a changed fingerprint would tear the history of every message.
    known = add_fingerprint(pl.DataFrame({"message": ["hello"]}))["fingerprint"].item()
    assert known == 0xA7B6EDA801E5347D


def attributes(*metadata: str) -> list[dict]:
    return attribute_columns(pl.Series(metadata)).to_dicts()


def test_attributes_become_typed_columns_and_odd_ones_are_passed_over():
    plain, odd, aliases, nothing = (
        '{"status_code": 200, "response_time_ms": 5, "user_id": 42, "method": "get", "path": "/x\\n"}',
        '{"status_code": [1], "response_time_ms": {"a": 1}, "method": null, "user_id": "u", "trace_id": "t"}',
        '{"status": "ok", "http_status": "404", "duration_ms": "7.5", "response_time_ms": "soon"}',
        "{}",
    )
    # With the odd one among them each row is read alone; both ways must say the same.
    assert attributes(plain, aliases, nothing) == [attributes(odd, row)[1] for row in (plain, aliases, nothing)]
    first, second, third, fourth = attributes(plain, odd, aliases, nothing)
    assert (first["status_code"], first["user_id"], first["method"], first["path"]) == (200, "42", "get", "/x\n")
    assert (second["status_code"], second["response_time_ms"], second["method"]) == (0, None, "")
    assert (second["user_id"], second["meta_trace_id"]) == ("u", "t")
    assert (third["status_code"], third["response_time_ms"]) == (404, 7.5)
    assert (fourth["status_code"], fourth["path"]) == (0, "")


@pytest.mark.parametrize("status", ["0", "1000", "-5", "200.5", '"x"', "true", "1e400", "null", '""'])
def test_a_status_that_none_can_be_is_no_status(status):
    assert attributes(f'{{"status_code": {status}}}')[0]["status_code"] == 0


def test_trace_ids_of_metadata_serve_where_the_record_has_none():
    assert only(enriched(entry(metadata={"trace_id": "a", "span_id": "b"})), "trace_id", "span_id") == ("a", "b")
    assert only(enriched(entry(metadata={"trace_id": "a"}, trace_id="own")), "trace_id") == "own"


def test_rows_carry_the_identity_of_their_batch():
    one, two = batch(entry("a"), entry("b")), batch(entry("c"))
    frame = to_frame([one, two])
    assert frame.select("batch_id", "ordinal", "message").rows() == [
        (one.batch_id.bytes, 0, "a"),
        (one.batch_id.bytes, 1, "b"),
        (two.batch_id.bytes, 0, "c"),
    ]


_values = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=10)
_names = st.sampled_from(
    [
        "status_code",
        "status",
        "response_time_ms",
        "duration_ms",
        "method",
        "path",
        "user_id",
        "error_code",
        "trace_id",
        "z",
    ]
)
_entries = st.builds(
    entry,
    message=st.text(max_size=60),
    level=st.sampled_from(LEVELS),
    metadata=st.dictionaries(_names, _values | st.lists(_values, max_size=2), max_size=5),
    service=st.text(max_size=8),
)


@given(st.lists(_entries, min_size=1, max_size=30))
def test_stages_keep_rows_and_order_and_give_storage_every_column(entries):
    frame = enriched(*entries).with_columns(processed_at=pl.col("received_at"), processor_id=pl.lit("p"))
    assert frame["message"].to_list() == [e.message for e in entries]
    block = pl.read_ipc_stream(io.BytesIO(to_arrow(frame)))
    assert block.columns == [column.name for column in COLUMNS] == list(STORED)
    for name in block.columns:
        if name != "response_time_ms":
            assert block[name].null_count() == 0, name


@given(st.text(max_size=80))
def test_any_text_as_metadata_raises_nothing(text):
    assert len(attributes(text)) == 1


@given(st.lists(st.sets(st.integers(0, 199), max_size=6), min_size=1, max_size=20))
def test_label_lists_names_what_holds_of_any_number_of_flags(rows):
    frame = pl.DataFrame({"holds": pl.Series([sorted(row) for row in rows], dtype=pl.List(pl.Int64))})
    flags = {f"flag{n}": pl.col("holds").list.contains(n) for n in range(200)}
    expected = [[f"flag{n}" for n in sorted(row)] or ["none"] for row in rows]
    assert label_lists(frame, flags, "none").to_list() == expected


def test_label_lists_without_flags_are_empty():
    assert label_lists(pl.DataFrame({"x": [1, 2]}), {}).to_list() == [[], []]


def test_an_entry_is_the_same_on_both_sides_of_the_broker():
    sent = entry("ü\n\0'\"", metadata={"a": "b"}, original_level="x", client_id="c", host="h", file="f")
    message = pack(Columns.of([sent]), batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=1)
    row = to_frame([unpack(message)]).row(0, named=True)
    for name in ("message", "service", "original_level", "client_id", "host", "file", "level"):
        assert row[name] == getattr(sent, name)
    assert row["metadata"] == '{"a": "b"}'


@given(st.integers(MIN_US, MAX_US))
def test_event_times_keep_their_microsecond(us):
    sent = Entry(timestamp=us, message="m")
    frame = to_frame([batch(sent)])
    assert only(frame.select(pl.col("timestamp").cast(pl.Int64)), "timestamp") == us
