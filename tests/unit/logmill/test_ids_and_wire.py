"""Identity and the wire form."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from logmill.errors import Undecodable
from logmill.ids import batch_id_of, log_id, new_batch_id, parse_log_id
from logmill.record import LEVELS, Entry, Lane
from logmill.wire import encode_lines, is_batch, pack, unpack


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
    assert batch_id_of("order-1") == batch_id_of("order-1") != batch_id_of("order-2")
    own = new_batch_id()
    assert batch_id_of(str(own)) == own


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
    message = pack(encode_lines(items), batch_id=batch_id, lane=lane, received_at=7_000_000, count=len(items))
    assert is_batch(message)
    batch = unpack(message)
    assert (batch.batch_id, batch.received_at, len(batch.entries)) == (batch_id, 7_000_000, len(items))
    for sent, got in zip(items, batch.entries, strict=True):
        assert bytes(sent.metadata) == bytes(got.metadata)
        assert dataclasses_equal(sent, got)


def dataclasses_equal(one: Entry, other: Entry) -> bool:
    names = [name for name in Entry.__struct_fields__ if name != "metadata"]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _packed(count: int = 200):
    lines = encode_lines([Entry(timestamp=1, message="m" * 50)] * count)
    return pack(lines, batch_id=new_batch_id(), lane=Lane.NORMAL, received_at=1, count=count)


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
        {"body": b'{"timestamp": 1, "metadata": ' + b"[" * 9000, "content_encoding": ""},
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
