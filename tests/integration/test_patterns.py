"""Patterns and the context of a log are what a plain model says they are."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logmill.masking import MASK, VARIABLE
from logmill.settings import Settings
from processor.stages.fingerprint import add_fingerprint, mask
from storage import blocks, context, patterns, render
from storage.clustering.clusters import clusters
from storage.clustering.tokens import template
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.recent import Place
from storage.search.filters import EVERYTHING, And, AnyOf, Between, Bounds, Exists, Filter
from storage.statements import statement
from tests.support.search_model import passes
from tests.support.storage_blocks import row, stream

TIMES = st.sampled_from([-5, 0, 1, 999, 1000, 60_000_000, 1_700_000_000_000_000, 5_000_000_000_000_000])
ROWS = st.fixed_dictionaries(
    {
        "timestamp": TIMES,
        "fingerprint": st.sampled_from([0, 1, 7, 2**63, 2**64 - 1]),
        "level": st.sampled_from(["INFO", "ERROR"]),
        "service": st.sampled_from(["a", "b", "c\0'\\\n", ""]),
        "host": st.sampled_from(["", "h\t"]),
        "file": st.sampled_from(["", "f"]),
    }
)
BLOCKS = st.lists(st.lists(ROWS, min_size=1, max_size=8), max_size=3)
LIMITS = st.none() | TIMES
FILTERS: st.SearchStrategy[Filter] = st.builds(
    lambda bounds, others: And((Between("timestamp", bounds), *others)),
    st.builds(Bounds, LIMITS, LIMITS, st.booleans(), st.booleans()),
    st.lists(st.sampled_from([AnyOf("level", ("INFO",)), AnyOf("service", ("a", "b")), Exists("host")]), max_size=2),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path_factory.mktemp("patterns") / "store", Settings())
    schema.ensure(engine)
    yield engine
    engine.close()


def store(engine: ChdbEngine, made: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Store blocks; all of their rows."""
    engine.run(statement("logs", "clear_logs"))
    rows = []
    for number, block in enumerate(made):
        some = [row(uuid.UUID(int=9 - number), ordinal, **fields) for ordinal, fields in enumerate(block)]
        table, body = blocks.decode(stream(some))
        engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), body or blocks.encode(table))
        rows += some
    return rows


def place(one: dict[str, Any]) -> tuple[int, bytes, int]:
    return one["timestamp"], one["batch_id"], one["ordinal"]


def places(found: pa.Table) -> list[tuple[int, bytes, int]]:
    columns = (render.times_us(found, "timestamp"), found["batch_id"].to_pylist(), found["ordinal"].to_pylist())
    return list(zip(*columns, strict=True))


def counted(values: list[str]) -> dict[str, int]:
    return dict(Counter(values))


@settings(max_examples=120, deadline=None)
@given(made=BLOCKS, wanted=FILTERS, limit=st.integers(1, 5), count=st.integers(1, 40))
@example(made=[[{"timestamp": 7, "fingerprint": 3}]], wanted=EVERYTHING, limit=1, count=1)
def test_patterns_are_those_of_a_plain_model(
    engine: ChdbEngine, made: list[list[dict[str, Any]]], wanted: Filter, limit: int, count: int
) -> None:
    passing = [one for one in store(engine, made) if passes(one, wanted)]
    by_fingerprint: dict[int, list[dict[str, Any]]] = {}
    for one in passing:
        by_fingerprint.setdefault(one["fingerprint"], []).append(one)
    expected = sorted(by_fingerprint.items(), key=lambda item: (-len(item[1]), item[0]))

    found = patterns.most_frequent(engine, wanted, limit, count)
    assert (found.total, found.is_truncated) == (len(passing), len(expected) > limit)
    assert [pattern.group.fingerprints for pattern in found.shown] == [(one,) for one, _ in expected[:limit]]
    assert (found.buckets is None) == (not passing)
    for pattern, (_, rows) in zip(found.shown, expected, strict=False):
        times = [one["timestamp"] for one in rows]
        assert (pattern.logs, pattern.oldest_us, pattern.newest_us) == (len(rows), min(times), max(times))
        assert pattern.levels == counted([one["level"] for one in rows])
        assert pattern.services == counted([one["service"] for one in rows])
        assert pattern.newest == Place(*max(map(place, rows)))
        assert found.buckets is not None
        at = Counter((us - found.buckets.start_us) // found.buckets.width_us for us in times)
        assert pattern.trend == [at[number] for number in range(found.buckets.count)]
        assert sum(pattern.trend) == pattern.logs
    newest = [max(map(place, rows)) for _, rows in expected[:limit]]
    assert sorted(places(patterns.examples(engine, found.shown))) == sorted(newest)


MESSAGES = (
    *(f"login of {name} failed" for name in ("anna", "bob", "carl", "dora", "emil", "fritz")),
    *(f"disk {number} is full" for number in range(3)),
    "disk on ada is full",
    "",
)


@settings(max_examples=60, deadline=None)
@given(made=st.lists(st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=20), max_size=3), limit=st.integers(1, 4))
@example(made=[list(MESSAGES)], limit=4)
def test_clusters_are_those_of_a_plain_model(engine: ChdbEngine, made: list[list[str]], limit: int) -> None:
    frames = [add_fingerprint(pl.DataFrame({"message": block})) for block in made]
    rows = store(engine, [frame.to_dicts() for frame in frames])
    logs = Counter(one["fingerprint"] for one in rows)
    text = {one["fingerprint"]: mask(pl.Series([one["message"]]))[0] for one in rows}
    groups = [
        (template(pattern), sorted((members[at] for at in found), key=lambda one: (-logs[one], one)))
        for members in [list(text)]
        for pattern, found in clusters([text[one] for one in members]).found
    ]
    groups.sort(key=lambda group: (-sum(logs[one] for one in group[1]), group[1][0]))

    found = patterns.most_frequent(engine, EVERYTHING, limit, 5, is_clustered=True)
    assert (found.total, found.is_truncated) == (len(rows), len(groups) > limit)
    shown = [(pattern.group.template, list(pattern.group.fingerprints), pattern.logs) for pattern in found.shown]
    assert shown == [(text, members, sum(logs[one] for one in members)) for text, members in groups[:limit]]
    assert all(sum(pattern.trend) == sum(pattern.levels.values()) == pattern.logs for pattern in found.shown)
    newest = [max(place(one) for one in rows if one["fingerprint"] in members) for _, members in groups[:limit]]
    assert sorted(places(patterns.examples(engine, found.shown))) == sorted(newest)


@settings(max_examples=30, deadline=None)
@given(messages=st.lists(st.text("0aAfFxg-.:,<*>é\n", max_size=60) | st.text(max_size=20), min_size=1, max_size=30))
@example(messages=["aaaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee1", "a0x12", "1.2ab3"])
def test_the_engine_masks_as_fingerprints_are_taken(engine: ChdbEngine, messages: list[str]) -> None:
    store(engine, [[{"message": message, "timestamp": at} for at, message in enumerate(messages)]])
    sql = f"SELECT {statement('patterns', 'masked')} FROM logs ORDER BY timestamp"
    found = engine.select(sql, {"variable": VARIABLE, "mask": MASK, "chars": 1000})
    assert found["masked"].to_pylist() == mask(pl.Series(messages)).to_list()


def test_beyond_so_many_fingerprints_the_most_frequent_are_clustered(
    engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{first}{second}" for first in "ghijklmn" for second in "opqrstuv"]
    store(engine, [[{"message": f"is {name}", "fingerprint": at + 1} for at, name in enumerate([*names, *names[:9]])]])
    asked = {"limit": 100, "bucket_count": 5, "is_clustered": True}
    found = patterns.most_frequent(engine, EVERYTHING, **asked)
    assert (found.is_truncated, [pattern.logs for pattern in found.shown]) == (False, [73])
    monkeypatch.setattr(patterns, "MAX_CLUSTERED", 9)
    found = patterns.most_frequent(engine, EVERYTHING, **asked)
    assert (found.is_truncated, found.total, [pattern.logs for pattern in found.shown]) == (True, 73, [9])
    monkeypatch.undo()
    monkeypatch.setattr(patterns, "_LOOKUP_PLACES", 10)
    monkeypatch.setattr(patterns, "MAX_CLUSTERED_CHARS", 5 * 25)
    found = patterns.most_frequent(engine, EVERYTHING, **asked)
    assert (found.is_truncated, [pattern.logs for pattern in found.shown]) == (True, [25])


def test_of_many_services_the_most_frequent_are_named(engine: ChdbEngine) -> None:
    store(engine, [[{"service": f"s{number:02}"} for number in range(30) for _ in range(1 + number % 3)]])
    [pattern] = patterns.most_frequent(engine, EVERYTHING, 5, 1).shown
    assert pattern.logs == 60
    ranked = sorted(range(30), key=lambda number: (-(1 + number % 3), number))
    assert list(pattern.services.items()) == [(f"s{number:02}", 1 + number % 3) for number in ranked[:20]]


@settings(max_examples=80, deadline=None)
@given(made=BLOCKS.filter(bool), which=st.integers(0, 99), count=st.integers(1, 6))
def test_the_context_of_a_log_is_what_a_plain_model_says(
    engine: ChdbEngine, made: list[list[dict[str, Any]]], which: int, count: int
) -> None:
    rows = store(engine, made)
    one = rows[which % len(rows)]
    source = ("service", "host", "file")
    near = sorted(place(other) for other in rows if all(other[name] == one[name] for name in source))
    at = near.index(place(one))
    table = blocks.decode(stream([one]))[0].cast(blocks.SCHEMA)
    before, after = context.around(engine, table, count)
    assert places(before) == near[max(0, at - count) : at]
    assert places(after) == near[at + 1 : at + 1 + count]


def test_the_context_is_read_from_the_log_on_and_not_as_a_whole(engine: ChdbEngine) -> None:
    rows = store(engine, [[{"timestamp": 1_700_000_000_000_000 + number} for number in range(100_000)]])
    asked: list[str] = []
    select = engine.select

    def noting(sql: str, params: Any = None) -> Any:
        asked.append("\n".join(select("EXPLAIN actions = 1, indexes = 1 " + sql, params)[0].to_pylist()))
        return select(sql, params)

    table = blocks.decode(stream(rows[50_000:50_001]))[0].cast(blocks.SCHEMA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "select", noting)
        context.around(engine, table, 10)
    kinds = [re.findall(r"Read type: (\w+)", plan) for plan in asked]
    assert kinds == [["InReverseOrder"], ["InOrder"]], "\n\n".join(asked)
