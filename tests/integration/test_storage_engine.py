"""chDB, for real: one part an INSERT, all or nothing, errors that arrive, values that come back as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from logmill.errors import ConfigError, Refused, StorageUnavailable
from logmill.settings import Settings
from storage.blocks import decode
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.errors import QueryTimeout
from storage.search.filters import EVERYTHING
from storage.statements import statement
from storage.store import Store
from tests.support.storage_blocks import batch, realistic, stream

NASTY = "a\\b\tc\nd'e\"f\x00g{x:String}é—\U0001f600%s \r ` \b\f\v\x1b \\N \\t; DROP TABLE logs --"
INSERT = statement("logs", "insert_logs", columns=schema.COLUMN_LIST)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path / "store", Settings(query_timeout_s=5, engine_memory_bytes=1_500_000_000))
    schema.ensure(engine)
    yield engine
    engine.close()


def parts(engine: ChdbEngine) -> list[int]:
    sql = "SELECT rows FROM system.parts WHERE active AND table = 'logs' ORDER BY name"
    found: list[int] = engine.select(sql)["rows"].to_pylist()
    return found


@pytest.mark.parametrize("rechunk", [True, False])
def test_a_block_of_200_000_rows_and_200_mb_is_one_part(engine: ChdbEngine, rechunk: bool) -> None:
    filler = pl.Series([f"{n:09d}" * 100 for n in range(50_000)])
    base = realistic(50_000).with_columns(message=filler)
    blocks = [base.with_columns(ordinal=pl.col("ordinal") + number * 1000) for number in range(4)]
    body = stream(pl.concat(blocks, rechunk=rechunk))
    assert len(body) > 200_000_000
    engine.run("SYSTEM STOP MERGES logs")
    engine.insert(INSERT, body)
    assert parts(engine) == [200_000]


def test_two_days_are_refused_whole(engine: ChdbEngine) -> None:
    with pytest.raises(StorageUnavailable):
        engine.insert(INSERT, stream(batch(5) + batch(5, received_at=1_600_000_000_000_000)))
    assert parts(engine) == []


def test_half_a_stream_is_refused_whole(engine: ChdbEngine) -> None:
    body = stream(pl.concat([realistic(1000, seed=n) for n in range(5)], rechunk=False))
    with pytest.raises(Refused):
        engine.insert(INSERT, body[: len(body) * 2 // 3])
    assert parts(engine) == []


def test_a_full_disk_is_an_error_and_nothing_is_stored(engine: ChdbEngine) -> None:
    """chdb 4.4's streaming insert reported such rows as written; this way of inserting must not."""
    engine.insert(INSERT, stream(batch(10)))
    engine.run("ALTER TABLE logs MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000000")
    with pytest.raises(StorageUnavailable, match="disk is full"):
        engine.insert(INSERT, stream(batch(10)))
    engine.run("ALTER TABLE logs RESET SETTING min_free_disk_bytes_to_perform_insert")
    assert sum(parts(engine)) == 10
    engine.insert(INSERT, stream(batch(10)))
    assert sum(parts(engine)) == 20


def test_out_of_memory_is_an_error_and_nothing_is_stored(tmp_path: Path) -> None:
    engine = ChdbEngine(tmp_path / "store", Settings(engine_memory_bytes=100_000_000))
    try:
        schema.ensure(engine)
        rows = batch(20_000)
        body = stream(pl.DataFrame(rows, schema=realistic(1).schema).with_columns(metadata=pl.lit("x" * 10_000)))
        with pytest.raises(StorageUnavailable, match="memory"):
            engine.insert(INSERT, body)
        assert parts(engine) == []
    finally:
        engine.close()


@pytest.mark.parametrize("value", [NASTY, "", "\\", "\x00", "'", "\\'", "\\\\n", "{", "NULL", "\ufeff"])
def test_bound_text_arrives_as_it_is(engine: ChdbEngine, value: str) -> None:
    found = engine.select("SELECT {a:String} AS a, {b:Array(String)} AS b", {"a": value, "b": [value, "x", value]})
    assert found.to_pylist() == [{"a": value, "b": [value, "x", value]}]


def test_numbers_and_truth_are_bound(engine: ChdbEngine) -> None:
    found = engine.select("SELECT {a:Int64} AS a, {b:Bool} AS b", {"a": -5, "b": True})
    assert found.to_pylist() == [{"a": -5, "b": True}]


def test_a_slow_query_ends_in_time(engine: ChdbEngine) -> None:
    with pytest.raises(QueryTimeout):
        engine.select("SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1, max_execution_time = 1")


def test_an_error_text_that_is_no_utf8_is_translated(engine: ChdbEngine) -> None:
    with pytest.raises(StorageUnavailable):
        engine.select("SELECT 'a\\xff\\xfe' FROM nowhere")
    assert engine.select("SELECT 1 AS one").num_rows == 1


def test_looking_a_batch_up_reads_only_where_it_can_be(engine: ChdbEngine) -> None:
    engine.run("SYSTEM STOP MERGES logs")
    for _ in range(3):
        engine.insert(INSERT, stream(realistic(20_000)))
    other = "01000000-0000-7000-8000-000000000000".replace("-", "")
    plan = engine.select(
        "EXPLAIN indexes = 1 " + statement("logs", "select_log", columns="message"), {"batch_id": other, "ordinal": 1}
    )
    text = b"\n".join(plan[0].cast(pa.binary()).to_pylist())
    assert b"Granules: 0/" in text, text


def test_another_version_of_the_tables_is_refused(engine: ChdbEngine) -> None:
    engine.run("ALTER TABLE logs MODIFY COMMENT 'logmill schema 99'")
    with pytest.raises(ConfigError, match="99"):
        schema.ensure(engine)


def test_an_insert_of_unknown_outcome_is_found_out_by_the_next(engine: ChdbEngine) -> None:
    """The engine stores, and its answer is lost: the rows are neither doubled nor hidden from the newest page."""
    store = Store(engine, Settings())
    table, body = decode(stream(batch(10)))
    insert = engine.insert

    def stores_and_fails(sql: str, stream: bytes | memoryview) -> None:
        insert(sql, stream)
        raise StorageUnavailable("the answer was lost")

    engine.insert = stores_and_fails  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable):
        store.insert(table, body)
    engine.insert = insert  # type: ignore[method-assign]
    rows, answered_by = store.newest(EVERYTHING, 5)
    assert (rows.num_rows, answered_by) == (5, "engine")
    result = store.insert(table, body)
    assert (result.stored, result.duplicates) == (0, 10)
