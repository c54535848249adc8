"""From the bytes that a client sent to accepted records: the one place that decides what is taken and what is refused.

Pure: no I/O. A body in which every item is plain and well-formed is decoded in one call by msgspec and becomes columns
in a few passes (`logmill.plain`); where one item does not fit that mould, each goes through `logmill.coerce`, so that
care costs nothing where it is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET, Raw

from logmill.coerce import MALFORMED, coerce, malformed, mend_surrogates
from logmill.columns import Columns
from logmill.errors import Refused, Undecodable
from logmill.plain import plain_columns
from logmill.record import Entry, Lane
from logmill.submitted import Limits, Submitted, SubmittedWithLane, entry_of, lane_of

__all__ = ["Limits", "Rejection", "Taken", "check_utf8", "from_array", "from_lines", "from_object", "from_single"]


class Rejection(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why one item was not taken.

    Attributes:
        index: its place in the body, from 0; empty lines do not count.
        code: a short stable name of the fault.
        message: the fault, in words.
        field: the field at fault, if it is one; "line 3" where a whole line is.
        line: the line it is on, from 1, all lines counted; of bodies that are read by lines.
        position: the character of the line at which it cannot be read, from 0.
    """

    index: int
    code: str
    message: str
    field: str | None = None
    line: int | None = None
    position: int | None = None

    @classmethod
    def of(cls, error: Refused, index: int, line: int | None = None) -> Rejection:
        """What an error says of the item at this place."""
        position = error.more.get("position")
        return cls(
            index=index,
            code=error.code,
            message=str(error),
            field=name_of(line) if error.field is None and line is not None else error.field,
            line=line,
            position=position if isinstance(position, int) else None,
        )


def name_of(line: int) -> str:
    """What errors call a line."""
    return f"line {line}"


class Taken(msgspec.Struct, frozen=True):
    """What came of a body.

    Attributes:
        columns: the records taken, in their order.
        rejected: the items refused.
        lanes: the lane that each record asked for, None where its level decides; empty where none asked.
    """

    columns: Columns
    rejected: list[Rejection]
    lanes: Sequence[Lane | None] = ()


# The content type of the bodies that `from_lines` reads, and the other names it goes by.
NDJSON = "application/x-ndjson"
NDJSON_TYPES = frozenset({NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines"})

_NO_METADATA = (b"{}", b"null")
_decode_one = msgspec.json.Decoder(Submitted).decode
_decode_many = msgspec.json.Decoder(list[Submitted]).decode
_decode_lines = msgspec.json.Decoder(Submitted).decode_lines
_decode_many_with_lane = msgspec.json.Decoder(list[SubmittedWithLane]).decode
_decode_lines_with_lane = msgspec.json.Decoder(SubmittedWithLane).decode_lines
_decode_items = msgspec.json.Decoder(list[Raw]).decode


def from_object(body: bytes, limits: Limits, *, now_us: int, protocol: str) -> Entry:
    """The record of a body that is one JSON object, or `{"log_data": object or text}`; a lane in it is ignored.

    Args:
        body: UTF-8 JSON.
        limits: what is too much.
        now_us: the event time of a record that names none.
        protocol: how it came in.

    Raises:
        Undecodable: the body is no JSON.
        InvalidField: names the field at fault.
        Refused: it is empty, or no object.
    """
    return entry_of(_item(body, limits), limits, now_us, protocol)


def from_single(body: bytes, limits: Limits, *, now_us: int, protocol: str) -> Taken:
    """The same with the lane that the record asks for; an unknown one is an InvalidField."""
    item = _item(body, limits)
    lane = lane_of(item)
    return Taken(Columns.of([entry_of(item, limits, now_us, protocol)]), [], () if lane is None else (lane,))


def from_array(body: bytes, limits: Limits, *, now_us: int, protocol: str, lanes: bool = False) -> Taken:
    """The records of a JSON array of objects; arguments as in `from_object`, but a bad item is no error.

    Args:
        body: as in `from_object`, as are those not named here.
        limits: as there.
        now_us: as there.
        protocol: as there.
        lanes: whether records may ask for a lane; else a lane in them is ignored.

    Raises:
        Undecodable: the body is no JSON.
        Refused: it is no array, is empty, or holds more than `limits.max_batch_records`.
    """
    check_utf8(body)
    try:
        items = _decode_plain(body, _decode_many, _decode_many_with_lane)
    except msgspec.ValidationError:
        taken = None
    except MALFORMED as error:
        mended = mend_surrogates(body)
        if mended is not None:
            return from_array(mended, limits, now_us=now_us, protocol=protocol, lanes=lanes)
        raise malformed(error, body) from None
    else:
        taken = _take_plain(items, limits, now_us, protocol, lanes=lanes)
    if taken is not None:
        return taken
    try:
        raw_items = _decode_items(mend_surrogates(body) or body)
    except msgspec.ValidationError:
        raise Refused("the body must be a JSON array of log objects", code="not_an_array") from None
    except MALFORMED as error:
        raise malformed(error, body) from None
    return _take_each([bytes(raw) for raw in raw_items], limits, now_us, protocol, lanes=lanes)


def from_lines(body: bytes, limits: Limits, *, now_us: int, protocol: str, lanes: bool = False) -> Taken:
    """The records of NDJSON, one object a line; blank lines do not count. As `from_array` otherwise.

    A line that is no JSON or no UTF-8 is a bad item like others.

    Raises:
        Refused: it has no line, or more than `limits.max_batch_records`.
    """
    try:
        check_utf8(body)
        items = _decode_plain(body, _decode_lines, _decode_lines_with_lane)
    except (Undecodable, *MALFORMED):  # a line that needs care, or a malformed one: which, is found line by line
        taken = None
    else:
        taken = _take_plain(items, limits, now_us, protocol, lanes=lanes)
    if taken is not None:
        return taken
    lines = {number: line for number, line in enumerate(body.split(b"\n"), 1) if line.strip()}
    return _take_each([*lines.values()], limits, now_us, protocol, lanes=lanes, numbers=[*lines])


def check_utf8(body: bytes, what: str = "the body") -> None:
    """Refuse bytes that are not UTF-8, which the JSON decoder would let pass inside metadata.

    Args:
        body: the bytes.
        what: their name in the error.

    Raises:
        Undecodable: says where.
    """
    try:
        str(body, "utf-8")
    except UnicodeDecodeError as error:
        raise Undecodable(f"{what} is not UTF-8: byte {error.start}: {error.reason}", code="not_utf8") from None


def _check_count(count: int, limits: Limits) -> None:
    if count == 0:
        raise Refused("the body holds no logs", code="empty")
    if count > limits.max_batch_records:
        raise Refused(f"{count} logs in one request, {limits.max_batch_records} at most", code="too_many", status=413)


def _item(body: bytes, limits: Limits, what: str = "the body") -> Submitted:
    check_utf8(body, what)
    try:
        item = _decode_one(body)
    except msgspec.ValidationError:
        return coerce(mend_surrogates(body) or body, limits, what)
    except MALFORMED as error:
        mended = mend_surrogates(body)
        if mended is not None:
            return _item(mended, limits, what)
        raise malformed(error, body, what) from None
    # Here a field that was sent with its default is as one that was not: with little else, what was sent must be seen.
    return coerce(body, limits) if item.message is UNSET and bytes(item.metadata) in _NO_METADATA else item


def _decode_plain(
    body: bytes,
    decode: Callable[[bytes], Sequence[Submitted]],
    decode_with_lane: Callable[[bytes], Sequence[Submitted]],
) -> Sequence[Submitted]:
    """The items of a body by `decode`, or by `decode_with_lane` where an item that has one is in its way."""
    try:
        return decode(body)
    except msgspec.ValidationError:
        if b'"lane"' not in body:
            raise
        return decode_with_lane(body)


def _take_plain(items: Sequence[Submitted], limits: Limits, now_us: int, protocol: str, *, lanes: bool) -> Taken | None:
    """What comes of items that msgspec took as they are, or None where one of them must be looked at by itself."""
    _check_count(len(items), limits)
    columns = plain_columns(items, limits, now_us=now_us, protocol=protocol)
    if columns is None:
        return None
    if not lanes or type(items[0]) is Submitted:
        return Taken(columns, [])
    return Taken(columns, [], _asked([lane_of(item) for item in items]))


def _take_each(
    items: Sequence[bytes],
    limits: Limits,
    now_us: int,
    protocol: str,
    *,
    lanes: bool,
    numbers: Sequence[int] | None = None,
) -> Taken:
    """What comes of items one by one; `numbers` are those of their lines, where each is one."""
    _check_count(len(items), limits)
    entries: list[Entry] = []
    rejected: list[Rejection] = []
    asked: list[Lane | None] = []
    for index, raw in enumerate(items):
        line = None if numbers is None else numbers[index]
        try:
            item = _item(raw, limits, f"item {index}" if line is None else name_of(line))
            lane = lane_of(item) if lanes else None
            entries.append(entry_of(item, limits, now_us, protocol))
            asked.append(lane)
        except Refused as error:
            rejected.append(Rejection.of(error, index, line))
    return Taken(Columns.of(entries), rejected, _asked(asked))


def _asked(lanes: Sequence[Lane | None]) -> Sequence[Lane | None]:
    return lanes if any(lanes) else ()
