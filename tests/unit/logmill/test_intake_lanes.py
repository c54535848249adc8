"""The lane that a record asks for."""

from __future__ import annotations

import json

import pytest

from logmill.errors import InvalidField, Refused
from logmill.intake import Limits, from_array, from_lines, from_object, from_single
from logmill.record import Lane

LIMITS = Limits()


def read_lanes(items: list, read=from_array):
    body = json.dumps(items) if read is from_array else "\n".join(map(json.dumps, items))
    return read(body.encode(), LIMITS, now_us=1, protocol="http", lanes=True)


@pytest.mark.parametrize("read", [from_array, from_lines])
@pytest.mark.parametrize("extra", [{}, {"unknown": 1}])  # the quick way, and the careful one
def test_a_lane_is_kept_beside_the_record_and_out_of_it(read, extra):
    taken = read_lanes([{"message": "a", "lane": "bulk", **extra}, {"message": "b"}], read)
    assert taken.lanes == [Lane.BULK, None]
    assert [json.loads(bytes(entry.metadata)) for entry in taken.columns.rows()] == [extra, {}]
    assert read_lanes([{"message": "a", **extra}, {"message": "b", "lane": None}], read).lanes == ()


def test_a_lane_counts_for_single_records_and_inside_log_data():
    def lanes(item: object):
        return from_single(json.dumps(item).encode(), LIMITS, now_us=1, protocol="http").lanes

    assert lanes({"message": "a", "lane": "urgent"}) == (Lane.URGENT,)
    assert lanes({"log_data": {"message": "a", "lane": "urgent"}}) == (Lane.URGENT,)
    assert lanes({"log_data": "a", "lane": "urgent"}) == (Lane.URGENT,)
    assert lanes({"message": "a", "metadata": {"lane": "x"}}) == ()
    with pytest.raises(Refused, match="empty"):
        lanes({"lane": "urgent"})


@pytest.mark.parametrize("lane", ["express", "", "URGENT", 5, True, [], {}])
def test_an_unknown_lane_is_refused_and_named(lane):
    with pytest.raises(InvalidField) as caught:
        from_single(json.dumps({"message": "a", "lane": lane}).encode(), LIMITS, now_us=1, protocol="http")
    assert caught.value.field == "lane"
    taken = read_lanes([{"message": "a"}, {"message": "b", "lane": lane}])
    assert [(r.index, r.field) for r in taken.rejected] == [(1, "lane")]


@pytest.mark.parametrize("lane", ["bulk", "express", 5])
def test_where_records_may_name_no_lane_it_is_ignored(lane):
    body = json.dumps({"message": "a", "lane": lane}).encode()
    assert from_object(body, LIMITS, now_us=1, protocol="amqp") == from_object(
        b'{"message": "a"}', LIMITS, now_us=1, protocol="amqp"
    )
    taken = from_array(b"[" + body + b"]", LIMITS, now_us=1, protocol="amqp")
    assert (list(taken.columns.message), taken.lanes, taken.rejected) == (["a"], (), [])
    assert bytes(taken.columns.metadata[0]) == b"{}"
