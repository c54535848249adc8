"""Identity and the wire form."""

from __future__ import annotations

import dataclasses
import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from logmill.columns import Columns, concat
from logmill.errors import Undecodable
from logmill.ids import batch_id_of, derived_batch_id, log_id, new_batch_id, parse_log_id
from logmill.record import LEVELS, Entry, Lane
from logmill.wire import is_batch, pack, unpack


def test_a_batch_id_is_a_uuidv7_that_carries_the_time():
    import time

    before = time.time_ns() // 1_000_000
    made = new_batch_id()
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_log_ids_round_trip_and_other_texts_are_none():
    batch_id = new_batch_id()
    assert parse_log_id(log_id(batch_id, 12)) == (batch_id, 12)
    for text in ("", "x", str(batch_id), f"{batch_id}-", f"{batch_id}--1", f"{batch_id}-1x", "../x"):
        assert parse_log_id(text) is None


def test_a_foreign_message_id_gives_the_same_batch_id_each_time():
    assert batch_id_of("order-1", b"x") == batch_id_of("order-1", b"x") != batch_id_of("order-2", b"x")
    # A client that counts its messages from 1 begins anew after a restart, with other bodies.
    assert batch_id_of("1", b"x") != batch_id_of("1", b"y")
    own = new_batch_id()
    assert batch_id_of(str(own), b"x") == own


def test_a_derived_batch_id_is_the_same_on_every_machine_and_another_for_other_facts():
    made = derived_batch_id("order-17", b"digest", b"urgent", b"0")
    assert str(made) == "e3d6eb09-caaf-8690-8ac5-8e3c9646b64c"
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    others = [("order-18", b"digest", b"urgent", b"0"), ("order-17", b"digest", b"urgent", b"1"),
              ("order-17", b"digest", b"urgen", b"t0"), ("order-17", b"digesturgent", b"0"), ("order-17",)]  # fmt: skip
    assert len({made, *(derived_batch_id(*facts) for facts in others)}) == 6


def test_a_batch_id_derived_from_a_uuidv7_has_its_time_but_is_none_itself():
    key = "01890a5d-ac96-774b-bcce-b302099a8057"
    made = [derived_batch_id(spelled, b"d") for spelled in (key, key.replace("-", ""), key.upper())]
    assert {str(one)[:13] for one in made} == {"01890a5d-ac96"}
    assert {(one.version, one.variant) for one in made} == {(8, uuid.RFC_4122)}
    for other in (key[:-1], "{" + key + "}", key.replace("-7", "-4"), key.replace("-", "", 1)):
        assert not str(derived_batch_id(other, b"d")).startswith("01890a5d-ac96")


entries = st.builds(
    Entry,
    timestamp=st.integers(-(2**50), 2**52),
    level=st.sampled_from(LEVELS),
    message=st.text(),
    service=st.text(),
    metadata=st.sampled_from([Raw(b"{}"), Raw(b'{"a": 1.10}'), Raw('{"ü":"\\n"}'.encode())]),
    original_level=st.text(max_size=5),
    client_id=st.text(max_size=5),
    trace_id=st.text(max_size=5),
    host=st.text(max_size=5),
    protocol=st.just("http"),
)


@given(st.lists(entries, min_size=1, max_size=20), st.sampled_from(list(Lane)))
def test_a_batch_comes_back_as_it_was_packed(items, lane):
    batch_id = new_batch_id()
    message = pack(Columns.of(items), batch_id=batch_id, lane=lane, received_at=7_000_000)
    assert is_batch(message)
    batch = unpack(message)
    assert (batch.batch_id, batch.received_at, len(batch.columns)) == (batch_id, 7_000_000, len(items))
    for sent, got in zip(items, batch.columns.rows(), strict=True):
        assert bytes(sent.metadata) == bytes(got.metadata)
        assert dataclasses_equal(sent, got)


def dataclasses_equal(one: Entry, other: Entry) -> bool:
    names = [name for name in Entry.__struct_fields__ if name != "metadata"]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _packed(count: int = 200):
    columns = Columns.of([Entry(timestamp=1, message="m" * 50)] * count)
    return pack(columns, batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=1)


def packed_map(**other: object) -> bytes:
    good = {"timestamp": [1] * 200, "level": ["INFO"] * 200, "message": ["m"] * 200, "service": ["s"] * 200}
    return msgspec.msgpack.encode({**good, "metadata": b"\n".join([b"{}"] * 200), **other})


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"\x28\xb5\x2f\xfdgarbage"},
        {"body": b""},
        {"content_encoding": "br"},
        {"message_id": "no uuid"},
        {"headers": {"logmill-version": 99, "logmill-received-at-us": 1, "logmill-count": 200}},
        {"headers": {"logmill-version": 1, "logmill-count": 200}},
        {"headers": {"logmill-version": 1, "logmill-received-at-us": 1, "logmill-count": 199}},
        {"body": b'{"timestamp": "x"}\n', "content_encoding": ""},
        {"body": packed_map(level=["LOUD"] * 200), "content_encoding": ""},
        {"body": packed_map(message=["m"] * 199), "content_encoding": ""},
        {"body": packed_map(metadata=b"{}"), "content_encoding": ""},
        {"body": packed_map(host=["h"]), "content_encoding": ""},
        {"body": packed_map(service=[1] * 200), "content_encoding": ""},
    ],
)
def test_a_damaged_batch_is_undecodable_and_says_why(change):
    with pytest.raises(Undecodable, match=r"."):
        unpack(dataclasses.replace(_packed(), **change))


def test_a_frame_that_states_a_huge_size_is_refused_before_it_is_undone():
    import zstandard

    bomb = zstandard.ZstdCompressor(level=19).compress(b"\0" * (257 * 1024 * 1024))
    with pytest.raises(Undecodable, match="size"):
        unpack(dataclasses.replace(_packed(), body=bomb))


@given(st.lists(st.lists(entries, min_size=1, max_size=4), min_size=1, max_size=5))
def test_columns_are_put_together_and_taken_apart_without_loss(groups):
    rows = [entry for group in groups for entry in group]
    whole = concat([Columns.of(group) for group in groups])
    assert len(whole) == len(rows)
    assert all(dataclasses_equal(sent, got) for sent, got in zip(rows, whole.rows(), strict=True))
    backwards = whole.take(range(len(rows) - 1, -1, -1))
    assert all(dataclasses_equal(sent, got) for sent, got in zip(rows[::-1], backwards.rows(), strict=True))
