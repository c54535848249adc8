"""Memory answers as the whole data would, or declines."""

from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import recent
from storage.blocks import SCHEMA, decode
from storage.recent import Place, Recent
from storage.search.filters import EVERYTHING, And, AnyOf, Between, Bounds, Filter, Not
from storage.search.masks import mask
from tests.support.search_model import passes
from tests.support.storage_blocks import batch, row, stream

TAGS = ("auth", "api", "payment")
ROWS = st.fixed_dictionaries(
    {
        "timestamp": st.integers(0, 12),
        "level": st.sampled_from(["INFO", "ERROR"]),
        "service": st.sampled_from(["a", "b", "c\0'\\"]),
        "anomaly": st.booleans(),
        "tags": st.lists(st.sampled_from(TAGS), max_size=3),
        "severity": st.integers(0, 3),
        "status_code": st.integers(0, 2),
        "trace_id": st.sampled_from(["", "t"]),
    }
)
BLOCKS = st.lists(st.lists(ROWS, min_size=1, max_size=8), max_size=25)


def parts(*choices: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.tuples(*(st.none() | choice for choice in choices)).map(
        lambda found: And(tuple(part for part in found if part is not None))
    )


FILTERS = parts(
    st.sampled_from(["INFO", "ERROR", "DEBUG"]).map(lambda value: AnyOf("level", (value,))),
    st.sampled_from(["a", "b", "c\0'\\", "none"]).map(lambda value: AnyOf("service", (value,))),
    st.booleans().map(lambda value: AnyOf("anomaly", (value,))),
    st.sampled_from((*TAGS, "none")).map(lambda value: Not(AnyOf("tags", (value,)))),
    st.integers(0, 13).map(lambda value: Between("timestamp", Bounds(low=value))),
    st.integers(0, 13).map(lambda value: Between("timestamp", Bounds(high=value, with_high=False))),
    st.integers(0, 4).map(lambda value: Between("severity", Bounds(low=value))),
)
PLACES = st.none() | st.builds(
    Place, st.integers(0, 13), st.integers(980, 1001).map(lambda n: uuid.UUID(int=n).bytes), st.integers(0, 8)
)


def page(
    rows: list[dict[str, Any]], wanted: Filter, limit: int, before: Place | None = None
) -> list[tuple[int, bytes, int]]:
    keys = [(row["timestamp"], row["batch_id"], row["ordinal"]) for row in rows if passes(row, wanted)]
    place = None if before is None else (before.timestamp_us, before.batch_id, before.ordinal)
    return sorted((key for key in keys if place is None or key < place), reverse=True)[:limit]


def keys(table: pa.Table) -> list[tuple[int, bytes, int]]:
    columns = [table["timestamp"].cast(pa.int64()), table["batch_id"], table["ordinal"]]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@settings(max_examples=300, deadline=None)
@given(
    blocks=BLOCKS,
    older=st.lists(ROWS, max_size=5),
    max_records=st.integers(0, 60),
    wanted=FILTERS,
    before=PLACES,
    limit=st.integers(1, 12),
    plain=st.booleans(),
)
def test_an_answer_from_memory_is_the_answer_of_the_whole_data(
    blocks: list[list[dict[str, Any]]],
    older: list[dict[str, Any]],
    max_records: int,
    wanted: Filter,
    before: Place | None,
    limit: int,
    plain: bool,
) -> None:
    everything = [row(uuid.UUID(int=1), ordinal, **fields) for ordinal, fields in enumerate(older)]
    floor = max((fields["timestamp"] for fields in older), default=None)
    recent = Recent(max_records=max_records, max_bytes=1 << 30, floor_us=floor)
    for number, block in enumerate(blocks):
        rows = [row(uuid.UUID(int=1000 - number), ordinal, **fields) for ordinal, fields in enumerate(block)]
        everything += rows
        table, _ = decode(stream(rows))
        recent.push(table.cast(SCHEMA) if plain else table)
        assert recent.records <= max_records
    found = recent.newest(wanted, limit, before)
    if found is None:
        assert everything, "an empty store is known whole"
    else:
        assert keys(found) == page(everything, wanted, limit, before)


def test_memory_that_holds_everything_always_answers() -> None:
    recent = Recent(max_records=100, max_bytes=1 << 30, floor_us=None)
    table, _ = decode(stream(batch(10)))
    recent.push(table)
    found = recent.newest(AnyOf("service", ("none",)), 5)
    assert found is not None
    assert found.num_rows == 0


def test_a_full_page_above_the_floor_is_answered_and_one_at_it_is_not() -> None:
    recent = Recent(max_records=100, max_bytes=1 << 30, floor_us=1_700_000_000_000_004)
    table, _ = decode(stream(batch(10)))
    recent.push(table)
    assert recent.newest(EVERYTHING, 5) is not None
    assert recent.newest(EVERYTHING, 6) is None
    recent.miss(1_700_000_000_000_005)
    assert recent.newest(EVERYTHING, 5) is None


def test_bytes_are_bounded_too() -> None:
    table, _ = decode(stream(batch(1000)))
    recent = Recent(max_records=10**6, max_bytes=int(table.nbytes * 2.5), floor_us=None)
    for _ in range(5):
        recent.push(table)
    assert recent.records == 2000


def test_small_blocks_are_brought_together() -> None:
    recent = Recent(max_records=10**6, max_bytes=1 << 30, floor_us=None)
    for _ in range(100):
        recent.push(decode(stream(batch(1)))[0])
    assert recent.records == 100
    assert len(recent._blocks) < 20


def test_clearing_forgets_the_floor() -> None:
    recent = Recent(max_records=10, max_bytes=1 << 30, floor_us=5)
    recent.clear()
    assert recent.newest(EVERYTHING, 1) is not None


def test_a_row_is_found_by_its_identity_as_long_as_it_is_in_memory() -> None:
    recent = Recent(max_records=25, max_bytes=1 << 30, floor_us=None)
    ids = [uuid.UUID(int=number) for number in (1, 2, 3)]
    for number, batch_id in enumerate(ids):
        table, _ = decode(stream([row(batch_id, k, timestamp=number, message=f"{number}-{k}") for k in range(10)]))
        recent.push(table)
    assert recent.find(ids[0].bytes, 3) is None  # has left
    for number, batch_id in ((1, ids[1]), (2, ids[2])):
        found = recent.find(batch_id.bytes, 7)
        assert found is not None
        assert found["message"].to_pylist() == [f"{number}-7"]
    assert recent.find(ids[1].bytes, 10) is None
    assert recent.find(uuid.UUID(int=9).bytes, 0) is None


def test_of_a_block_that_is_larger_than_memory_the_newest_rows_stay() -> None:
    recent = Recent(max_records=100, max_bytes=1 << 30, floor_us=None)
    recent.push(decode(stream(batch(50)))[0])
    rows = batch(250)
    recent.push(decode(stream(rows))[0])
    assert recent.records == 100
    found = recent.newest(EVERYTHING, 99)
    assert found is not None
    assert keys(found) == page(rows, EVERYTHING, 99)
    assert recent.newest(EVERYTHING, 101) is None


def test_nothing_leaves_where_there_is_no_memory_to_bring_blocks_together(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = Recent(max_records=10**6, max_bytes=1 << 30, floor_us=None)
    rows = [batch(1)[0] for _ in range(15)]
    for one in rows:
        recent.push(decode(stream([one]))[0])

    def full(_tables: object) -> None:
        raise MemoryError

    monkeypatch.setattr("storage.recent.pa.concat_tables", full)
    with pytest.raises(MemoryError):
        recent.push(decode(stream(batch(1)))[0])
    monkeypatch.undo()
    found = recent.newest(EVERYTHING, 15)
    assert found is not None
    assert keys(found) == page(rows, EVERYTHING, 15)


@pytest.mark.parametrize(
    ("wanted", "looks"),
    [
        pytest.param(AnyOf("service", ("rare",)), 1, id="no hit in the first rows"),
        pytest.param(AnyOf("level", ("ERROR",)), 4, id="enough of them, one in three"),
        pytest.param(And((AnyOf("service", ("rare",)), Between("timestamp", Bounds(low=31)))), 4, id="all is here"),
        pytest.param(
            And((AnyOf("level", ("ERROR",)), Between("timestamp", Bounds(high=31)))), 4, id="not from the newest on"
        ),
    ],
)
def test_blocks_are_looked_through_only_where_the_first_give_hope(
    monkeypatch: pytest.MonkeyPatch, wanted: Filter, looks: int
) -> None:
    monkeypatch.setattr(recent, "_SAMPLE_ROWS", 10)
    looked = []
    monkeypatch.setattr(recent, "mask", lambda table, asked: looked.append(table) or mask(table, asked))
    memory = Recent(max_records=40, max_bytes=10**9, floor_us=30)
    for number in range(4):
        rows = [
            row(uuid.UUID(int=number), ordinal, timestamp=31 + number, level="ERROR" if ordinal % 3 else "INFO")
            for ordinal in range(10)
        ]
        memory.push(decode(stream(rows))[0])
    memory.newest(wanted, 30)
    assert len(looked) == looks
