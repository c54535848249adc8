"""Dead letters for people: what is shown of one, and what can be done with them; the same over HTTP and by command."""

from __future__ import annotations

import codecs
from base64 import b64encode
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any

import msgspec
import zstandard

from logmill.broker.protocol import Broker, DeadLetter, DeadLetters
from logmill.columns import Columns
from logmill.errors import Refused
from logmill.record import UNSTORED, Entry
from logmill.results.message import CONTENT_TYPE as RESULTS
from logmill.timestamps import EPOCH
from logmill.wire import COUNT_HEADER, decoded_bytes, decompressed, is_batch, unpack

# How much of a letter's content is shown.
MAX_CONTENT_BYTES = 64 * 1024
# A batch that is longer than this when decompressed is shown as bytes.
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
# Of a record that alone is longer than what is shown, so many characters of the message are.
_CUT_CHARS = 8 * 1024
_ROWS_AT_ONCE = 100
# Where letters are named by id, they are looked for among so many of the oldest.
MAX_SEARCHED = 100_000


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
    """What was done.

    Attributes:
        count: how many letters it was done with.
        missing: how many ids none was found for.
        searched: among how many letters these were looked for, where there are more; None where there are not.
    """

    count: int
    missing: int
    searched: int | None = None


def listing(broker: Broker, limit: int, timeout_s: float) -> Listing:
    """Dead letters, oldest first, at most `limit`; where there are more, which ones depends on the broker.

    Raises:
        BrokerUnavailable: the broker is away, or it takes longer than `timeout_s`, as with all functions here.
    """
    count = _count(broker)
    with broker.dead_letters(timeout_s=timeout_s) as letters:
        found = [summary(letter) for letter in letters.scan(limit)]
    # RabbitMQ puts what was looked at behind what was not.
    return Listing(count, sorted(found, key=itemgetter("at")))


def show(broker: Broker, letter_id: str, timeout_s: float) -> dict[str, Any]:
    """One letter with its content.

    Raises:
        NoSuchLetter: none of the MAX_SEARCHED oldest has this id, or another reader looks at it just now.
    """
    searched = 0
    with broker.dead_letters(timeout_s=timeout_s) as letters:
        for letter in letters.scan(MAX_SEARCHED):
            searched += 1
            if letter.id == letter_id:
                return {**summary(letter), **content(letter)}
    raise NoSuchLetter(f"there is no dead letter {letter_id[:100]}{_among(searched)}")


def replay(broker: Broker, ids: Collection[str] | None, timeout_s: float) -> Done:
    """Send letters on their way again, all where `ids` is None, else those among the MAX_SEARCHED oldest.

    Raises:
        NoSuchLetter: there is none of these.
        BrokerFull: a lane is full; what was not replayed is still there.
        BrokerUnavailable: also where only some were replayed in time; the others are still there.
    """
    return _act(broker, ids, timeout_s, lambda letters, chosen: letters.replay(chosen))


def purge(broker: Broker, ids: Collection[str] | None, timeout_s: float) -> Done:
    """Remove letters for good, all where `ids` is None, else those among the MAX_SEARCHED oldest.

    Raises:
        NoSuchLetter: there is none of these.
        BrokerUnavailable: also where only some were removed in time.
    """
    return _act(broker, ids, timeout_s, lambda letters, chosen: letters.purge(chosen))


def _act(
    broker: Broker,
    ids: Collection[str] | None,
    timeout_s: float,
    act: Callable[[DeadLetters, Collection[str] | None], int],
) -> Done:
    if ids is None:
        with broker.dead_letters(timeout_s=timeout_s) as letters:
            return Done(act(letters, None), 0)
    wanted: Collection[str] = frozenset(ids)
    asked, searched = len(wanted), None
    is_long = _count(broker) > MAX_SEARCHED
    with broker.dead_letters(timeout_s=timeout_s) as letters:
        if is_long:  # else the broker would go through all of them for one that is not there
            wanted, searched = _find(letters, wanted), MAX_SEARCHED
        count = act(letters, wanted) if wanted else 0
    if asked and not count:
        raise NoSuchLetter(f"there is no dead letter of {'this id' if asked == 1 else 'these ids'}{_among(searched)}")
    return Done(count, asked - count, searched if count < asked else None)


def _find(letters: DeadLetters, ids: Collection[str]) -> Collection[str]:
    """Those of these ids that the MAX_SEARCHED oldest letters have."""
    found = set()
    for letter in letters.scan(MAX_SEARCHED):
        if letter.id in ids:
            found.add(letter.id)
            if len(found) == len(ids):
                break
    return found


def _among(searched: int | None) -> str:
    """How far the search went, for the end of a sentence; "" where it saw all there is."""
    return f" among the {searched:,} oldest; there may be more" if searched and searched >= MAX_SEARCHED else ""


def _count(broker: Broker) -> int:
    depth = broker.depths()["dead"]
    return depth.ready + (depth.unacknowledged or 0)


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
    "text" is UTF-8 (of a file of test results, decompressed), "base64" anything else. `truncated` says whether there
    is more.
    """
    message = letter.message
    if is_batch(message) and decoded_bytes(message) <= MAX_UNPACKED_BYTES:
        try:
            return _records(unpack(message).columns)
        except (Refused, msgspec.DecodeError, ValueError, OverflowError, RecursionError):
            pass  # it is here because of that, more likely than not
    if message.content_type == RESULTS and decoded_bytes(message) <= MAX_UNPACKED_BYTES:
        with suppress(Refused, zstandard.ZstdError):
            return _bytes(decompressed(message))
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
    names = (name for name in entry.__struct_fields__ if name not in UNSTORED)
    fields = {name: value for name in names if (value := getattr(entry, name)) != ""}
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
