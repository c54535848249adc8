"""A search means the same to the engine, to memory and to a plain model of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logmill.record import LEVELS
from logmill.settings import Settings
from storage import blocks
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.search.filters import (
    And,
    AnyOf,
    Between,
    Bounds,
    Contains,
    Exists,
    Filter,
    Identity,
    Matches,
    Metadata,
    Not,
    Or,
    Words,
)
from storage.search.masks import mask
from storage.search.sql import condition
from storage.search.words import words_of
from storage.statements import statement
from tests.support.search_model import passes
from tests.support.storage_blocks import row, stream

MESSAGES = st.text(alphabet="abAB1 _.-\né漢\\'\0", max_size=10) | st.sampled_from(
    ["Timed out", "time-out 17", "user_id=7"]
)
LABELS = st.sampled_from(["", "a", "b c", "Ä\\'", "c\0"])
IDS = st.sampled_from(["", "x", "a-1", "a\n2", "é"])
# Whole numbers that floats do not tell from their neighbours.
LARGE = [2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**64 - 1]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, -2.25, 1e3])
    | st.sampled_from([*LARGE, 2**64, float(2**53), 1e25])
    | st.sampled_from(["", "x", "2", "true", "é", "a-1", "a\n2", "\\", 'say "x"']),
    lambda inner: (
        st.lists(
            st.sampled_from(["x", "2", 2, -3, 0.5, 12.0, True, None, 2**53 + 1, 5e-05, ["x"], {"a": 1}]), max_size=2
        )
        | st.dictionaries(st.sampled_from("kl"), inner, max_size=2)
    ),
    max_leaves=3,
)
NAMES = st.sampled_from(["k", "l", "k.l", "é", "request_id", "status_code", "a b", 'a/"\\'])
ROWS = st.fixed_dictionaries(
    {
        "timestamp": st.integers(0, 12),
        "level": st.sampled_from(LEVELS),
        "service": LABELS,
        "message": MESSAGES,
        "metadata": st.builds(
            json.dumps,
            st.dictionaries(NAMES, JSON, max_size=3),
            ensure_ascii=st.booleans(),
            separators=st.sampled_from([(",", ":"), (", ", ": ")]),
        ),
        "anomaly": st.booleans(),
        "tags": st.lists(LABELS.filter(bool), max_size=3),
        "severity": st.integers(0, 3),
        "status_code": st.integers(0, 3),
        "response_time_ms": st.none() | st.sampled_from([0.0, 0.1, 12.3, 1e6]),
        "trace_id": LABELS,
        "request_id": IDS,
        "path": IDS,
        "fingerprint": st.sampled_from([0, 7, 2**64 - 1]),
    }
)
EXISTING = ["service", "tags", "status_code", "response_time_ms", "trace_id", "anomaly", "timestamp", "fingerprint"]
ABSENT = {"timestamp": 0, "response_time_ms": None}
NUMBERS = st.sampled_from([None, 0, 1, 2, 0.1, 12.3, -2.25])


def bounds(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Bounds]:
    return st.builds(Bounds, numbers, numbers, st.booleans(), st.booleans())


WHOLE = st.sampled_from([None, 0, 1, 2, 5])
PATTERNS = st.sampled_from(["a", "^a", "b$", "", "[ab]1", "(?s:^.$)", "é"])
PATHS = st.sampled_from(
    [("k",), ("l",), ("k", "l"), ("é",), ("k", "k"), ("request_id",), ("status_code",), ("a b",), ('a/"\\',)]
)
LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.builds(AnyOf, st.sampled_from(["service", "trace_id", "tags"]), st.lists(LABELS, max_size=2).map(tuple)),
    st.builds(AnyOf, st.just("level"), st.lists(st.sampled_from(LEVELS), max_size=2).map(tuple)),
    st.builds(AnyOf, st.sampled_from(["severity", "status_code"]), st.lists(st.integers(0, 3), max_size=2).map(tuple)),
    st.builds(AnyOf, st.just("response_time_ms"), st.lists(st.sampled_from([0.1, 12.3]), max_size=2).map(tuple)),
    st.builds(AnyOf, st.just("fingerprint"), st.just((7, 2**64 - 1))),
    st.builds(AnyOf, st.just("anomaly"), st.booleans().map(lambda value: (value,))),
    st.builds(Between, st.sampled_from(["severity", "status_code", "timestamp"]), bounds(WHOLE)),
    st.builds(Between, st.just("response_time_ms"), bounds(NUMBERS)),
    st.builds(Exists, st.sampled_from(EXISTING)),
    st.builds(Matches, st.sampled_from(["message", "service", "trace_id", "tags"]), PATTERNS),
    st.builds(Matches, st.just("message"), PATTERNS, st.just(True)),
    st.builds(Words, MESSAGES.map(words_of).filter(bool), st.booleans()),
    st.builds(Contains, MESSAGES.map(str.lower)),
    st.builds(Identity, st.just(uuid.UUID(int=1)), st.integers(0, 3)),
    st.builds(
        Metadata,
        PATHS,
        st.sampled_from(
            [
                "x",
                "2",
                "-3",
                "12",
                "12.0",
                "5e-05",
                "0.00005",
                '["x"]',
                '{"a":1}',
                "true",
                "",
                "0.5",
                "1000",
                "é",
                "a-1",
                "a\n2",
                "\\",
                'say "x"',
            ]
        )
        | st.sampled_from([*map(str, LARGE), str(2**53 - 1), str(2**64)])
        | bounds(NUMBERS)
        | bounds(st.sampled_from([None, 0, *LARGE, 2**64, float(2**63), 1e25]))
        | st.none()
        | st.builds(Matches, st.just("metadata"), PATTERNS),
    ),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=3).map(tuple).map(And)
        | st.lists(inner, max_size=3).map(tuple).map(Or)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    folder: Path = tmp_path_factory.mktemp("search")
    engine = ChdbEngine(folder / "store", Settings())
    schema.ensure(engine)
    yield engine
    engine.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(ROWS, min_size=1, max_size=12),
    wanted=st.lists(FILTERS, min_size=1, max_size=6),
    plain=st.booleans(),
    merged=st.booleans(),
)
@example(
    rows=[ABSENT],
    wanted=[Not(AnyOf("response_time_ms", (0.1,))), Between("response_time_ms", Bounds())],
    plain=True,
    merged=False,
)
@example(rows=[ABSENT], wanted=[Exists(column) for column in EXISTING], plain=False, merged=True)
@example(
    rows=[{"message": "\n"}],
    wanted=[Matches("message", "(?s:^.$)", lowered=True), Words(("timed", "out"), is_prefix=False)],
    plain=True,
    merged=True,
)
@example(
    rows=[{"metadata": text, "request_id": "x"} for text in ('{"request_id":"x"}', '{"request_id": "x", "k": 1e3}')],
    wanted=[Metadata(("request_id",), "x"), Metadata(("k",), "1000"), Metadata(("k",), Bounds(999.0, 1001.0))],
    plain=True,
    merged=True,
)
def test_the_engine_and_memory_find_what_the_model_finds(
    engine: ChdbEngine, rows: list[dict[str, Any]], wanted: list[Filter], plain: bool, merged: bool
) -> None:
    made = [row(uuid.UUID(int=1), ordinal, **fields) for ordinal, fields in enumerate(rows)]
    table, body = blocks.decode(stream(made))
    engine.run(statement("logs", "clear_logs"))
    engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), body or blocks.encode(table))
    if merged:  # only then there are all indexes
        engine.run("OPTIMIZE TABLE logs FINAL")
    for one in wanted:
        expected = [fields["ordinal"] for fields in made if passes(fields, one)]
        where, params = condition(one)
        found = engine.select(f"SELECT ordinal FROM logs WHERE {where} ORDER BY ordinal", params)
        assert found["ordinal"].to_pylist() == expected, (one, where, params)
        in_memory = mask(table.cast(blocks.SCHEMA) if plain else table, one)
        assert in_memory.null_count == 0
        assert pc.indices_nonzero(in_memory).to_pylist() == expected, one
        assert isinstance(in_memory, pa.Array)
