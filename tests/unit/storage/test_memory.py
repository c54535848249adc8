"""The two tiers together answer as the whole data would, or decline; also after writes whose outcome is unknown."""

from __future__ import annotations

import sys
import uuid
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmill.record import URGENT_LEVELS
from storage.blocks import SCHEMA, decode, of_levels
from storage.memory import ERRORS_PART, Memory
from storage.search.filters import And, AnyOf, Between, Bounds
from tests.support.storage_blocks import batch, realistic, row, stream
from tests.unit.storage.test_recent import keys, page

LEVELS = ["DEBUG", "INFO", "ERROR", "CRITICAL"]
ROWS = st.fixed_dictionaries({"timestamp": st.integers(0, 30), "level": st.sampled_from(LEVELS)})
BLOCKS = st.lists(
    st.tuples(st.lists(ROWS, min_size=1, max_size=8), st.sampled_from(["pushed", "pushed", "missed"])), max_size=30
)


@settings(max_examples=500, deadline=None)
@given(
    blocks=BLOCKS,
    older=st.lists(ROWS, max_size=5),
    max_records=st.integers(0, 60),
    level=st.sampled_from(LEVELS),
    since=st.none() | st.integers(0, 31),
    limit=st.integers(1, 12),
)
def test_an_answer_about_a_level_is_the_answer_of_the_whole_data(
    blocks: list[tuple[list[dict[str, Any]], str]],
    older: list[dict[str, Any]],
    max_records: int,
    level: str,
    since: int | None,
    limit: int,
) -> None:
    everything = [row(uuid.UUID(int=1), ordinal, **fields) for ordinal, fields in enumerate(older)]
    memory = Memory(
        max_records=max_records,
        max_bytes=1 << 30,
        floor_us=max((one["timestamp"] for one in older), default=None),
        errors_floor_us=max((one["timestamp"] for one in older if one["level"] in URGENT_LEVELS), default=None),
    )
    for number, (block, outcome) in enumerate(blocks):
        rows = [row(uuid.UUID(int=1000 - number), ordinal, **fields) for ordinal, fields in enumerate(block)]
        everything += rows
        table, _ = decode(stream(rows))
        (memory.push if outcome == "pushed" else memory.miss)(table)
        assert memory.recent.records <= max_records
        assert memory.errors.records <= max_records // ERRORS_PART
    of_level = AnyOf("level", (level,))
    wanted = of_level if since is None else And((of_level, Between("timestamp", Bounds(low=since))))
    found = memory.newest(wanted, limit)
    if found is None:
        assert everything, "an empty store is known whole"
    else:
        assert keys(found) == page(everything, wanted, limit)


def test_a_push_that_fails_half_way_hides_nothing_once_it_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(max_records=1000, max_bytes=1 << 30, floor_us=None, errors_floor_us=None)
    table, _ = decode(stream(batch(5, level="ERROR")))

    def full(_table: object) -> None:
        raise MemoryError

    monkeypatch.setattr(memory.errors, "push", full)
    with pytest.raises(MemoryError):
        memory.push(table)
    memory.miss(table)
    assert memory.newest(AnyOf("level", ("ERROR",)), 5) is None
    monkeypatch.undo()
    later, _ = decode(stream(batch(5, level="ERROR", timestamp=1_800_000_000_000_000)))
    memory.push(later)
    found = memory.newest(AnyOf("level", ("ERROR",)), 5)
    assert found is not None
    assert set(found["timestamp"].cast(pa.int64()).to_pylist()) == {1_800_000_000_000_000}


def test_kept_errors_keep_nothing_else_of_their_block_in_memory() -> None:
    body = stream(realistic(2000))
    before = sys.getrefcount(body)
    table, _ = decode(body)
    errors = of_levels(table, URGENT_LEVELS)
    assert 0 < errors.num_rows < 2000
    assert errors.schema == SCHEMA
    assert sys.getrefcount(body) > before
    del table, _
    assert sys.getrefcount(body) == before
