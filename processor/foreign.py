"""Messages that some other AMQP client published: plain JSON, NDJSON or text, read as the producer reads a body."""

from __future__ import annotations

from logmill.broker.protocol import Message
from logmill.columns import Columns
from logmill.errors import Undecodable
from logmill.ids import batch_id_of, new_batch_id
from logmill.intake import NDJSON, Rejection, Taken, check_utf8, from_array, from_lines, from_object
from logmill.record import Entry
from logmill.submitted import Limits, Submitted, entry_of
from logmill.timestamps import now_us
from logmill.wire import Batch

PROTOCOL = "amqp"
CLOCK_SLACK_US = 86_400_000_000


def read_foreign(message: Message, limits: Limits) -> tuple[Batch, list[Rejection]]:
    """The records of a foreign message, and the items of it that cannot be taken.

    With a `message_id` its logs are stored once however often the broker delivers it; without one nobody can tell a
    second delivery from a second message, and a crash at the wrong moment stores them twice.

    Raises:
        Refused: nothing of it can be taken.
    """
    received_at = message.timestamp_s * 1_000_000
    if not 0 < received_at <= now_us() + CLOCK_SLACK_US:
        received_at = now_us()  # none, or not in seconds
    batch_id = batch_id_of(message.message_id, message.body) if message.message_id else new_batch_id()
    taken = _read(message, limits, received_at)
    return Batch(batch_id=batch_id, received_at=received_at, columns=taken.columns), taken.rejected


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
