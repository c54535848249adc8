"""Messages that are no batch: JSON, NDJSON or text of other AMQP clients, and whole files of test results."""

from __future__ import annotations

from uuid import UUID

from logmill.broker.protocol import Message
from logmill.columns import Columns
from logmill.errors import Refused, Undecodable
from logmill.ids import batch_id_of, new_batch_id
from logmill.intake import NDJSON, Rejection, Taken, check_utf8, from_array, from_lines, from_object
from logmill.record import Entry
from logmill.results.message import is_results, unpack_file
from logmill.results.reading import read as read_results
from logmill.results.records import PROBLEM, Origin, left_out, records_of, why_unreadable
from logmill.submitted import Limits, Submitted, entry_of
from logmill.timestamps import now_us
from logmill.wire import Batch

PROTOCOL = "amqp"
HTTP = "http"
CLOCK_SLACK_US = 86_400_000_000


def read_foreign(message: Message, limits: Limits) -> tuple[Batch, list[Rejection]]:
    """The records of such a message, and the items of it that cannot be taken.

    With a `message_id` its logs are stored once however often the broker delivers it; without one nobody can tell a
    second delivery from a second message, and a crash at the wrong moment stores them twice.

    Raises:
        Refused: nothing of it can be taken.
    """
    if is_results(message):
        return _read_results(message, limits)
    received_at = _received_at(message.timestamp_s * 1_000_000)
    batch_id = _batch_id(message)
    taken = _read(message, limits, received_at)
    return Batch(batch_id=batch_id, received_at=received_at, columns=taken.columns), taken.rejected


def _read_results(message: Message, limits: Limits) -> tuple[Batch, list[Rejection]]:
    """A file of test results, as `read_foreign` says."""
    file = unpack_file(message)
    received_at = _received_at(file.received_at or message.timestamp_s * 1_000_000)
    found = read_results(file.body, name=file.name, hint=file.hint, max_outcomes=limits.max_batch_records)
    called = file.name or file.hint
    if not found.is_readable:
        raise Undecodable(why_unreadable(found, called), code=PROBLEM)
    if found.left_out:
        raise Refused(left_out(found, called), code="too_many")
    origin = Origin(file.service, received_at, PROTOCOL if file.received_at is None else HTTP)
    columns, rejections = records_of(found, origin, limits)
    return Batch(batch_id=_batch_id(message), received_at=received_at, columns=columns), rejections


def _received_at(us: int) -> int:
    """When a message was sent, where it says so in the right unit; else now."""
    now = now_us()
    return us if 0 < us <= now + CLOCK_SLACK_US else now


def _batch_id(message: Message) -> UUID:
    return batch_id_of(message.message_id, message.body) if message.message_id else new_batch_id()


def _read(message: Message, limits: Limits, received_at: int) -> Taken:
    if message.content_encoding:
        raise Undecodable(f"content encoding {message.content_encoding!r} on a message that is no batch")
    body = message.body.strip()
    if message.content_type == "text/plain":
        check_utf8(body)
        return _single(entry_of(Submitted(message=body.decode()), limits, received_at, PROTOCOL))
    if message.content_type == NDJSON:
        taken = from_lines(body, limits, now_us=received_at, protocol=PROTOCOL)
    elif body.startswith(b"["):
        taken = from_array(body, limits, now_us=received_at, protocol=PROTOCOL)
    else:
        return _single(from_object(body, limits, now_us=received_at, protocol=PROTOCOL))
    if not len(taken.columns):
        first = taken.rejected[0]
        raise Undecodable(f"none of its {len(taken.rejected)} logs can be taken; the first: {first.message}")
    return taken


def _single(entry: Entry) -> Taken:
    return Taken(Columns.of([entry]), [])
