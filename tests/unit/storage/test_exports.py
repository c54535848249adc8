"""What is exported reads back as it was, and as what it was, by whatever reads its form."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import render
from storage.blocks import decode
from storage.exports import FORMS
from tests.support.storage_blocks import row, stream

NASTY = 'a,"b"\r\nc;d\te\x00\'é\U0001f600\u2028'
BATCH = uuid.UUID(int=9)


def table(*rows: dict[str, Any]) -> pa.Table:
    return decode(stream([row(BATCH, ordinal, **fields) for ordinal, fields in enumerate(rows)]))[0]


def written(name: str, rows: pa.Table, fields: tuple[str, ...] = (), pieces: int = 1) -> bytes:
    form = FORMS[name](fields)
    size = max(1, -(-rows.num_rows // pieces))
    body = [form.rows(rows.slice(start, size)) for start in range(0, rows.num_rows, size)]
    return b"".join([form.begin(), *body, form.end()])


def sheet(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline=""), strict=True))


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("name", ["ndjson", "json"])
def test_json_forms_show_the_logs_as_pages_do(name: str, pieces: int) -> None:
    rows = table({"message": NASTY}, {"metadata": '{"a": [1, {"b": null}]}'}, {"response_time_ms": 12.3, "tags": ["x"]})
    body = written(name, rows, pieces=pieces)
    found = json.loads(body) if name == "json" else [json.loads(line) for line in body.split(b"\n")[:-1]]
    assert found == json.loads(render._encode(render.logs(rows)))


def test_a_log_is_one_line_whatever_line_ends_its_metadata_was_sent_with() -> None:
    rows = table({"metadata": '{\r\n  "a": "x\\ny",\n "b": 1.50}\n'})
    body = written("ndjson", rows)
    assert body.count(b"\n") == 1
    assert b"\r" not in body
    assert b'"metadata":{"a":"x\\ny","b":1.50}' in body


def test_no_logs_are_an_empty_export_of_each_form() -> None:
    nothing = table({}).slice(0, 0)
    assert written("ndjson", nothing) == b""
    assert json.loads(written("json", nothing)) == []
    assert written("csv", nothing, ("id", "source", "message")) == (
        b"id,source.host,source.file,source.protocol,message\r\n"
    )


def test_csv_has_a_column_for_each_field_in_the_order_asked_for() -> None:
    rows = table(
        {
            "message": NASTY, "tags": ["b", "a,c"], "metadata": '{"a": "x,\\"y\\""}', "anomaly": True, "host": "h",
            "response_time_ms": -12.5, "status_code": 200,
        }
    )  # fmt: skip
    body = written("csv", rows, ("message", "tags", "metadata", "anomaly", "response_time_ms", "source", "id"))
    assert body.endswith(b"\r\n")
    assert sheet(body) == [
        {
            "message": NASTY, "tags": "b; a,c", "metadata": '{"a": "x,\\"y\\""}', "anomaly": "true",
            "response_time_ms": "-12.5", "source.host": "h", "source.file": "", "source.protocol": "",
            "id": f"{BATCH}-0",
        }
    ]  # fmt: skip


def test_csv_without_fields_has_all_of_them_also_where_a_log_lacks_some() -> None:
    found = sheet(written("csv", table({}, {"status_code": 404})))
    assert {name.split(".")[0] for name in found[0]} == set(render.FIELDS)
    assert [one["status_code"] for one in found] == ["", "404"]


def test_parts_of_fields_are_columns_under_their_names() -> None:
    metadata = (
        '{"order": {"id": 12345678901234567890123, "paid": true}, "n": -1.50, "who": "=x", "no": null, "a.b": [1]}'
    )
    names = ("metadata.order.id", "metadata.n", "metadata.who", "metadata.no", "metadata.order.paid", "metadata.order")
    rows = table({"metadata": metadata, "host": "h"}, {"metadata": "no json"})
    body = written("csv", rows, (*names, "metadata.a.b", "source.host", "message"))
    assert body.decode().splitlines()[0] == ",".join((*names, "metadata.a.b", "source.host", "message"))
    found, empty = sheet(body)
    assert [found[name] for name in names] == [
        "12345678901234567890123", "-1.50", "'=x", "", "true", '{"id": 12345678901234567890123, "paid": true}'
    ]  # fmt: skip
    assert (found["metadata.a.b"], found["source.host"]) == ("[1]", "h")
    assert not any(empty[name] for name in (*names, "metadata.a.b"))
    line = json.loads(written("ndjson", rows, names).splitlines()[0])
    assert line == {"metadata": {name: value for name, value in json.loads(metadata).items() if name != "a.b"}}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_spreadsheet_sees_no_formula_in_what_others_logged(first: str) -> None:
    evil = f"{first}HYPERLINK(1)"
    rows = table({"message": evil, "service": evil, "tags": [evil, "x"], "host": evil})
    found = sheet(written("csv", rows, ("message", "service", "tags", "source")))[0]
    assert [found[name] for name in ("message", "service", "source.host")] == [f"'{evil}"] * 3
    assert found["tags"] == f"'{evil}; x"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
def test_any_text_comes_back_from_csv(texts: list[str]) -> None:
    found = sheet(
        written("csv", table(*({"message": text, "service": text} for text in texts)), ("message", "service"))
    )
    expected = [
        f"'{text}" if text[:1] in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20") and text else text for text in texts
    ]
    assert [one["message"] for one in found] == [one["service"] for one in found] == expected
