"""Redacts whole messages, for the dead letters: what cannot be read is redacted too, or withheld."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import structlog

from logmill.broker.protocol import Message
from logmill.columns import OPTIONAL, Columns
from logmill.errors import Undecodable
from logmill.ids import batch_id_of
from logmill.results.message import CONTENT_TYPE as RESULTS
from logmill.results.message import PackedFile, SentFile
from logmill.wire import decompressed, is_batch, pack, unpack
from processor.redaction.documents import Documents
from processor.redaction.encoded import redact_encoded, redact_message
from processor.redaction.text import Redactor

log = structlog.get_logger()

# What no text has, in whatever encoding: all but tab, line feed and carriage return.
_CONTROLS = frozenset(range(32)) - {9, 10, 13}


def without_secrets(message: Message, redactor: Redactor) -> Message:
    """The message as it may be kept, under the same id. It never raises.

    Args:
        message: any, also one that cannot be read.
        redactor: by which rules.
    """
    if not redactor.hints:
        return message
    try:
        kept = _batch(message, redactor) if is_batch(message) else _foreign(message, redactor)
    except Exception:  # it is put aside because something is wrong with it; that must not come to light here again
        log.warning("dead_letter_withheld", message_id=message.message_id, exc_info=True)
        kept = _withheld(message)
    headers = {
        redactor.redact(name): redactor.redact(value, name) if isinstance(value, str) else value
        for name, value in kept.headers.items()
    }
    # One without an id has the one that follows from its body, under which its rejection was reported.
    message_id = redactor.redact(message.message_id or str(batch_id_of("", message.body)))
    return replace(kept, headers=headers, message_id=message_id)


def _batch(message: Message, redactor: Redactor) -> Message:
    try:
        batch = unpack(message)
        metadata = [bytes(text).decode() for text in batch.columns.metadata]
    except (Undecodable, UnicodeDecodeError):
        return _withheld(message)
    documents, columns = Documents(redactor), batch.columns
    redacted = Columns(
        columns.timestamp,
        columns.level,
        [redact_message(text, redactor) for text in columns.message],
        [redactor.redact(text) for text in columns.service],
        [msgspec.Raw(documents.redact(text).encode()) for text in metadata],
        *([redactor.redact(text) for text in getattr(columns, name)] for name in OPTIONAL),
    )
    packed = pack(redacted, batch_id=batch.batch_id, lane=message.lane, received_at=batch.received_at)
    return replace(packed, headers={**message.headers, **packed.headers})


def _foreign(message: Message, redactor: Redactor) -> Message:
    if message.content_type == RESULTS and message.content_encoding:
        read = _foreign(replace(message, body=decompressed(message), content_encoding=""), redactor)
        packed = PackedFile.of(SentFile(read.body))
        return replace(message, body=packed.body, content_encoding=packed.encoding)
    if message.content_encoding:
        return _withheld(message)
    try:
        return replace(message, body=redact_encoded(message.body.decode(), redactor).encode())
    except UnicodeDecodeError:
        pass
    if not _CONTROLS.isdisjoint(message.body):  # compressed, or some other thing that is no text
        return _withheld(message)
    # Every encoding that has the letters of ASCII as ASCII has them; the others come back as they were.
    return replace(message, body=redact_encoded(message.body.decode("latin-1"), redactor).encode("latin-1"))


def _withheld(message: Message) -> Message:
    note = f"withheld: {len(message.body)} bytes that cannot be read, so nobody knows what is in them"
    return replace(message, body=note.encode())
