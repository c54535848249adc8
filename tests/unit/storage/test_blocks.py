"""What POST /ingest takes, and how it names what it does not take."""

from __future__ import annotations

import uuid

import polars as pl
import pyarrow as pa
import pytest

from logmill.errors import Refused
from storage import blocks
from tests.support.storage_blocks import batch, frame, stream


def refused(body: bytes) -> Refused:
    with pytest.raises(Refused) as raised:
        blocks.decode(body)
    return raised.value


def altered(name: str, values: pa.Array) -> bytes:
    table = pa.ipc.open_stream(stream(batch(2))).read_all()
    at = table.column_names.index(name)
    return bytes(blocks.encode(table.set_column(at, name, values)))


@pytest.mark.parametrize("body", [b"", b"x", b"\xff" * 1000, b"[]", stream(batch(50))[:3000]])
def test_bytes_that_are_no_arrow_stream(body: bytes) -> None:
    assert refused(body).code == "no_arrow_stream"


@pytest.mark.parametrize("place", range(400, 12_000, 400))
def test_damage_is_refused_or_changes_values_but_breaks_nothing(place: int) -> None:
    body = bytearray(stream(batch(50)))
    body[place : place + 8] = b"\xfe" * 8
    try:
        table, _ = blocks.decode(bytes(body))
    except Refused:
        return
    assert table.num_rows > 0


def test_a_block_of_no_rows() -> None:
    assert refused(stream([])).code == "empty"


def test_a_missing_column_is_named() -> None:
    error = refused(stream(frame(batch(1)).drop("tags")))
    assert (error.code, error.field) == ("missing_column", "tags")


def test_an_unknown_column_is_named() -> None:
    error = refused(stream(frame(batch(1)).with_columns(pl.lit(1).alias("more"))))
    assert (error.code, error.field) == ("unknown_column", "more")


def test_columns_in_another_order() -> None:
    rows = frame(batch(1))
    assert refused(stream(rows.select(reversed(rows.columns)))).code == "column_order"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("level", pa.array([1, 2])),
        ("ordinal", pa.array([0, 1], pa.int64())),
        ("timestamp", pa.array([0, 1], pa.timestamp("ms", "UTC"))),
        ("timestamp", pa.array([0, 1], pa.timestamp("us"))),
        ("tags", pa.array(["a", "b"])),
        ("batch_id", pa.array(["a" * 16, "b" * 16])),
    ],
)
def test_a_column_of_another_type_is_named(name: str, values: pa.Array) -> None:
    error = refused(altered(name, values))
    assert (error.code, error.field) == ("column_type", name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("level", pa.array(["INFO", None])),
        ("level", pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["INFO", None]))),
        ("message", pa.array([None, "x"], pa.large_utf8())),
        ("tags", pa.array([["a", None], []], pa.large_list(pa.large_utf8()))),
        ("anomaly", pa.array([True, None])),
    ],
)
def test_nulls_are_refused(name: str, values: pa.Array) -> None:
    error = refused(altered(name, values))
    assert (error.code, error.field) == ("null", name)


def test_a_batch_id_of_another_length() -> None:
    assert refused(altered("batch_id", pa.array([b"a" * 15, b"b" * 16], pa.large_binary()))).field == "batch_id"


def test_times_that_the_engine_cannot_hold() -> None:
    error = refused(altered("timestamp", pa.array([0, 1 << 60], pa.timestamp("us", "UTC"))))
    assert error.field == "timestamp"


def test_two_days_in_one_block() -> None:
    rows = batch(1, received_at=1_700_006_399_999_999) + batch(1, received_at=1_700_006_400_000_000)
    error = refused(stream(rows))
    assert (error.code, error.field) == ("several_days", "received_at")


CODED = (pa.dictionary(pa.int8(), pa.utf8()), pa.dictionary(pa.uint32(), pa.large_utf8()))


@pytest.mark.parametrize("text", [pa.utf8(), pa.large_utf8(), pa.string_view(), *CODED])
def test_text_may_come_in_any_form(text: pa.DataType) -> None:
    table, body = blocks.decode(altered("service", pa.array(["a", "b"]).cast(text)))
    assert table["service"].to_pylist() == ["a", "b"]
    assert (body is None) == (text == pa.string_view())


def test_many_record_batches_become_one_chunk_a_column() -> None:
    a, b = (frame(batch(3, service=name)) for name in ("one", "two"))
    table, _ = blocks.decode(stream(pl.concat([a, b], rechunk=False)))
    assert all(column.num_chunks == 1 for column in table.columns)
    assert table["service"].to_pylist() == ["one"] * 3 + ["two"] * 3


def test_rows_know_which_of_them_are_stored() -> None:
    a, b = uuid.uuid4(), uuid.uuid4()
    table, _ = blocks.decode(stream(batch(3, a) + batch(2, b)))
    rows = blocks.Rows(table)
    assert rows.batch_ids == [a.bytes, b.bytes]
    stored = pa.table(
        {
            "batch_id": pa.array([a.bytes, b.bytes, uuid.uuid4().bytes], pa.binary(16)),
            "ordinal": pa.array([1, 0, 0], pa.uint32()),
        }
    )
    assert rows.absent_from(stored).to_pylist() == [True, False, True, False, True]


def test_rows_that_are_there_twice_are_found() -> None:
    a = uuid.uuid4()
    table, _ = blocks.decode(stream(batch(2, a) + batch(1) + batch(3, a)))
    rows = blocks.Rows(table)
    assert not rows.are_distinct()
    assert rows.firsts().to_pylist() == [0, 1, 2, 5]


@pytest.mark.parametrize("step", [1, -1])
def test_rows_that_are_there_once_are_distinct_in_any_order(step: int) -> None:
    table, _ = blocks.decode(stream((batch(3) + batch(2))[::step]))
    assert blocks.Rows(table).are_distinct()


def test_a_row_that_is_there_twice_in_a_row_is_found() -> None:
    table, _ = blocks.decode(stream([*batch(1), *[batch(2)[1]] * 2]))
    assert not blocks.Rows(table).are_distinct()
