"""Dead letters for people: what is shown of one, and what can be done with them; the same over HTTP and by command."""

from __future__ import annotations

import codecs
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any

import msgspec

from logmill.broker.protocol import Broker, DeadLetter
from logmill.columns import Columns
from logmill.errors import Refused
from logmill.record import Entry
from logmill.timestamps import EPOCH
from logmill.wire import COUNT_HEADER, decoded_bytes, is_batch, unpack

# How much of a letter's content is shown.
MAX_CONTENT_BYTES = 64 * 1024
# A batch that is longer than this when decompressed is shown as bytes.
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
# Of a record that alone is longer than what is shown, so many characters of the message are.
_CUT_CHARS = 8 * 1024
_ROWS_AT_ONCE = 100
# Every letter there is; a queue holds fewer.
_ALL = 1_000_000_000


class NoSuchLetter(Refused):
    """No dead letter has the id."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="no_such_letter", field="id", status=404)


@dataclass(frozen=True, slots=True)
class Listing:
    """How many dead letters there are, and some of them as `summary` shows them."""

    count: int
    letters: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Done:
    """How many letters something was done with, and how many ids none was found for."""

    count: int
    missing: int


def listing(broker: Broker, limit: int) -> Listing:
    """Dead letters, oldest first, at most `limit`; where there are more, which ones depends on the broker.

    Raises:
        BrokerUnavailable: the broker is away, as all functions here do.
    """
    depth = broker.depths()["dead"]
    with broker.dead_letters() as letters:
        found = [summary(letter) for letter in letters.scan(limit)]
    # RabbitMQ puts what was looked at behind what was not.
    return Listing(depth.ready + depth.unacknowledged, sorted(found, key=itemgetter("at")))


def show(broker: Broker, letter_id: str) -> dict[str, Any]:
    """One letter with its content.

    Raises:
        NoSuchLetter: none has this id, or another reader looks at it just now.
    """
    with broker.dead_letters() as letters:
        for letter in letters.scan(_ALL):
            if letter.id == letter_id:
                return {**summary(letter), **content(letter)}
    raise NoSuchLetter(f"there is no dead letter {letter_id[:100]}")


def replay(broker: Broker, ids: Collection[str] | None) -> Done:
    """Send letters on their way again, all where `ids` is None.

    Raises:
        NoSuchLetter: there is none of these.
        BrokerFull: a lane is full; what was not replayed is still there.
    """
    with broker.dead_letters() as letters:
        return _done(letters.replay(ids), ids)


def purge(broker: Broker, ids: Collection[str] | None) -> Done:
    """Remove letters for good, all where `ids` is None.

    Raises:
        NoSuchLetter: there is none of these.
    """
    with broker.dead_letters() as letters:
        return _done(letters.purge(ids), ids)


def _done(count: int, ids: Collection[str] | None) -> Done:
    asked = count if ids is None else len(set(ids))
    if asked and not count:
        raise NoSuchLetter(
            "there is no dead letter of this id" if asked == 1 else "there is no dead letter of these ids"
        )
    return Done(count, asked - count)


def summary(letter: DeadLetter) -> dict[str, Any]:
    """What is known of a letter without a look into it; `records` only where its headers say it."""
    message = letter.message
    facts: dict[str, Any] = {
        "id": letter.id,
        "lane": message.lane,
        "reason": letter.reason,
        "at": letter.at,
        "origin": letter.origin,
        "message_id": message.message_id,
        "content_type": message.content_type,
        "bytes": len(message.body),
    }
    records = message.headers.get(COUNT_HEADER)
    return {**facts, "records": records} if is_batch(message) and isinstance(records, int) else facts


def content(letter: DeadLetter) -> dict[str, Any]:
    """What a letter holds, cut after MAX_CONTENT_BYTES.

    `form` says how `content` shows it: "records" is a list of logs, which is what can be read of Logmill's own batches,
    "text" is UTF-8, "base64" anything else. `truncated` says whether there is more.
    """
    message = letter.message
    if is_batch(message) and decoded_bytes(message) <= MAX_UNPACKED_BYTES:
        try:
            return _records(unpack(message).columns)
        except (Refused, msgspec.DecodeError):
            pass  # it is here because of that, more likely than not
    return _bytes(message.body)


def _records(columns: Columns) -> dict[str, Any]:
    shown: list[dict[str, Any]] = []
    left_bytes = MAX_CONTENT_BYTES
    for start in range(0, len(columns), _ROWS_AT_ONCE):
        for entry in columns.take(range(start, min(start + _ROWS_AT_ONCE, len(columns)))).rows():
            record = _record(entry)
            left_bytes -= len(msgspec.json.encode(record))
            if left_bytes < 0:
                if not shown:
                    shown.append({**record, "message": record["message"][:_CUT_CHARS], "metadata": {}})
                return {"form": "records", "content": shown, "truncated": True}
            shown.append(record)
    return {"form": "records", "content": shown, "truncated": False}


def _record(entry: Entry) -> dict[str, Any]:
    """An accepted log in the fields that clients know; those that are empty are left out."""
    fields = {name: value for name in entry.__struct_fields__ if (value := getattr(entry, name)) != ""}
    at = EPOCH + timedelta(microseconds=entry.timestamp)
    return {
        **fields,
        "timestamp": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "message": entry.message,
        "metadata": msgspec.json.decode(entry.metadata),
    }


def _bytes(body: bytes) -> dict[str, Any]:
    truncated = len(body) > MAX_CONTENT_BYTES
    head = body[:MAX_CONTENT_BYTES]
    try:
        # Not final where it was cut: a character may have lost its end.
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=not truncated)
    except UnicodeDecodeError:
        return {"form": "base64", "content": b64encode(head).decode("ascii"), "truncated": truncated}
    return {"form": "text", "content": text, "truncated": truncated}
