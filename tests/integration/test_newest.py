"""Whatever is guessed about where the newest logs lie, those that are found are the newest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logmill.errors import Refused
from logmill.settings import Settings
from storage import blocks, newest, render
from storage.engine import schema
from storage.engine.chdb_engine import ChdbEngine
from storage.extent import Extent
from storage.reading import Reading, in_force
from storage.recent import Place
from storage.search.filters import EVERYTHING, And, AnyOf, Between, Bounds, Filter, Words
from storage.statements import statement
from tests.support.search_model import passes
from tests.support.storage_blocks import row, stream

NOW_US = 1_700_000_000_000_000
BATCH = uuid.UUID(int=1)
# Close together, far before, far after, before 1970.
TIMES = st.builds(
    lambda base, offset: base + offset,
    st.sampled_from([NOW_US, NOW_US, NOW_US, NOW_US - 86_400_000_000, 4_000_000_000_000_000, -1_000_000]),
    st.integers(0, 40),
)
LEVELS = ["INFO", "INFO", "INFO", "ERROR"]
FILTERS = st.builds(
    lambda bounds, others: And((Between("timestamp", bounds), *others)),
    st.builds(Bounds, st.none() | TIMES, st.none() | TIMES, st.booleans(), st.booleans()),
    st.lists(
        st.sampled_from([AnyOf("level", ("ERROR",)), AnyOf("service", ("a",)), AnyOf("user_id", ("u",))]), max_size=2
    ),
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbEngine]:
    engine = ChdbEngine(tmp_path_factory.mktemp("newest") / "store", Settings())
    schema.ensure(engine)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def small_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "_FIRST_LOGS", 3)


def store(engine: ChdbEngine, rows: list[dict[str, Any]]) -> Extent:
    engine.run(statement("logs", "clear_logs"))
    table, body = blocks.decode(stream(rows))
    engine.insert(statement("logs", "insert_logs", columns=schema.COLUMN_LIST), body or blocks.encode(table))
    extent = Extent(None)
    extent.widen(table)
    return extent


def spread(count: int, **fields: Any) -> list[dict[str, Any]]:
    """Rows a second apart, the oldest first."""
    return [row(BATCH, number, timestamp=NOW_US + number * 1_000_000, **fields) for number in range(count)]


def ordinals(rows: Any) -> list[int]:
    found: list[int] = rows["ordinal"].to_pylist()
    return found


@settings(max_examples=120, deadline=None)
@given(
    times=st.lists(TIMES, min_size=1, max_size=30),
    levels=st.lists(st.sampled_from(LEVELS), min_size=30, max_size=30),
    services=st.lists(st.sampled_from(["a", "b"]), min_size=30, max_size=30),
    users=st.lists(st.sampled_from(["", "", "", "u"]), min_size=30, max_size=30),
    wanted=FILTERS | st.just(EVERYTHING),
    limit=st.integers(1, 8),
    before=st.none() | st.tuples(TIMES, st.integers(0, 30)),
    known_logs=st.sampled_from([0, 30, 10**9]),
)
def test_the_newest_are_those_of_a_plain_model(
    engine: ChdbEngine,
    times: list[int],
    levels: list[str],
    services: list[str],
    users: list[str],
    wanted: Filter,
    limit: int,
    before: tuple[int, int] | None,
    known_logs: int,
) -> None:
    made = [
        row(BATCH, ordinal, timestamp=us, level=level, service=service, user_id=user)
        for ordinal, (us, level, service, user) in enumerate(zip(times, levels, services, users, strict=False))
    ]
    us = store(engine, made).us
    place = None if before is None else Place(before[0], BATCH.bytes, before[1])
    found = newest.newest(engine, Extent(us, known_logs), wanted, limit, place)
    right = sorted((one["timestamp"], one["ordinal"]) for one in made if passes(one, wanted))
    right = [one for one in right if before is None or one < before][::-1][:limit]
    assert list(zip(render.times_us(found, "timestamp"), ordinals(found), strict=True)) == right


@pytest.mark.parametrize(
    ("wanted", "found", "looks"),
    [
        pytest.param(EVERYTHING, [99, 98, 97, 96], 1, id="each log is a hit"),
        pytest.param(AnyOf("level", ("ERROR",)), [99, 96, 93, 90], 2, id="the first look tells how far to look"),
        pytest.param(AnyOf("level", ("FATAL",)), [], 2, id="no hit: all that is left"),
        pytest.param(And((AnyOf("path", ("/7",)), AnyOf("level", ("INFO",)))), [7], 1, id="rare ids: once"),
        pytest.param(AnyOf("user_id", ("few",)), [40, 20], 2, id="few, as is asked first: once"),
        pytest.param(AnyOf("user_id", ("none",)), [], 1, id="none, as is asked first"),
        pytest.param(AnyOf("user_id", ("u",)), [99, 98, 97, 96], 2, id="where they are is known from how many"),
        pytest.param(Words(("message", "7")), [7], 1, id="so are words"),
        pytest.param(AnyOf("service", ("rare",)), [99, 0], 3, id="fewer than hoped for"),
    ],
)
def test_a_look_is_taken_at_as_much_as_should_do(
    engine: ChdbEngine, monkeypatch: pytest.MonkeyPatch, wanted: Filter, found: list[int], looks: int
) -> None:
    rows = spread(100)
    for number, one in enumerate(rows):
        one["level"] = "ERROR" if number % 3 == 0 else "INFO"
        one["path"], one["message"] = f"/{number}", f"message {number}"
        one["user_id"] = "u" if number % 2 or number > 90 else "few" if number in {20, 40} else ""
        one["service"] = "rare" if number in {0, 99} else "often"
    extent = store(engine, rows)
    asked = []
    select = engine.select
    monkeypatch.setattr(engine, "select", lambda sql, params: asked.append(sql) or select(sql, params))
    if wanted == AnyOf("service", ("rare",)):
        monkeypatch.setattr(newest, "_SPARE", 0.1)
    assert ordinals(newest.newest(engine, extent, wanted, 4)) == found
    assert len(asked) == looks


def test_logs_outside_of_the_known_range_are_found(engine: ChdbEngine) -> None:
    store(engine, spread(50))
    narrow = Extent((NOW_US + 20_000_000, NOW_US + 30_000_000), 10)
    assert ordinals(newest.newest(engine, narrow, EVERYTHING, 1000)) == list(range(49, -1, -1))
    assert ordinals(newest.newest(engine, Extent(None), EVERYTHING, 2)) == [49, 48]


def test_several_looks_together_are_held_to_the_size_of_one(engine: ChdbEngine) -> None:
    rows = spread(100, message="x" * 2000)
    rows[99]["level"] = "ERROR"
    rows[0]["level"] = "ERROR"
    extent = store(engine, rows)
    errors = AnyOf("level", ("ERROR",))
    with in_force(Reading(30, max_bytes=6000)):
        assert ordinals(newest.newest(engine, extent, errors, 2)) == [99, 0]
    with in_force(Reading(30, max_bytes=4000)), pytest.raises(Refused, match="too large"):
        newest.newest(engine, extent, errors, 2)
