"""Stores that earlier programs wrote open, keep their logs to the letter, and get all indexes."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from logmill.record import COLUMNS
from logmill.settings import load
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.statements import statement
from tests.support.service_process import ServiceProcess
from tests.support.storage_blocks import realistic, row, stream
from tests.support.storage_service import StorageService, outcome, total
from tests.support.waiting import wait_until

SETTINGS = {
    1: "",
    2: "",
    3: ", merge_selector_base = 10",
}
BLOOM = "INDEX batch_bloom batch_id TYPE bloom_filter(0.001) GRANULARITY 1,"


def rows() -> list[dict[str, Any]]:
    """Rows whose metadata repeats columns, in several ways of writing."""
    batch_id = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    texts = (
        '{"request_id":"r-1","status_code":200}',
        '{"request_id": "r-1", "status_code": 200}',
        "{}",
        '{"x":"\\u00e9"}',
    )
    return [
        row(batch_id, number, metadata=text, request_id="r-1", status_code=200, message=f"Disk {number} is full")
        for number, text in enumerate(texts)
    ]


def earlier_ddl(version: int) -> str:
    """The table as the program of that version made it."""
    columns = ", ".join(f"{column.name} {schema.TYPES[column.kind]}" for column in COLUMNS)
    return f"""
        CREATE TABLE logs (
            {columns},
            INDEX batch_range batch_id TYPE minmax GRANULARITY 1,
            {BLOOM if version > 1 else ""}
            PROJECTION counts (
                SELECT toStartOfMinute(timestamp) AS minute, level, service, priority, count()
                GROUP BY minute, level, service, priority
            )
        )
        ENGINE = MergeTree PARTITION BY toYYYYMMDD(received_at) ORDER BY (timestamp, batch_id, ordinal)
        SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_for_wide_part = 1000000,
            min_bytes_for_wide_part = 1000000000 {SETTINGS[version]}
        COMMENT 'logmill schema {version}'
    """


@pytest.mark.parametrize("version", SETTINGS)
@pytest.mark.parametrize("is_wide", [False, True])
def test_a_store_of_an_earlier_version_is_brought_up_and_keeps_its_logs(
    tmp_path: Path, version: int, is_wide: bool
) -> None:
    folder = tmp_path / "data"
    engine = ChdbEngine(folder / "store", load({}))
    ddl = earlier_ddl(version)
    if is_wide:
        ddl = ddl.replace("min_rows_for_wide_part = 1000000", "min_rows_for_wide_part = 0")
        ddl = ddl.replace("min_bytes_for_wide_part = 1000000000", "min_bytes_for_wide_part = 0")
    engine.run(ddl)
    made = rows()
    body = stream(made)
    engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), body)
    engine.close()
    with StorageService(folder) as service:
        assert total(service) == len(made)
        assert outcome(service.ingest(body)) == (201, 0, len(made))
        service.kill()
        service.restart()
        assert total(service) == len(made)
        service.stop()
    engine = ChdbEngine(folder / "store", load({}))
    found = engine.select(
        statement("logs", "select_logs", columns=schema.READ_LIST, kept=schema.KEPT_LIST, where="1", settings=""),
        {"limit": 10},
    )
    assert sorted(found["metadata"].to_pylist()) == sorted(one["metadata"] for one in made)
    wait_until_built(engine)
    engine.close()


def test_a_migration_that_was_cut_off_after_any_of_its_statements_goes_on(tmp_path: Path) -> None:
    engine = ChdbEngine(tmp_path / "store", load({}))
    made = rows()
    for cut in range(1, 7):
        engine.run("DROP TABLE IF EXISTS logs")
        engine.run(earlier_ddl(3))
        engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), stream(made))
        cut_off = _Cut(engine, cut)
        with pytest.raises(ConnectionAbortedError):
            schema.ensure(cut_off)  # type: ignore[arg-type]
        assert cut_off.altered == cut
        schema.ensure(engine)
        found = engine.select(
            statement("logs", "select_logs", columns=schema.READ_LIST, kept=schema.KEPT_LIST, where="1", settings=""),
            {"limit": 10},
        )
        assert sorted(found["metadata"].to_pylist()) == sorted(one["metadata"] for one in made), cut
        wait_until_built(engine)
    engine.close()


def test_a_migration_that_kill_9_ends_in_its_middle_goes_on_and_keeps_all_logs_to_the_letter(tmp_path: Path) -> None:
    engine = ChdbEngine(tmp_path / "data" / "store", load({}))
    engine.run(earlier_ddl(3))
    engine.run("SYSTEM STOP MERGES logs")
    blocks = [realistic(25_000, seed=seed, start_us=1_700_000_000_000_000) for seed in range(8)]
    for block in blocks:
        engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), stream(block))
    engine.close()
    with ServiceProcess("storage", tmp_path) as storage:
        wait_until(lambda: "written anew" in storage.said or storage.process.poll() is not None, 60)
    # It was killed there.
    assert '"parts_left": 8' in storage.said
    assert "store open" not in storage.said
    assert version_of(tmp_path) == "logmill schema 3"
    with ServiceProcess("storage", tmp_path) as storage:
        storage.wait_ready()
    # And there, while indexes and projections are built.
    engine = ChdbEngine(tmp_path / "data" / "store", load({}))
    schema.ensure(engine)
    wait_until_built(engine)
    found = engine.select(f"SELECT {schema.READ_LIST} FROM logs ORDER BY batch_id, ordinal")
    engine.close()
    with pa.ipc.open_stream(stream(pl.concat(blocks).sort("batch_id", "ordinal"))) as reader:
        made = reader.read_all()
    assert found.num_rows == made.num_rows == 200_000
    for column in COLUMNS:
        assert found[column.name].to_pylist() == made[column.name].to_pylist(), column.name


def version_of(folder: Path) -> str:
    engine = ChdbEngine(folder / "data" / "store", load({}))
    found = schema._found(engine)
    engine.close()
    return found


class _Cut:
    """An engine that fails after so many changes of the table."""

    def __init__(self, engine: ChdbEngine, after: int) -> None:
        self.altered = 0
        self._engine, self._after = engine, after
        self.select = engine.select

    def run(self, sql: str) -> None:
        if "ALTER" in sql:
            if self.altered == self._after:
                raise ConnectionAbortedError
            self.altered += 1
        self._engine.run(sql)


def wait_until_built(engine: ChdbEngine) -> None:
    """Wait until each part has every index and the projections, as those have that are written today."""
    deadline = time.monotonic() + 30
    sql = "SELECT count() AS n FROM system.mutations WHERE NOT is_done"
    while engine.select(sql)["n"][0].as_py():
        assert time.monotonic() < deadline, "the indexes are not built"
        time.sleep(0.05)
    indexes = engine.select("SELECT name, data_compressed_bytes AS b FROM system.data_skipping_indices")
    sizes = dict(zip(indexes["name"].to_pylist(), indexes["b"].to_pylist(), strict=True))
    assert {"words", "tokens", "metadata_tokens", "request_id_bloom", "path_bloom"} <= {
        name for name, size in sizes.items() if size
    }
    projections = engine.select("SELECT DISTINCT name FROM system.projection_parts WHERE active")
    assert set(projections["name"].to_pylist()) == {"counts", "facets", "user_id_counts", "path_counts"}
