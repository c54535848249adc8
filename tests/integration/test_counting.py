"""Counts over any time range are exact, wherever they are taken from."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logmill.record import LEVELS
from logmill.settings import Settings
from storage import blocks, counting, facets
from storage.counting import HOUR_US, MINUTE_US, Buckets, buckets_over, counts, nice_width_us
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.search.filters import EVERYTHING, And, AnyOf, Between, Bounds, Filter, Not
from storage.statements import statement
from tests.support.search_model import passes
from tests.support.storage_blocks import batch, row, stream

# Around whole minutes, before the epoch, and after the last 32-bit second.
BASE_US = 1_700_000_040_000_000
ENDS = (-(10**15), 0, 59_999_999, BASE_US, (1 << 32) * 1_000_000 + 5, 5_000_000_000_000_000)
MINUTES = st.sampled_from([-90, -2, -1, 0, 1, 2, 90])
TIMES = st.builds(
    lambda base, minutes, us: base + minutes * MINUTE_US + us,
    st.sampled_from([BASE_US, BASE_US, BASE_US, *ENDS]), MINUTES, st.sampled_from([-1, 0, 1, 30_000_000]),
)  # fmt: skip
ROWS = st.fixed_dictionaries(
    {
        "timestamp": TIMES,
        "level": st.sampled_from(LEVELS),
        "service": st.sampled_from(["a", "b"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), unique=True, max_size=2),
        "status_code": st.sampled_from([0, 200]),
        "anomaly_reasons": st.lists(st.sampled_from(["slow_response", "error_level"]), unique=True, max_size=2),
        "severity": st.integers(0, 1),
        "path": st.sampled_from(["", "/a", "/b"]),
    }
)
LIMITS = st.none() | TIMES
OTHERS = st.sampled_from([
    AnyOf("level", ("INFO",)), Not(AnyOf("service", ("a",))), AnyOf("status_code", (200,)),
    Between("timestamp", Bounds(low=0)), AnyOf("tags", ("x",)), Between("status_code", Bounds(low=100)),
    AnyOf("severity", (1,)), AnyOf("path", ("/a",)),
])  # fmt: skip
FILTERS = st.builds(
    lambda bounds, others: And((Between("timestamp", bounds), *others)),
    st.builds(Bounds, LIMITS, LIMITS, st.booleans(), st.booleans()),
    st.lists(OTHERS, max_size=2),
)
STARTS = TIMES.map(lambda us: us // MINUTE_US * MINUTE_US) | TIMES.map(lambda us: us // HOUR_US * HOUR_US) | TIMES
BUCKETS = st.none() | st.builds(Buckets, STARTS, st.sampled_from([1, MINUTE_US, 5 * MINUTE_US, HOUR_US]), st.just(1))
FAR_APART = [{"timestamp": us} for us in ENDS]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path_factory.mktemp("counting") / "store", Settings())
    schema.ensure(engine)
    yield engine
    engine.close()


def store(engine: ChdbEngine, rows: list[dict[str, Any]]) -> None:
    table, body = blocks.decode(stream(rows))
    engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), body or blocks.encode(table))


def noted_plans(engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans of the queries that the engine answers from now on."""
    asked: list[str] = []
    select = engine.select

    def noting(sql: str, params: Any = None) -> Any:
        asked.append("\n".join(select("EXPLAIN " + sql, params)[0].to_pylist()))
        return select(sql, params)

    monkeypatch.setattr(engine, "select", noting)
    return asked


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=12),
    wanted=FILTERS,
    by=st.sampled_from([None, "level", "service", "tags", "status_code", "anomaly_reasons", "severity"]),
    buckets=BUCKETS,
    is_extent_known=st.booleans(),
)
@example(rows=FAR_APART, wanted=EVERYTHING, by="level", buckets=None, is_extent_known=True)
def test_counts_are_those_of_a_plain_model(
    engine: ChdbEngine,
    rows: list[dict[str, Any]],
    wanted: Filter,
    by: str | None,
    buckets: Buckets | None,
    is_extent_known: bool,
) -> None:
    made = [row(uuid.UUID(int=1), ordinal, **fields) for ordinal, fields in enumerate(rows)]
    engine.run(statement("logs", "clear_logs"))
    store(engine, made)
    if buckets is not None:
        wanted = And((wanted, Between("timestamp", Bounds(low=buckets.start_us))))
    expected: Counter[tuple[str, int]] = Counter()
    for one in made:
        if passes(one, wanted):
            held = "" if by is None else one[by]
            bucket = 0 if buckets is None else (one["timestamp"] - buckets.start_us) // buckets.width_us
            for value in held if isinstance(held, list) else [held]:
                expected[str(value), bucket] += 1
    times = [one["timestamp"] for one in made]
    found = counts(engine, wanted, by, buckets, (min(times), max(times)) if is_extent_known else None)
    got = {(one["value"], one["bucket"]): one["logs"] for one in found.to_pylist()}
    assert got == expected


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(ROWS, min_size=1, max_size=12),
    wanted=FILTERS,
    columns=st.lists(
        st.sampled_from(["level", "tags", "status_code", "severity", "path"]), min_size=1, max_size=4, unique=True
    ),
    limit=st.integers(1, 4),
    is_extent_known=st.booleans(),
)
def test_the_most_frequent_values_are_those_of_a_plain_model(
    engine: ChdbEngine,
    rows: list[dict[str, Any]],
    wanted: Filter,
    columns: list[str],
    limit: int,
    is_extent_known: bool,
) -> None:
    made = [row(uuid.UUID(int=1), ordinal, **fields) for ordinal, fields in enumerate(rows)]
    engine.run(statement("logs", "clear_logs"))
    store(engine, made)
    expected = {}
    for column in columns:
        held = [one[column] for one in made if passes(one, wanted)]
        counted = Counter(str(value) for one in held for value in (one if isinstance(one, list) else [one]))
        expected[column] = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:limit]
    times = [one["timestamp"] for one in made]
    assert facets.top(engine, wanted, columns, limit, (min(times), max(times)) if is_extent_known else None) == expected


def test_values_that_are_many_are_counted_without_time_where_all_logs_are_asked_about(
    engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run(statement("logs", "clear_logs"))
    store(engine, batch(100, timestamp=BASE_US, path="/a"))
    asked = noted_plans(engine, monkeypatch)
    extent = (BASE_US, BASE_US)
    around = Between("timestamp", Bounds(BASE_US - 5, BASE_US + 5))
    for wanted in (EVERYTHING, around, And((around, AnyOf("path", ("/a",))))):
        assert facets.top(engine, wanted, ("path",), 9, extent) == {"path": [("/a", 100)]}
    assert facets.top(engine, And((around, AnyOf("level", ("INFO",)))), ("path",), 9, extent)["path"]
    assert ["ReadFromMergeTree (path_counts)" in plan for plan in asked] == [True, True, True, False]


def test_an_answer_for_all_logs_is_not_certain_once_a_log_came_from_outside_the_range() -> None:
    ranged = Between("timestamp", Bounds(0, 100))
    assert facets.is_certain(ranged, (10, 50), (5, 90))
    assert not facets.is_certain(ranged, (10, 50), (-1, 50))
    assert not facets.is_certain(ranged, (10, 50), (10, 101))
    assert facets.is_certain(EVERYTHING, (10, 50), (-1, 101))
    assert facets.is_certain(ranged, (-1, 101), (-2, 102))


@pytest.mark.parametrize(
    ("by", "hours", "projection"), [("level", 0.5, "counts"), ("tags", 5, "facets"), ("status_code", 5, "facets")]
)
def test_whole_minutes_and_hours_come_from_the_projections(
    engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch, by: str, hours: float, projection: str
) -> None:
    engine.run(statement("logs", "clear_logs"))
    store(engine, batch(100, timestamp=BASE_US, tags=["x", "y"]))
    asked = noted_plans(engine, monkeypatch)
    since_us, until_us = BASE_US - int(hours * HOUR_US) + 5, BASE_US + int(hours * HOUR_US) + 5
    wanted = And((Between("timestamp", Bounds(since_us, until_us)), AnyOf("service", ("test",))))
    buckets = buckets_over(since_us, until_us, 10)
    assert counting.total(counts(engine, wanted, by, buckets)) == (200 if by == "tags" else 100)
    assert [f"ReadFromMergeTree ({projection})" in plan for plan in asked] == [True, False, False]
    asked.clear()
    assert sum(count for _, count in facets.top(engine, wanted, (by,), 9)[by]) == (200 if by == "tags" else 100)
    assert f"ReadFromMergeTree ({projection})" in asked[0]


def test_whole_buckets_are_counted_without_a_look_at_rows(engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.run(statement("logs", "clear_logs"))
    store(engine, [row(uuid.UUID(int=1), number, timestamp=BASE_US + number * HOUR_US) for number in range(50)])
    asked = noted_plans(engine, monkeypatch)
    buckets = buckets_over(BASE_US + HOUR_US, BASE_US + 40 * HOUR_US + 1, 60)
    found = counts(engine, buckets.times, "level", buckets, (BASE_US, BASE_US + 49 * HOUR_US))
    assert counting.total(found) == 40
    assert ["ReadFromMergeTree (counts)" in plan for plan in asked] == [True]


@pytest.mark.parametrize("span_us", [1, 999, 10**6, 59 * 10**6, 3600 * 10**6, 86_400 * 10**6, 10**14, 10**16])
@pytest.mark.parametrize("count", [1, 2, 60, 1000])
def test_buckets_cover_their_range_and_are_no_more_than_asked(span_us: int, count: int) -> None:
    for since_us in (0, 1_700_000_000_123_456, -5):
        found = buckets_over(since_us, since_us + span_us, count)
        assert found.start_us <= since_us
        assert found.start_us + found.width_us * found.count >= since_us + span_us
        assert found.count <= max(count, 2)
        assert found.width_us < MINUTE_US or found.width_us % MINUTE_US == 0
    assert nice_width_us(span_us, count) * count >= span_us


def test_the_most_frequent_values_come_first(engine: ChdbEngine) -> None:
    engine.run(statement("logs", "clear_logs"))
    store(engine, [*batch(3, service="b", tags=["x"]), *batch(1, service="a", tags=["x", "y"]), *batch(1, service="c")])
    found = facets.top(engine, EVERYTHING, ("service", "tags"), 2)
    assert found == {"service": [("b", 3), ("a", 1)], "tags": [("x", 4), ("y", 1)]}
    found = facets.top(engine, AnyOf("service", ("b",)), ("message",), 2)
    assert found == {"message": [("message 0", 1), ("message 1", 1)]}


def test_the_oldest_and_the_newest(engine: ChdbEngine) -> None:
    engine.run(statement("logs", "clear_logs"))
    assert counting.extent_us(engine, EVERYTHING) is None
    store(engine, [*batch(1, timestamp=7, service="a"), *batch(1, timestamp=-5), *batch(1, timestamp=99)])
    assert counting.extent_us(engine, EVERYTHING) == (-5, 99)
    assert counting.extent_us(engine, AnyOf("service", ("a",))) == (7, 7)
