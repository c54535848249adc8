"""Metadata that repeats other columns is kept once, and given back to the letter."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logmill.settings import Settings
from storage import blocks
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.statements import statement
from tests.support.storage_blocks import row, stream

TEXTS = st.sampled_from(["", "a", "r-1", "é", 'q"', "\\", "a\x011", "/x/1", "GET", "\x7f"])
NUMBERS = st.sampled_from([0, 1, 20, 200, 200.5, 1e3, 36.5, -0.0, 1e20])
VALUES = TEXTS | NUMBERS | st.none() | st.lists(TEXTS, max_size=2) | st.dictionaries(st.just("path"), TEXTS)
METADATA = st.dictionaries(st.sampled_from([*schema.MARKS, "x", "note"]), VALUES, max_size=6)
WRITTEN = st.builds(
    json.dumps,
    METADATA,
    ensure_ascii=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (",", ": "), (" , ", " : ")]),
) | st.sampled_from(['{"x":"\x011","request_id":"a"}', "\x010", "\x011\x012", "no JSON", "", '{"request_id":"a'])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path_factory.mktemp("marks") / "store", Settings())
    schema.ensure(engine)
    yield engine
    engine.close()


def put(engine: ChdbEngine, made: list[dict[str, Any]]) -> None:
    table, body = blocks.decode(stream(made))
    engine.run(statement("logs", "clear_logs"))
    engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), body or blocks.encode(table))


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "metadata": WRITTEN,
                "request_id": TEXTS,
                "user_id": TEXTS,
                "path": TEXTS,
                "method": TEXTS,
                "status_code": st.sampled_from([0, 1, 20, 200]),
                "response_time_ms": st.none() | st.sampled_from([0.0, 1.0, 36.5, 1000.0]),
            }
        ),
        min_size=1,
        max_size=10,
    )
)
@example(rows=[{"metadata": '{"status_code":200.5,"request_id":"\x012"}', "status_code": 200, "request_id": "\x012"}])
def test_metadata_is_given_back_to_the_letter(engine: ChdbEngine, rows: list[dict[str, Any]]) -> None:
    made = [row(uuid.UUID(int=1), ordinal, **fields) for ordinal, fields in enumerate(rows)]
    put(engine, made)
    found = engine.select(f"SELECT {schema.READ_LIST} FROM logs ORDER BY ordinal")
    assert found["metadata"].to_pylist() == [one["metadata"] for one in made]


@pytest.mark.parametrize("colon", [":", ": "])
def test_what_columns_have_is_not_kept_twice(engine: ChdbEngine, colon: str) -> None:
    values = {
        "request_id": "r-17",
        "user_id": "u-4",
        "path": "/a/b",
        "method": "PATCH",
        "status_code": 503,
        "response_time_ms": 36.5,
    }
    text = json.dumps({**values, "region": "eu-1"}, separators=(",", colon))
    put(engine, [row(uuid.UUID(int=1), 0, metadata=text, **values)])
    (kept,) = engine.select("SELECT metadata_packed FROM logs")["metadata_packed"].to_pylist()
    assert not [value for value in values.values() if str(value) in kept], kept
    assert "eu-1" in kept
